"""``items.parquet`` of many jobs as one table of numbers; of one job with its texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.layout import SCHEMA_VERSION
from optbench.results.job import Job
from optbench.results.problems import Problems
from optbench.results.read import UnreadableError, one_line
from optbench.results.tidy import KEYS, tidied
from optbench.results.together import categorical, each, repeated

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PHASES = ("baseline", "final")
SPENT = ("tokens_in", "tokens_out", "cost_usd", "latency_s")
BATCH = 50
"""Jobs."""
NUMBER = "job"
MAX_ROWS = 5_000_000
MAX_BYTES = 512 * 2**20
"""Of the columns that are read, decoded."""
SMALL_BYTES = 2**20
"""A file that is read at once; of a larger one, the columns that are needed."""
MAX_TEXT_BYTES = 2**30


def read_items(jobs: Sequence[Job], problems: Problems) -> pd.DataFrame:
    """One row a job, phase (baseline or final), slice and item; see :attr:`.runs.Runs.items`.

    Args:
        jobs: Those to read, in order.
        problems: Takes in what is wrong; such a file or row is left out, the others are read.
    """
    import pyarrow as pa

    starts = range(0, len(jobs), BATCH)
    batches = each(lambda start: _batch(jobs[start : start + BATCH], start, problems), starts)
    tables = [_nothing(), *(table for table, _ in batches)]
    table = pa.concat_tables(tables, promote_options="default")
    number = table.column(NUMBER).to_numpy()
    columns = repeated(jobs, number)
    columns |= {name: categorical(table.column(name)) for name in KEYS}
    read = frozenset(number for _, numbers in batches for number in numbers)
    return tidied(_framed(columns, table), jobs, number, read, problems)


def read_texts(job: Job, problems: Problems) -> list[dict[str, Any]]:
    """All columns of a job's file, outputs and reasons included; empty where it cannot be read."""
    from pyarrow import ArrowException

    path = job.found.file("items")
    if path is None:
        return []
    try:
        with _opened(path) as file:
            _bounded(file, range(file.metadata.num_columns), MAX_TEXT_BYTES)
            table = file.read()
            table.validate(full=True)
            rows: list[dict[str, Any]] = table.to_pylist()
            return rows
    except UnreadableError as error:
        problems.add(job.place, error.kind, f"{path.name} {error.what}", excluded=True)
    except (ArrowException, OSError, ValueError) as error:
        what = f"{path.name} cannot be read ({one_line(error, 120)})"
        problems.add(job.place, "truncated", what, excluded=True)
    return []


def _nothing() -> pa.Table:
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string())
    fields = [*((name, text) for name in KEYS), ("score", pa.float64()), (NUMBER, pa.int64())]
    return pa.schema(fields).empty_table()


