"""Results as data of a chart: names are cut and made visible, and are never anything but data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from optbench.report.visible import plain

if TYPE_CHECKING:
    import pandas as pd

NAME_LIMIT = 60
Spec = dict[str, Any]


def records(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as data: texts visible and cut, numbers with five digits, what is no number null."""
    return [{key: value(one) for key, one in row.items()} for row in rows]


def value(one: Any) -> Any:
    """One value of a chart's data."""
    if isinstance(one, str):
        return plain(one, NAME_LIMIT)
    if one is None or isinstance(one, bool):
        return one
    try:
        number = float(one)
    except (TypeError, ValueError):
        return plain(str(one), NAME_LIMIT)
    return float(f"{number:.5g}") if math.isfinite(number) else None


def units(frame: pd.DataFrame) -> pd.Series:
    """What to call the dataset and model of each row; the model is said where there are several."""
    names: pd.Series = frame["dataset"].astype(str)
    if frame["model"].nunique() > 1:
        names = names + " · " + frame["model"].astype(str)
    return names


def in_order(frame: pd.DataFrame, order: Sequence[str] | None) -> list[str]:
    """The optimizers of a table, those of ``order`` first, in that order."""
    found = [str(name) for name in frame["optimizer"].unique()]
    first = [name for name in order or () if name in found]
    return [*first, *sorted(set(found) - set(first))]


def sorted_by(frame: pd.DataFrame, order: Sequence[str] | None) -> pd.DataFrame:
    """The rows by optimizer, in that order, so that a chart takes it over with ``sort: null``.

    An order that a chart is told becomes one of its expressions; one that its data has does not.
    """
    place = {name: index for index, name in enumerate(in_order(frame, order))}
    places = frame["optimizer"].astype(str).map(place)
    return frame.assign(_place=places).sort_values("_place", kind="stable").drop(columns="_place")


def colours(optimizers: Iterable[str]) -> Spec:
    """A colour for each optimizer, the same in every chart that names the same ones."""
    return {"domain": [value(name) for name in optimizers], "range": "category"}
