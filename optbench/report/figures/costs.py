"""Charts of what a score costs: anytime curves, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optbench.report.figures.values import Spec, colours, in_order, records, sorted_by, units

if TYPE_CHECKING:
    import pandas as pd

AXES = {"rollouts": "Rollouts", "tokens": "Tokens", "cost_usd": "USD", "seconds": "Seconds"}
EVERYWHERE = "all together"


def anytime(curves: pd.DataFrame, axis: str, order: Sequence[str] | None = None) -> Spec:
    """Best validation score so far against what was spent, with the band over seeds.

    Args:
        curves: Rows of one dataset and model: ``optimizer, axis, x, mean, low, high, n_seeds``.
        axis: One of :data:`AXES`.
        order: Optimizers in the order of the legend, which sets their colours.
    """
    frame = sorted_by(curves[curves["axis"] == axis], order)
    rows = records(
        {"optimizer": row.optimizer, "x": row.x, "mean": row.mean, "low": row.low,
         "high": row.high, "seeds": row.n_seeds}
        for row in _tuples(frame)
    )  # fmt: skip
    known = list(order) if order else in_order(curves, None)
    colour = {"field": "optimizer", "type": "nominal", "title": None, "scale": colours(known)}
    x = {"field": "x", "type": "quantitative", "title": AXES[axis], "axis": _few_ticks(axis)}
    y = {"field": "mean", "type": "quantitative", "title": "Best validation score so far",
         "scale": {"zero": False}}  # fmt: skip
    tooltip = [
        {"field": "optimizer", "title": "Optimizer", "type": "nominal"},
        {"field": "x", "title": AXES[axis], "type": "quantitative", "format": ",.4~g"},
        {"field": "mean", "title": "Mean", "type": "quantitative", "format": ".4~f"},
        {"field": "low", "title": "From", "type": "quantitative", "format": ".4~f"},
        {"field": "high", "title": "To", "type": "quantitative", "format": ".4~f"},
        {"field": "seeds", "title": "Seeds", "type": "nominal"},
    ]
    band = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}
    steps = {"interpolate": "step-after"}
    return {
        "description": f"Best validation score so far against {AXES[axis]}",
        "data": {"values": rows},
        "width": "container",
        "height": 280,
        "layer": [
            {"mark": {"type": "area", "opacity": 0.16, **steps}, "encoding": band},
            {"mark": {"type": "line", "strokeWidth": 2, **steps},
             "encoding": {"x": x, "y": y, "color": colour}},
            {"mark": {"type": "point", "filled": True, "size": 90, "opacity": 0},
             "encoding": {"x": x, "y": y, "tooltip": tooltip}},
        ],
    }  # fmt: skip


def spent(scores: pd.DataFrame, tasks: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Mean spending of the finished jobs beside the score of each row of ``scores``.

    Returns:
        ``dataset, model, optimizer, unit, x, y, direction``; rows without a spending are left out.
    """
    keys = ["dataset", "model", "optimizer"]
    done = tasks[(tasks["state"] == "success") & tasks["transferred_from"].isna()]
    mean = done.groupby(keys, observed=True)[axis].mean().rename("x").reset_index()
    joined = scores.assign(unit=units(scores)).merge(mean, on=keys)
    joined = joined.rename(columns={"mean": "y"}).dropna(subset=["x", "y"])
    return joined[[*keys, "unit", "x", "y", "direction"]]


def spent_together(leaderboard: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """The same over all units: normalised score, and mean spending of a job."""
    mean = points.groupby("optimizer", observed=True)["x"].mean().rename("x").reset_index()
    joined = leaderboard.merge(mean, on="optimizer").rename(columns={"normalised": "y"})
    return joined.dropna(subset=["x", "y"])[["optimizer", "x", "y"]].assign(direction="maximize")


def on_front(points: pd.DataFrame) -> list[bool]:
    """Whether no other point is better in one thing and as good in the other.

    Args:
        points: ``x`` (less is better), ``y``, and ``direction`` of y.
    """
    sign = -1 if (points["direction"] == "minimize").any() else 1
    pairs = [(float(x), sign * float(y)) for x, y in zip(points["x"], points["y"], strict=True)]
    return [
        not any(a <= x and b >= y and (a, b) != (x, y) for a, b in pairs) for x, y in pairs
    ]


def pareto(
    points: pd.DataFrame, axis: str, order: Sequence[str] | None = None, *, title: str = "Test score"
) -> Spec:
    """Test score against mean spending of a job, and the front of what nothing else beats.

    Args:
        points: Of one unit, see :func:`spent`.
        axis: What ``x`` is, one of :data:`AXES`.
        order: Optimizers in the order that sets their colours.
        title: Of y.
    """
    frame = sorted_by(points.assign(front=on_front(points)), order)
    rows = records(
        {"optimizer": row.optimizer, "x": row.x, "y": row.y, "front": bool(row.front)}
        for row in _tuples(frame)
    )
    front = sorted((row for row in rows if row["front"]), key=lambda row: row["x"])
    known = list(order) if order else in_order(points, None)
    colour = {"field": "optimizer", "type": "nominal", "legend": None, "scale": colours(known)}
    x = {"field": "x", "type": "quantitative", "title": f"{AXES[axis]} of a job, mean",
         "axis": _few_ticks(axis), "scale": {"zero": True, "padding": 24}}  # fmt: skip
    y = {"field": "y", "type": "quantitative", "title": title, "scale": {"zero": False, "padding": 18}}
    tooltip = [
        {"field": "optimizer", "title": "Optimizer", "type": "nominal"},
        {"field": "x", "title": AXES[axis], "type": "quantitative", "format": ",.4~g"},
        {"field": "y", "title": title, "type": "quantitative", "format": ".4~f"},
        {"field": "front", "title": "On the Pareto front", "type": "nominal"},
    ]
    return {
        "description": f"{title} against {AXES[axis]}, with the Pareto front",
        "width": "container",
        "height": 280,
        "layer": [
            {"data": {"values": front},
             "mark": {"type": "line", "interpolate": "step-after", "strokeDash": [4, 3], "style": "line"},
             "encoding": {"x": x, "y": y}},
            {"data": {"values": rows}, "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
             "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip}},
            {"data": {"values": rows}, "mark": {"type": "text", "dy": -12, "limit": 120},
             "encoding": {"x": x, "y": y, "text": {"field": "optimizer"}}},
        ],
    }  # fmt: skip


def _few_ticks(axis: str) -> Spec:
    # SI suffixes suit all but money: nobody reads 2m as a fifth of a cent.
    return {"format": "~g" if axis == "cost_usd" else "~s", "labelFlush": True, "tickCount": 5, "grid": False}


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False)
