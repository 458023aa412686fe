"""From a dataset's config to its three slices."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from optbench.config.schema import DatasetConf, SliceConf
from optbench.data.items import Data, Item, Slice, SliceName
from optbench.data.source import Row, read_split
from optbench.errors import DataError

TEST_MODE_ITEMS = 5
"""Items a slice has in ``test_mode``."""


def load(dataset: DatasetConf, *, test_mode: bool = False) -> Data:
    """Reads a dataset and cuts its slices.

    Raises:
        DataError: When the source cannot be read, a slice has fewer rows than its config asks for,
            or two items of it have one id.
    """
    rows: dict[str, Sequence[Row]] = {}
    cut: dict[SliceName, Slice] = {}
    named: list[tuple[SliceName, SliceConf]] = [
        ("train", dataset.slices.train),
        ("validation", dataset.slices.validation),
        ("test", dataset.slices.test),
    ]
    ends = {conf.split: 0 for _, conf in named}
    for _, conf in named:
        ends[conf.split] = max(ends[conf.split], conf.start + conf.count)
    for name, conf in named:
        if conf.split not in rows:
            rows[conf.split] = _shuffled(
                read_split(dataset.source, conf.split, needed=_needed(dataset, ends[conf.split])),
                dataset.shuffle_seed,
            )
        cut[name] = _slice(name, conf, rows[conf.split], dataset, test_mode)
    return Data(cut["train"], cut["validation"], cut["test"])


def _needed(dataset: DatasetConf, end: int) -> int | None:
    """How many leading rows suffice; a shuffle needs them all."""
    return None if dataset.shuffle_seed is not None else end


def _shuffled(rows: Sequence[Row], seed: int | None) -> Sequence[Row]:
    if seed is None:
        return rows
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    return shuffled


def _slice(
    name: SliceName, conf: SliceConf, rows: Sequence[Row], dataset: DatasetConf, test_mode: bool
) -> Slice:
    key = f"dataset.slices.{name}"
    if conf.count < 1 or conf.start < 0:
        raise DataError(
            f"start {conf.start}, count {conf.count} is no slice",
            key=key,
            mend="start must be 0 or more, count 1 or more",
        )
    wanted = rows[conf.start : conf.start + conf.count]
    if len(wanted) < conf.count:
        raise DataError(
            f"split '{conf.split}' gives {len(wanted)} rows from {conf.start}, "
            f"asked for {conf.count} (the split has {len(rows)})",
            key=f"{key}.count",
            mend=f"set {key}.count to at most {max(0, len(rows) - conf.start)}",
        )
    kept = wanted[:TEST_MODE_ITEMS] if test_mode else wanted
    items = tuple(
        Item(_item_id(row, dataset.source.id_column, conf.split, conf.start + offset), row)
        for offset, row in enumerate(kept)
    )
    if len({item.id for item in items}) < len(items):
        raise DataError(
            f"column '{dataset.source.id_column}' repeats an id within the {name} slice",
            key="dataset.source.id_column",
            mend="name a column of unique ids, or null to number the rows",
        )
    return Slice(name, items)


def _item_id(row: Row, column: str | None, split: str, index: int) -> str:
    if column is None:
        return f"{split}-{index}"
    if column not in row:
        raise DataError(
            f"no column '{column}'; there are {', '.join(sorted(row))}",
            key="dataset.source.id_column",
            mend="name a column of unique ids, or null to number the rows",
        )
    value: Any = row[column]
    return str(value)
