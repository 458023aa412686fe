"""Where rows come from: a hub, a file, a package, a generator. One function opens them all."""

from __future__ import annotations

import dataclasses
import importlib.resources
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from optbench.config.schema import SourceConf, SourceKind
from optbench.errors import ConfigError, DataError
from optbench.imports import OWN_ONLY, Allowed
from optbench.wording import close_names

Row = Mapping[str, Any]

_OWN = ("splits", "kind")
"""Keys of a source that a split cannot have for itself."""
_IMPORTED = {SourceKind.generator: ("generator",), SourceKind.package: ("package",)}
"""Keys that name code, by the kind of source that reads them; any may name a transform."""


class Rows(Protocol):
    """The rows of one split, in the source's own order; what nobody asks for is not kept in memory."""

    def length(self) -> int:
        """How many there are."""
        ...

    def take(self, numbers: Sequence[int]) -> dict[int, Row]:
        """Those with these numbers, counted from 0, as far as the split has them."""
        ...


def open_split(source: SourceConf, split: str, allowed: Allowed = OWN_ONLY) -> Rows:
    """The rows of one split, not read yet.

    Raises:
        ConfigError: When the source names code that is not allowed; then nothing was imported.
        DataError: Naming the config key, here or on reading, when a key is missing or the rows
            cannot be read.
    """
    own, name = of_split(source, split)
    told = source.splits.get(split) or {}
    for key in ("transform", *_IMPORTED.get(own.kind, ())):
        if path := getattr(own, key):
            place = f"splits.{split}.{key}" if key in told else key
            allowed.check(str(path), f"dataset.source.{place}")
    return _OPENERS[own.kind](own, name, allowed)


def of_split(source: SourceConf, split: str) -> tuple[SourceConf, str]:
    """The source of one split, with the keys of its own, and the split's name there.

    Raises:
        DataError: For a key that a split cannot have.
    """
    told: dict[str, Any] = dict(source.splits.get(split) or {})
    name = str(told.pop("split", split))
    known = [field.name for field in dataclasses.fields(SourceConf) if field.name not in _OWN]
    for key in told:
        if key not in known:
            raise DataError(
                f"there is no such key.{close_names(key, [*known, 'split'])}",
                key=f"dataset.source.splits.{split}.{key}",
                mend="name a key of dataset.source, or `split`",
            )
    return dataclasses.replace(source, splits={}, **told), name


def import_object(path: str, key: str, allowed: Allowed) -> Callable[..., Any]:
    """What ``package.module.name`` names.

    Raises:
        DataError: With ``key``, when there is no such module or name, or it is not allowed.
    """
    try:
        return allowed.function(path, key)
    except ConfigError as error:
        raise DataError(error.what, key=key, mend=error.mend) from error


def _require(source: SourceConf, *keys: str) -> None:
    for key in keys:
        if not getattr(source, key):
            raise DataError(
                f"a {source.kind.value} source needs it",
                key=f"dataset.source.{key}",
                mend=f"give dataset.source.{key}",
            )


def _hub(source: SourceConf, split: str, _: Allowed) -> Rows:
    _require(source, "id")
    from optbench.data.hub import HubRows

    return HubRows(source, split)


def _file(source: SourceConf, split: str, _: Allowed) -> Rows:
    _require(source, "path")
    from optbench.data.files import FileRows

    path = Path(str(source.path).replace("{split}", split)).expanduser()

    @contextmanager
    def found() -> Iterator[Path]:
        yield path

    return FileRows(found, source.split_column, split)


def _package(source: SourceConf, split: str, _: Allowed) -> Rows:
    _require(source, "package", "path")
    from optbench.data.files import FileRows

    relative = str(source.path).replace("{split}", split)
    try:
        resource = importlib.resources.files(str(source.package)) / relative
    except (ImportError, TypeError, ValueError) as error:  # the latter two: it is no name
        raise DataError(
            f"no package '{source.package}' is installed",
            key="dataset.source.package",
            mend=f"install the package that ships {relative}",
        ) from error
    return FileRows(lambda: importlib.resources.as_file(resource), source.split_column, split)


def _generator(source: SourceConf, split: str, allowed: Allowed) -> Rows:
    _require(source, "generator")
    return _Generated(source, split, allowed)


class _Generated:
    def __init__(self, source: SourceConf, split: str, allowed: Allowed) -> None:
        self._source, self._split = source, split
        self._generate = import_object(str(source.generator), "dataset.source.generator", allowed)

    def length(self) -> int:
        raise DataError(
            "a generated split has no end to shuffle",
            key="dataset.shuffle_seed",
            mend="set dataset.shuffle_seed=null and dataset.source.args.seed instead",
        )

    def take(self, numbers: Sequence[int]) -> dict[int, Row]:
        count = max(numbers, default=-1) + 1
        try:
            rows: Iterable[Row] = self._generate(
                split=self._split, count=count, **self._source.args
            )
            found = list(rows)
        except TypeError as error:
            raise DataError(
                str(error), key="dataset.source.args", mend="see the function"
            ) from error
        return {number: found[number] for number in numbers if number < len(found)}


_OPENERS: dict[SourceKind, Callable[[SourceConf, str, Allowed], Rows]] = {
    SourceKind.hub: _hub,
    SourceKind.file: _file,
    SourceKind.package: _package,
    SourceKind.generator: _generator,
}
