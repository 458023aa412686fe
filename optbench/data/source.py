"""Where rows come from: a hub, a file, a package, a generator. One function reads them all."""

from __future__ import annotations

import importlib
import importlib.resources
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from optbench.config.schema import SourceConf, SourceKind
from optbench.errors import DataError

Row = Mapping[str, Any]


def read_split(source: SourceConf, split: str, *, needed: int | None = None) -> Sequence[Row]:
    """The rows of one split, in the source's own order.

    Args:
        source: The dataset's source.
        split: The split's name.
        needed: As many leading rows suffice; None reads them all.

    Raises:
        DataError: Naming the config key, when a key is missing or the rows cannot be read.
    """
    return _READERS[source.kind](source, split, needed)


def _require(source: SourceConf, *keys: str) -> None:
    for key in keys:
        if not getattr(source, key):
            raise DataError(
                f"a {source.kind.value} source needs it",
                key=f"dataset.source.{key}",
                mend=f"give dataset.source.{key}",
            )


def _hub(source: SourceConf, split: str, needed: int | None) -> Sequence[Row]:
    _require(source, "id")
    import datasets  # here: it takes a second to import, and only hub sources need it

    wanted = split if needed is None else f"{split}[:{needed}]"
    try:
        loaded = datasets.load_dataset(
            source.id, source.config, split=wanted, revision=source.revision
        )
    except Exception as error:  # the loader raises a dozen types, from the network down to the disk
        raise DataError(
            f"cannot load {source.id} ({source.config or 'default'}, {wanted}): "
            f"{type(error).__name__}: {_first_line(error)}",
            key="dataset.source.id",
            mend="check the network, or the names of repository, config and split; "
            "HF_HUB_OFFLINE=1 uses what an earlier run downloaded",
        ) from error
    rows: list[Row] = loaded.to_list()
    return rows


def _file(source: SourceConf, split: str, _needed: int | None) -> Sequence[Row]:
    _require(source, "path")
    path = Path(str(source.path).replace("{split}", split)).expanduser()
    return _of_split(_parse(path), source, split)


def _package(source: SourceConf, split: str, _needed: int | None) -> Sequence[Row]:
    _require(source, "package", "path")
    relative = str(source.path).replace("{split}", split)
    try:
        resource = importlib.resources.files(str(source.package)) / relative
    except ModuleNotFoundError as error:
        raise DataError(
            f"no package '{source.package}' is installed",
            key="dataset.source.package",
            mend=f"install the package that ships {relative}",
        ) from error
    with importlib.resources.as_file(resource) as path:
        return _of_split(_parse(path), source, split)


def _generator(source: SourceConf, split: str, needed: int | None) -> Sequence[Row]:
    _require(source, "generator")
    key = "dataset.source.generator"
    if needed is None:
        raise DataError(
            "a generated split has no end to shuffle",
            key="dataset.shuffle_seed",
            mend="set dataset.shuffle_seed=null and dataset.source.args.seed instead",
        )
    generate = import_object(str(source.generator), key)
    try:
        rows: Iterable[Row] = generate(split=split, count=needed, **source.args)
        return list(rows)
    except TypeError as error:
        raise DataError(str(error), key="dataset.source.args", mend="see the function") from error


def import_object(path: str, key: str) -> Callable[..., Any]:
    """What ``package.module.name`` names.

    Raises:
        DataError: With ``key``, when there is no such module or name.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name) if module else None
    except (ImportError, AttributeError) as error:
        raise DataError(
            f"cannot import '{path}': {error}", key=key, mend="write package.module.name"
        ) from error
    if not callable(found):
        raise DataError(
            f"'{path}' names nothing callable", key=key, mend="write package.module.name"
        )
    return cast(Callable[..., Any], found)


def _parse(path: Path) -> list[Row]:
    key = "dataset.source.path"
    reader = _FORMATS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"'{path.name}' is none of {', '.join(_FORMATS)}", key=key, mend="convert the file"
        )
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise DataError(f"no file '{path}'", key=key, mend="check the path") from error
    except (ValueError, OSError) as error:
        raise DataError(
            f"cannot read '{path}': {_first_line(error)}", key=key, mend="repair the file"
        ) from error


def _jsonl(path: Path) -> list[Row]:
    rows: list[Row] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number} is not JSON: {error.msg}") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not a JSON object")  # noqa: TRY004 one type for bad files
            rows.append(row)
    return rows


def _csv(path: Path) -> list[Row]:
    from pyarrow import csv

    rows: list[Row] = csv.read_csv(path).to_pylist()
    return rows


def _parquet(path: Path) -> list[Row]:
    from pyarrow import parquet

    rows: list[Row] = parquet.read_table(path).to_pylist()
    return rows


def _of_split(rows: list[Row], source: SourceConf, split: str) -> Sequence[Row]:
    column = source.split_column
    if column is None:
        return rows
    if rows and column not in rows[0]:
        raise DataError(
            f"no column '{column}'; there are {', '.join(sorted(rows[0]))}",
            key="dataset.source.split_column",
            mend="name the column that tells the split, or null",
        )
    return [row for row in rows if row.get(column) == split]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


_FORMATS: dict[str, Callable[[Path], list[Row]]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".parquet": _parquet,
}

_READERS: dict[SourceKind, Callable[[SourceConf, str, int | None], Sequence[Row]]] = {
    SourceKind.hub: _hub,
    SourceKind.file: _file,
    SourceKind.package: _package,
    SourceKind.generator: _generator,
}