def _batch(jobs: Sequence[Job], start: int, problems: Problems) -> tuple[pa.Table, Sequence[int]]:
    """The rows of some jobs in the phases that are compared, with the job's number among all.

    The numbers of those whose file was read come with it.

    Some jobs at once, since each step takes far longer to begin than for the rows of one.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    numbered = [
        (number, table)
        for number, job in enumerate(jobs, start)
        if (table := _of_job(job, problems)) is not None
    ]
    if not numbered:
        return _nothing(), ()
    whole = pa.concat_tables([table for _, table in numbered], promote_options="default")
    read = [number for number, _ in numbered]
    number = np.repeat(read, [len(table) for _, table in numbered])
    whole = whole.append_column(NUMBER, pa.array(number, pa.int64()))
    return whole.filter(compute.is_in(whole.column("phase"), value_set=pa.array(PHASES))), read


def _of_job(job: Job, problems: Problems) -> pa.Table | None:
    from pyarrow import ArrowException

    path = job.found.file("items")
    if path is None:
        if job.finished:
            problems.add(job.place, "missing", "there is no items.parquet", excluded=True)
        return None
    if not job.metrics:
        return None  # said where its result was read
    try:
        return _numbers(path, job.metrics)
    except UnreadableError as error:
        problems.add(job.place, error.kind, f"{path.name} {error.what}", excluded=True)
    except (ArrowException, OSError, ValueError) as error:
        what = f"{path.name} cannot be read ({one_line(error, 120)})"
        problems.add(job.place, "truncated", what, excluded=True)
    return None


def _numbers(path: Path, metrics: Sequence[str]) -> pa.Table:
    """All rows; scores as ``score`` and ``score.<metric>``, texts as dictionaries."""
    import pyarrow as pa

    sources = {name: name for name in KEYS}
    sources["score"] = f"score.{metrics[0]}"
    sources |= {f"score.{name}": f"score.{name}" for name in metrics[1:]}
    sources |= {name: name for name in SPENT}
    with _opened(path, dictionaries=KEYS) as file:
        schema = file.schema_arrow
        columns = {ours: name for ours, name in sources.items() if _has(schema, ours, name)}
        _bounded(file, [schema.get_field_index(name) for name in columns.values()], MAX_BYTES)
        table = file.read(columns=list(columns.values()), use_threads=False)
    table.validate(full=True)  # codes within their dictionary, texts in UTF-8
    text = pa.dictionary(pa.int32(), pa.string())
    found = {ours: table.column(name) for ours, name in columns.items()}
    for ours, column in found.items():
        kind = text if ours in KEYS else pa.float64()
        if column.type != kind:
            found[ours] = column.cast(kind, safe=False)
    return pa.table(found)


def _opened(path: Path, dictionaries: Sequence[str] = ()) -> Any:
    """A file of ours.

    Raises:
        UnreadableError: When it is of another schema version, or lacks one of the dictionaries.
    """
    import pyarrow as pa
    from pyarrow import parquet

    small = path.stat().st_size <= SMALL_BYTES
    source = pa.BufferReader(path.read_bytes()) if small else pa.OSFile(str(path))
    try:
        file = parquet.ParquetFile(source, read_dictionary=list(dictionaries), pre_buffer=False)
    except KeyError as error:  # of a dictionary
        name = one_line(error.args[0].decode("utf-8", "replace"), 60)
        raise UnreadableError("schema", f"has no column '{name}'") from error
    version = (file.metadata.metadata or {}).get(b"optbench_schema_version")
    if version != str(SCHEMA_VERSION).encode():
        file.close()
        said = "none" if version is None else one_line(version.decode("utf-8", "replace"), 20)
        raise UnreadableError("schema", f"is of schema version {said}, not {SCHEMA_VERSION}")
    return file


def _has(schema: pa.Schema, ours: str, name: str) -> bool:
    """Whether a column is there, once, and of the type it must be.

    Raises:
        UnreadableError: When it is of another type, or one that is needed is not there.
    """
    from pyarrow import types

    found = schema.get_field_index(name)
    if found < 0:
        if ours in (*KEYS, "score"):
            raise UnreadableError("schema", f"has no column '{one_line(name, 60)}', or two")
        return False
    kind = schema.field(found).type
    if ours in KEYS:
        kind = kind.value_type if types.is_dictionary(kind) else kind
        fits = types.is_string(kind) or types.is_large_string(kind)
    else:
        fits = types.is_floating(kind) or types.is_integer(kind) or types.is_null(kind)
    if not fits:
        said = f"has {one_line(kind, 40)} in its column '{one_line(name, 60)}'"
        raise UnreadableError("schema", said)
    return True


def _bounded(file: Any, columns: Sequence[int], limit: int) -> None:
    """Before anything is decoded: a small file can hold a great deal.

    Raises:
        UnreadableError: When it does.
    """
    meta = file.metadata
    if meta.num_columns != len(file.schema_arrow.names):
        raise UnreadableError("schema", "has nested columns")
    if meta.num_rows > MAX_ROWS:
        raise UnreadableError("large", f"has {meta.num_rows:,} rows; {MAX_ROWS:,} are read")
    groups = [meta.row_group(index) for index in range(meta.num_row_groups)]
    size = sum(
        group.column(column).total_uncompressed_size for group in groups for column in columns
    )
    if size > limit:
        raise UnreadableError("large", f"has {size:,} bytes to decode; {limit:,} are read")


def _framed(columns: dict[str, Any], table: pa.Table) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    others = sorted(name for name in table.column_names if name.startswith("score."))
    for name in ("score", *others, *SPENT):
        known = name in table.column_names
        columns[name] = table.column(name).to_numpy() if known else np.full(len(table), np.nan)
    return pd.DataFrame(columns, copy=False)
