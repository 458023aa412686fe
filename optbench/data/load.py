"""From a dataset's config to its three slices."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optbench.config.schema import DatasetConf, SliceConf, SourceKind
from optbench.data.items import SLICES, Data, Item, Slice, SliceName
from optbench.data.source import Row, Rows, import_object, of_split, open_split
from optbench.errors import DataError
from optbench.imports import OWN_ONLY, Allowed
from optbench.wording import close_names

TEST_MODE_ITEMS = 5
"""Items a slice has in ``test_mode``."""

MANY_ROWS = 1_000_000
"""A slice that reaches further is first compared with the split's length, before so much is listed."""

_RECORDED = re.compile(r"(?:(?P<start>\d+)\+(?P<count>\d+) )?(?P<sha256>[0-9a-f]{64})")


def load(dataset: DatasetConf, *, test_mode: bool = False, allowed: Allowed = OWN_ONLY) -> Data:
    """Reads a dataset and cuts its slices.

    Args:
        dataset: Its config.
        test_mode: Whether slices are cut to ``TEST_MODE_ITEMS``.
        allowed: Packages whose code the config may name.

    Raises:
        ConfigError: When it names code of another package.
        DataError: When the source cannot be read, a slice has fewer rows than its config asks for, a
            row cannot be renamed or transformed, or two items of a slice have one id.
    """
    named: dict[SliceName, SliceConf] = {name: getattr(dataset.slices, name) for name in SLICES}
    for name, conf in named.items():
        _check(name, conf)
    read: dict[str, _Split] = {}
    cut: dict[SliceName, Slice] = {}
    for name, conf in named.items():
        if conf.split not in read:
            of_this = {part: other for part, other in named.items() if other.split == conf.split}
            read[conf.split] = _Split(dataset, conf.split, of_this, allowed)
        cut[name] = _slice(name, conf, read[conf.split], test_mode)
    return Data(cut["train"], cut["validation"], cut["test"])


class _Split:
    """What the slices need of one split, read in one go."""

    def __init__(
        self,
        dataset: DatasetConf,
        split: str,
        slices: Mapping[SliceName, SliceConf],
        allowed: Allowed,
    ) -> None:
        self.name = split
        self.allowed = allowed
        self.source, _ = of_split(dataset.source, split)
        self._rows: Rows = open_split(dataset.source, split, allowed)
        for name, conf in slices.items():
            far = (
                conf.start + conf.count > MANY_ROWS and self.source.kind is not SourceKind.generator
            )
            if far and conf.start + conf.count > self.length():
                raise _too_short(name, conf, max(0, self.length() - conf.start), self)
        positions = sorted(
            {i for conf in slices.values() for i in range(conf.start, conf.start + conf.count)}
        )
        self._order: Sequence[int] | None = None
        if dataset.shuffle_seed is not None:
            order = list(range(self._rows.length()))
            random.Random(dataset.shuffle_seed).shuffle(order)
            self._order = order
        self._numbers = {position: self._number(position) for position in positions}
        known = [number for number in self._numbers.values() if number is not None]
        self._found = self._rows.take(known)

    def _number(self, position: int) -> int | None:
        if self._order is None:
            return position
        return self._order[position] if position < len(self._order) else None

    def length(self) -> int:
        return self._rows.length()

    def cut(self, conf: SliceConf) -> list[tuple[int, Row]]:
        """The rows of a slice that are there, with their numbers in the source."""
        numbers = (self._numbers[i] for i in range(conf.start, conf.start + conf.count))
        return [(n, self._found[n]) for n in numbers if n is not None and n in self._found]


def _check(name: SliceName, conf: SliceConf) -> None:
    if conf.count < 1 or conf.start < 0:
        raise DataError(
            f"start {conf.start}, count {conf.count} is no slice",
            key=f"dataset.slices.{name}",
            mend="start must be 0 or more, count 1 or more",
        )


def _slice(name: SliceName, conf: SliceConf, split: _Split, test_mode: bool) -> Slice:
    wanted = split.cut(conf)
    if len(wanted) < conf.count:
        raise _too_short(name, conf, len(wanted), split)
    kept = wanted[:TEST_MODE_ITEMS] if test_mode else wanted
    column = split.source.id_column
    items = []
    for number, row in kept:
        used = _used(row, split, number)
        items.append(Item(_item_id(used, column, split.name, number), used))
    if len({item.id for item in items}) < len(items):
        raise DataError(
            f"column '{column}' repeats an id within the {name} slice",
            key="dataset.source.id_column",
            mend="name a column of unique ids, or null to number the rows",
        )
    return Slice(name, tuple(items))


