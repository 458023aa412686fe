"""``calls.sqlite`` of many jobs as one table, without texts."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.results.job import Job
from optbench.results.problems import Problems
from optbench.results.read import MAX_TEXT, UnreadableError, one_line
from optbench.results.together import categorical, each

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TEXTS = ("phase", "role", "model", "outcome", "source")
WHOLES = ("tokens_in", "tokens_out", "attempt")
NUMBERS = ("cost_usd", "latency_s", "at_s")
COLUMNS = (*TEXTS, "tokens_in", "tokens_out", *NUMBERS, "attempt")
MAX_BYTES = 4 * 2**30
MAX_SECONDS = 60.0
"""For one file: a hostile one can compute for ever."""
_LARGE = 2**53


def read_calls(jobs: Sequence[Job], problems: Problems) -> pd.DataFrame:
    """One row a call, in the order in which they ended; see :attr:`.runs.Runs.calls`."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    tables = each(lambda job: _of_job(job, problems), jobs)
    number = np.repeat(np.arange(len(jobs)), [len(table) for table in tables])
    table = pa.concat_tables([_as_table([]), *tables])
    names = pd.Categorical(pd.array([job.row.get("identity") for job in jobs], dtype="str"))
    columns: dict[str, Any] = {"identity": names.take(number)}
    for name in COLUMNS:
        column = table.column(name)
        if name in TEXTS:
            columns[name] = categorical(column)
        elif name in WHOLES:
            unknown = column.is_null().to_numpy()
            columns[name] = pd.arrays.IntegerArray(column.fill_null(0).to_numpy(), unknown)
        else:
            columns[name] = column.to_numpy()
    return pd.DataFrame(columns, copy=False)


def _as_table(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """A job's rows, in a tenth of the memory that they take as objects."""
    import pyarrow as pa

    values = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    kinds = {
        **dict.fromkeys(TEXTS, pa.string()),
        **dict.fromkeys(WHOLES, pa.int64()),
        **dict.fromkeys(NUMBERS, pa.float64()),
    }
    columns = {name: pa.array(of, kinds[name]) for name, of in zip(COLUMNS, values, strict=True)}
    return pa.table(
        {name: one.dictionary_encode() if name in TEXTS else one for name, one in columns.items()}
    )


def _of_job(job: Job, problems: Problems) -> pa.Table:
    path = job.found.file("calls")
    if path is None:
        if job.finished:
            problems.add(job.place, "missing", "there is no calls.sqlite", excluded=True)
        return _as_table([])
    try:
        with _opened(job, path) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            tables = [name for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
            if version == 0 and not tables and not job.finished:
                return _as_table([])  # killed before its first line
            _check(job, db, version if "calls" in tables else None)
            return _as_table(db.execute(_QUERY).fetchall())
    except UnreadableError as error:
        problems.add(job.place, error.kind, f"{path.name} {error.what}", excluded=True)
    except (sqlite3.Error, OSError, ValueError) as error:
        what = f"{path.name} cannot be read ({one_line(error, 120)})"
        problems.add(job.place, "truncated", what, excluded=True)
    return _as_table([])


def _check(job: Job, db: sqlite3.Connection, version: int | None) -> None:
    from optbench.models.ledger import SCHEMA_VERSION

    if version is None:
        raise UnreadableError("truncated", "holds no calls")
    if version != SCHEMA_VERSION:
        raise UnreadableError("schema", f"is of schema version {version}, not {SCHEMA_VERSION}")
    owner = db.execute("SELECT identity FROM task").fetchone()
    if owner and job.row.get("identity") not in (None, owner[0]):
        raise UnreadableError("mismatch", f"belongs to another task ({one_line(owner[0], 12)})")


def _column(name: str) -> str:
    """A value of the type it must be; SQLite keeps anything in any column."""
    if name in TEXTS:
        return f"CASE typeof({name}) WHEN 'text' THEN substr({name}, 1, {MAX_TEXT}) END"
    if name in WHOLES:
        fits = f"typeof({name}) = 'integer' AND abs({name} / 2) < {_LARGE // 2}"
    else:
        fits = f"typeof({name}) IN ('integer', 'real') AND abs({name}) < 1e300"
    return f"CASE WHEN {fits} THEN {name} END"


_QUERY = f"SELECT {', '.join(map(_column, COLUMNS))} FROM calls ORDER BY id"


@contextmanager
def _opened(job: Job, path: Path) -> Iterator[sqlite3.Connection]:
    """The file, for reading; nothing is written beside it.

    A running job's write-ahead log is read along; a dead one's is folded in, in a copy elsewhere.

    Raises:
        UnreadableError: When it is too large.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UnreadableError("large", f"has {size:,} bytes; {MAX_BYTES:,} are read")
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    if log.name not in job.found.files:
        with _connected(path, "mode=ro&immutable=1") as db:
            yield db
    elif job.row["state"] == "running" and index.name in job.found.files:
        with _connected(path, "mode=ro") as db:
            yield db
    else:
        with tempfile.TemporaryDirectory(prefix="optbench-") as aside:
            for file in (path, log):
                shutil.copyfile(file, Path(aside) / file.name)
            with _connected(Path(aside) / path.name, "mode=rw") as db:
                yield db


@contextmanager
def _connected(path: Path, how: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=5)) as db:
        db.text_factory = lambda text: text.decode("utf-8", "replace")
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("PRAGMA query_only=ON")
        until = time.monotonic() + MAX_SECONDS
        db.set_progress_handler(lambda: time.monotonic() > until, 1_000_000)
        yield db
