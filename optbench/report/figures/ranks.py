"""The critical-difference diagram (Demšar 2006, JMLR 7), drawn so that it fits a narrow screen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optbench.report.figures.shapes import told
from optbench.report.figures.values import Spec, records

if TYPE_CHECKING:
    import pandas as pd

_ROW = 22  # px


def critical_difference(leaderboard: pd.DataFrame, friedman: Mapping[str, Any]) -> Spec:
    """Mean ranks on an axis; a bar joins optimizers whose ranks cannot be told apart.

    All names stand at the left, best first, so that no line crosses another.

    Args:
        leaderboard: As in :class:`optbench.statistics.conclusions.Conclusions`.
        friedman: Likewise; without a ``critical_difference`` no bar is drawn.
    """
    ranked = leaderboard.dropna(subset=["mean_rank"]).sort_values("mean_rank", kind="stable")
    ranks = [float(rank) for rank in ranked["mean_rank"]]
    width = friedman.get("critical_difference")
    known = isinstance(width, int | float) and not math.isnan(width)
    bars = cliques(ranks, float(width or 0)) if known else []
    first = len(bars) + 1
    names = records(
        {"optimizer": name, "rank": rank, "row": first + index}
        for index, (name, rank) in enumerate(zip(ranked["optimizer"], ranks, strict=True))
    )
    joined = [
        {"low": ranks[start], "high": ranks[end], "row": 0.6 + index}
        for index, (start, end) in enumerate(bars)
    ]
    return {
        "description": "Critical-difference diagram of mean ranks",
        "width": "container",
        "height": _ROW * (first + len(names)),
        "layer": _layers(names, joined, first + len(names), max(ranks, default=1.0)),
    }


def cliques(ranks: list[float], width: float) -> list[tuple[int, int]]:
    """The longest runs of sorted ranks that lie within ``width``, as first and last index.

    Runs of one, and runs inside longer ones, are left out.
    """
    found: list[tuple[int, int]] = []
    for start, rank in enumerate(ranks):
        end = max(i for i, other in enumerate(ranks) if other - rank <= width + 1e-9)
        if end > start and (not found or end > found[-1][1]):
            found.append((start, end))
    return found


def _layers(
    names: list[dict[str, Any]], joined: list[dict[str, Any]], rows: int, last: float
) -> list[Spec]:
    y_scale = {"domain": [0, rows], "reverse": True, "nice": False}
    y = {"field": "row", "type": "quantitative", "axis": None, "scale": y_scale}
    axis = {"orient": "top", "title": "Mean rank (1 is best)", "grid": False, "tickMinStep": 0.5}
    domain = [1, max(2.0, last)]
    x = {"field": "rank", "type": "quantitative", "axis": axis, "scale": {"domain": domain}}
    tooltip = [told("optimizer", "Optimizer"), told("rank", "Mean rank", ".2f")]
    zero = {"datum": 0, "type": "quantitative", "axis": None, "scale": y_scale}
    thin = {"type": "rule", "strokeWidth": 1}
    return [
        {"data": {"values": names}, "mark": thin, "encoding": {"x": x, "y": y, "y2": {"datum": 0}}},
        {"data": {"values": names}, "mark": thin,
         "encoding": {"x": x, "x2": {"datum": 1}, "y": y}},
        {"data": {"values": names}, "mark": {"type": "point", "filled": True, "size": 50, "opacity": 1},
         "encoding": {"x": x, "y": zero, "tooltip": tooltip}},
        {"data": {"values": names},
         "mark": {"type": "text", "align": "right", "dx": -6, "limit": 150},
         "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "optimizer"}, "tooltip": tooltip}},
        {"data": {"values": joined},
         "mark": {"type": "rule", "strokeWidth": 6, "strokeCap": "round", "opacity": 0.75},
         "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}, "y": y}},
    ]  # fmt: skip
