"""Charts of test scores: heat map, lifts with intervals, and the gap to validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optbench.report.figures.shapes import (
    Rows,
    beside,
    by_unit,
    matrix,
    names_axis,
    quantity,
    told,
    zero,
)
from optbench.report.figures.values import Spec, records, sorted_by, units

if TYPE_CHECKING:
    import pandas as pd

BETTER, WORSE, UNTOLD = "better", "worse", "cannot be told"
_SENSE = {"domain": [BETTER, UNTOLD, WORSE], "range": "ordinal"}
_OPTIMIZER = told("optimizer", "Optimizer")


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
    drawn = matrix(
        rows,
        x="unit",
        y="optimizer",
        text={"field": "mean", "type": "quantitative", "format": ".3f"},
        title="Lift over the baseline (better is blue)",
        tooltip=[
            _OPTIMIZER,
            told("unit", "On"),
            told("mean", "Mean", ".4~f"),
            told("lift", "Lift", "+.4~f"),
            told("n", "Test items"),
        ],
    )
    return {"description": "Heat map of mean test scores by optimizer and dataset", **drawn}


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
            "unit": _panel(unit, row),
            "lift": row.lift,
            "low": row.lift_low,
            "high": row.lift_high,
            "sense": _sense(row),
            "beside": f"n = {row.n_items:,.0f}×{row.n_seeds:,.0f}",
        }
        for row, unit in zip(_tuples(frame), units(frame), strict=True)
    )
    spec = by_unit({"encoding": {"y": names_axis()}, "layer": _intervals()}, rows)
    if scores["metric"].nunique() > 1:  # lifts of different metrics share no scale
        spec["resolve"] = {"scale": {"x": "independent"}}
    return {"description": "Forest plot of lifts over the baseline with intervals", **spec}


def _intervals() -> Rows:
    colour = {"field": "sense", "type": "nominal", "scale": _SENSE, "title": None}
    tooltip = [
        _OPTIMIZER,
        told("lift", "Lift", "+.4~f"),
        told("low", "From", "+.4~f"),
        told("high", "To", "+.4~f"),
        told("beside", "Items × seeds"),
    ]
    both = {"color": colour, "tooltip": tooltip}
    low = {"field": "low", "type": "quantitative"}
    return [
        zero(),
        {
            "mark": {"type": "rule", "strokeWidth": 2.5},
            "encoding": {"x": low, "x2": {"field": "high"}, **both},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 64, "opacity": 1},
            "encoding": {"x": quantity("lift", "Lift"), **both},
        },
        beside(),
    ]


def validation_gap(scores: pd.DataFrame, order: Sequence[str] | None = None) -> Spec:
    """Lift on validation less lift on test, positive for overfitting: what selection gained alone.

    Args:
        scores: As in :class:`optbench.statistics.conclusions.Conclusions`.
        order: Optimizers from the top.
    """
    frame = sorted_by(scores[scores["validation_gap"].notna()], order)
    rows = records(
        {
            "optimizer": row.optimizer,
            "unit": _panel(unit, row),
            "gap": row.validation_gap,
            "beside": f"{row.validation_gap:+.3f}".replace("-", "−"),
        }
        for row, unit in zip(_tuples(frame), units(frame), strict=True)
    )
    tooltip = [_OPTIMIZER, told("gap", "Validation − test lift", "+.4~f")]
    bar = {
        "mark": {"type": "bar", "height": 9, "cornerRadius": 2},
        "encoding": {
            "x": quantity("gap", "Overfitting (lift on validation − lift on test)"),
            "tooltip": tooltip,
        },
    }
    spec = by_unit({"encoding": {"y": names_axis()}, "layer": [zero(), bar, beside()]}, rows)
    return {
        "description": "Overfitting: lift on validation less lift on test, by optimizer",
        **spec,
    }


def _panel(unit: str, row: Any) -> str:
    return f"{unit} · {row.metric} {'↓' if _sign(row.direction) < 0 else '↑'}"


def _sign(direction: str) -> int:
    return -1 if direction == "minimize" else 1


def _sense(row: Any) -> str:
    ends = sorted((_sign(row.direction) * row.lift_low, _sign(row.direction) * row.lift_high))
    if ends[0] > 0:
        return BETTER
    return WORSE if ends[1] < 0 else UNTOLD


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False)