def _too_short(name: SliceName, conf: SliceConf, found: int, split: _Split) -> DataError:
    key = f"dataset.slices.{name}.count"
    try:
        total = split.length()
    except DataError:  # a generator that gave fewer than it was asked for
        total = conf.start + found
    return DataError(
        f"split '{conf.split}' gives {found} rows from {conf.start}, asked for {conf.count} "
        f"(the split has {total})",
        key=key,
        mend=f"set {key} to at most {max(0, total - conf.start)}"
        if total > conf.start
        else "choose another start",
    )


def _used(row: Row, split: _Split, number: int) -> Row:
    """The row that prompts and metrics see."""
    source = split.source
    renamed = _renamed(row, source.rename) if source.rename else row
    return _transformed(renamed, source.transform, split, number) if source.transform else renamed


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    for new, old in names.items():
        if old not in row:
            raise DataError(
                f"no column '{old}'; there are {', '.join(sorted(row))}",
                key=f"dataset.source.rename.{new}",
                mend="name a column of the source",
            )
        if new in row and new not in names.values():
            raise DataError(
                f"there is a column '{new}' already",
                key=f"dataset.source.rename.{new}",
                mend="choose another name",
            )
    former = {old: new for new, old in names.items()}
    return {former.get(column, column): value for column, value in row.items()}


def _transformed(row: Row, path: str, split: _Split, number: int) -> Row:
    key = "dataset.source.transform"
    transform = import_object(path, key, split.allowed)
    where = f"row {number} of split '{split.name}'"
    mend = "see the function, and the columns of dataset.source"
    try:
        used = transform(dict(row))
    except Exception as error:
        lacking = (
            " lacks column" if isinstance(error, KeyError) else f" raised {type(error).__name__}:"
        )
        there = f"; there are {', '.join(sorted(row))}" if isinstance(error, KeyError) else ""
        raise DataError(f"{path} on {where}{lacking} {error}{there}", key=key, mend=mend) from error
    if not isinstance(used, Mapping) or not all(isinstance(column, str) for column in used):
        raise DataError(
            f"{path} on {where} returned {type(used).__name__}, not a row", key=key, mend=mend
        )
    return used


def _item_id(row: Row, column: str | None, split: str, number: int) -> str:
    if column is None:
        return f"{split}-{number}"
    if column not in row:
        raise DataError(
            f"no column '{column}'; there are {', '.join(sorted(row))}",
            key="dataset.source.id_column",
            mend="name a column of unique ids, or null to number the rows",
        )
    value: Any = row[column]
    return str(value)


def fingerprint_problems(dataset: DatasetConf, data: Data) -> Iterator[DataError]:
    """Slices whose rows are not those that a fingerprint was recorded of.

    Apart from :func:`load`, since rows that lack a column are others as well, and which column it is
    says more. Not for ``test_mode``, which has less than the whole slice.
    """
    slices = {part.name: part for part in data}
    for name, told in dataset.fingerprints.items():
        key = f"dataset.fingerprints.{name}"
        if name not in SLICES:
            yield DataError(f"there is no such slice.{close_names(name, SLICES)}", key=key)
            continue
        recorded = _RECORDED.fullmatch(told)
        if recorded is None:
            yield DataError(
                f"'{told}' is no fingerprint",
                key=key,
                mend="copy it from a task.json: 64 hex digits, after '<start>+<count> ' where it is "
                "of those rows only",
            )
            continue
        conf: SliceConf = getattr(dataset.slices, name)
        if recorded["start"] and (int(recorded["start"]), int(recorded["count"])) != (
            conf.start,
            conf.count,
        ):
            continue  # of other rows than these
        found = slices[name].fingerprint
        if found != recorded["sha256"]:
            yield DataError(
                f"the rows of the {name} slice are others than recorded: fingerprint {found}, "
                f"recorded {recorded['sha256']}",
                key=key,
                mend="bring the recorded rows back (dataset.source), or, if others are meant, leave "
                f"it out: '~{key}'",
            )
