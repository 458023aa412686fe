"""Charts of test scores: heat map, lifts with intervals, and the gap to validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optbench.report.figures.values import (
    Spec,
    by_unit,
    in_order,
    names_axis,
    records,
    sorted_by,
    units,
)

if TYPE_CHECKING:
    import pandas as pd

BETTER, WORSE, UNTOLD = "better than the baseline", "worse", "cannot be told"
_SENSE = {"domain": [BETTER, UNTOLD, WORSE], "range": "ordinal"}


def heat_map(scores: pd.DataFrame, order: Sequence[str] | None = None) -> Spec:
    """Mean test score by optimizer and dataset; the colour is the lift, blue for better.

    Args:
        scores: As in :class:`optbench.statistics.conclusions.Conclusions`.
        order: Optimizers from the top.
    """
    frame = sorted_by(scores, order)
    rows = records(
        {
            "optimizer": row.optimizer,
            "unit": unit,
            "mean": row.mean,
            "gain": _sign(row.direction) * row.lift,
            "lift": row.lift,
            "n": row.n_items,
        }
        for row, unit in zip(_tuples(frame), units(frame), strict=True)
    )
    largest = max((abs(row["gain"]) for row in rows if row["gain"] is not None), default=0) or 1
    x = {
        "field": "unit", "type": "nominal", "sort": None,
        "axis": {"title": None, "orient": "top", "labelAngle": -30, "domain": False, "ticks": False,
                 "labelLimit": 150},
    }  # fmt: skip
    colour = {
        "field": "gain", "type": "quantitative", "title": "Lift over the baseline (better is blue)",
        "scale": {"domain": [-largest, largest], "range": "diverging"},
        "legend": {"gradientLength": 160, "format": "+.2~f"},
    }  # fmt: skip
    tooltip = [
        _told("optimizer", "Optimizer"), _told("unit", "On"), _told("mean", "Mean", ".4~f"),
        _told("lift", "Lift", "+.4~f"), _told("n", "Test items"),
    ]  # fmt: skip
    text = {"field": "mean", "type": "quantitative", "format": ".3~f"}
    return {
        "description": "Heat map of mean test scores by optimizer and dataset",
        "data": {"values": rows},
        "width": "container",
        "height": {"step": 28},
        "encoding": {"x": x, "y": names_axis()},
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 3},
                "encoding": {"color": colour, "tooltip": tooltip},
            },
            {"mark": {"type": "text"}, "encoding": {"text": text, "tooltip": tooltip}},
        ],
    }


def forest(scores: pd.DataFrame, order: Sequence[str] | None = None) -> Spec:
    """Lift over the baseline with its interval, by optimizer, a panel a dataset; n is written beside.

    Args:
        scores: As in :class:`optbench.statistics.conclusions.Conclusions`.
        order: Optimizers from the top.
    """
    frame = sorted_by(scores, order)
    rows = records(
        {
            "optimizer": row.optimizer,
            "unit": f"{unit} ({row.metric}, {_better(row.direction)} is better)",
            "lift": row.lift,
            "low": row.lift_low,
            "high": row.lift_high,
            "sense": _sense(row),
            "told": f"n = {row.n_items:,.0f} × {row.n_seeds:,.0f}",
        }
        for row, unit in zip(_tuples(frame), units(frame), strict=True)
    )
    colour = {"field": "sense", "type": "nominal", "scale": _SENSE, "title": None}
    x = {"field": "lift", "type": "quantitative", "title": "Lift (test score, final − baseline)"}
    tooltip = [
        _told("optimizer", "Optimizer"), _told("lift", "Lift", "+.4~f"),
        _told("low", "From", "+.4~f"), _told("high", "To", "+.4~f"), _told("told", "Items × seeds"),
    ]  # fmt: skip
    interval = {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}
    spec = by_unit(
        {
            "encoding": {"y": names_axis()},
            "layer": [
                _zero(),
                {"mark": {"type": "rule", "strokeWidth": 2.5},
                 "encoding": {**interval, "color": colour, "tooltip": tooltip}},
                {"mark": {"type": "point", "filled": True, "size": 64, "opacity": 1},
                 "encoding": {"x": x, "color": colour, "tooltip": tooltip}},
                _beside("told"),
            ],
        },
        rows,
    )  # fmt: skip
    if scores["metric"].nunique() > 1:  # lifts of different metrics share no scale
        spec["resolve"]["scale"]["x"] = "independent"
    return {"description": "Forest plot of lifts over the baseline with intervals", **spec}


def validation_gap(scores: pd.DataFrame, order: Sequence[str] | None = None) -> Spec:
    """Validation less test score of the final prompt: what the selection overfitted.

    Args:
        scores: As in :class:`optbench.statistics.conclusions.Conclusions`.
        order: Optimizers from the top.
    """
    frame = sorted_by(scores[scores["validation_gap"].notna()], order)
    rows = records(
        {
            "optimizer": row.optimizer,
            "unit": f"{unit} ({row.metric}, {_better(row.direction)} is better)",
            "gap": row.validation_gap,
            "told": f"{row.validation_gap:+.3f}",
        }
        for row, unit in zip(_tuples(frame), units(frame), strict=True)
    )
    x = {"field": "gap", "type": "quantitative", "title": "Validation − test"}
    tooltip = [_told("optimizer", "Optimizer"), _told("gap", "Validation − test", "+.4~f")]
    spec = by_unit(
        {
            "encoding": {"y": names_axis()},
            "layer": [
                _zero(),
                {"mark": {"type": "bar", "height": 9, "cornerRadius": 2},
                 "encoding": {"x": x, "tooltip": tooltip}},
                _beside("told"),
            ],
        },
        rows,
    )  # fmt: skip
    return {"description": "Validation score less test score by optimizer", **spec}


def optimizers_of(scores: pd.DataFrame, order: Sequence[str] | None = None) -> list[str]:
    """The names in the order of the charts."""
    return in_order(scores, order)


def _zero() -> Spec:
    zero = {"datum": 0, "type": "quantitative"}
    return {"mark": {"type": "rule", "strokeDash": [3, 3]}, "encoding": {"x": zero}}


def _beside(field: str) -> Spec:
    """A text at the right edge of each row."""
    return {
        "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 11, "style": "soft",
                 "strokeWidth": 0, "limit": 84},
        "encoding": {"x": {"value": "width"}, "text": {"field": field}},
    }  # fmt: skip


def _told(field: str, title: str, form: str | None = None) -> Spec:
    spec = {"field": field, "title": title}
    return {**spec, "type": "quantitative", "format": form} if form else {**spec, "type": "nominal"}


def _sign(direction: str) -> int:
    return -1 if direction == "minimize" else 1


def _better(direction: str) -> str:
    return "lower" if direction == "minimize" else "higher"


def _sense(row: Any) -> str:
    ends = sorted((_sign(row.direction) * row.lift_low, _sign(row.direction) * row.lift_high))
    if ends[0] > 0:
        return BETTER
    return WORSE if ends[1] < 0 else UNTOLD


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False)
