"""Charts of what a score costs: anytime curves, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optbench.report.figures.shapes import Rows, quantity, told
from optbench.report.figures.values import Spec, colours, in_order, records, sorted_by, units

if TYPE_CHECKING:
    import pandas as pd

AXES = {"rollouts": "Rollouts", "tokens": "Tokens", "cost_usd": "USD", "seconds": "Seconds"}
EVERYWHERE = "all together"
_OPTIMIZER = told("optimizer", "Optimizer")


def anytime(curves: pd.DataFrame, axis: str, order: Sequence[str] | None = None) -> Spec:
    """Best validation score so far against what was spent, with the band over seeds.

    Diamonds are test scores: of the initial prompt at the start, of the final one at the end.

    Args:
        curves: Rows of one dataset and model: ``optimizer, axis, x, mean, low, high, test, n_seeds``.
        axis: One of :data:`AXES`.
        order: Optimizers in the order of the legend, which sets their colours.
    """
    frame = sorted_by(curves[curves["axis"] == axis], order)
    rows = records(
        {"optimizer": row.optimizer, "x": row.x, "mean": row.mean, "low": row.low,
         "high": row.high, "tested": getattr(row, "test", None), "seeds": row.n_seeds}
        for row in _tuples(frame)
    )  # fmt: skip
    known = list(order) if order else in_order(curves, None)
    colour = {"field": "optimizer", "type": "nominal", "title": None, "scale": colours(known)}
    x = quantity("x", AXES[axis], axis=_ticks(axis))
    y = quantity("mean", "Best validation score so far", scale={"zero": False})
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
             "encoding": {"x": x, "y": y, "tooltip": _curve_facts(axis)}},
            {"mark": {"type": "point", "shape": "diamond", "filled": True, "size": 110, "opacity": 1},
             "data": {"values": [row for row in rows if row["tested"] is not None]},
             "encoding": {"x": x, "y": {**y, "field": "tested"}, "color": colour,
                          "tooltip": [_OPTIMIZER, told("tested", "Test score", ".4~f")]}},
        ],
    }  # fmt: skip


def _curve_facts(axis: str) -> list[Spec]:
    return [
        _OPTIMIZER,
        told("x", AXES[axis], ",.4~g"),
        told("mean", "Mean", ".4~f"),
        told("low", "From", ".4~f"),
        told("high", "To", ".4~f"),
        told("seeds", "Seeds"),
    ]


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
    return [not any(a <= x and b >= y and (a, b) != (x, y) for a, b in pairs) for x, y in pairs]


def pareto(
    points: pd.DataFrame,
    axis: str,
    order: Sequence[str] | None = None,
    *,
    title: str = "Test score",
) -> Spec:
    """Test score against mean spending of a job, and the front of what nothing else beats.

    Args:
        points: Of one unit, see :func:`spent`.
        axis: What ``x`` is, one of :data:`AXES`.
        order: Optimizers in the order that sets their colours.
        title: Of y.
    """
    frame = sorted_by(points.assign(front=on_front(points)), order)
    rows = records(frame[["optimizer", "x", "y", "front"]].to_dict("records"))
    front = sorted((row for row in rows if row["front"]), key=lambda row: row["x"])
    known = list(order) if order else in_order(points, None)
    # Zero is a place of its own: an optimizer that does nothing costs nothing.
    most = 1.2 * max((row["x"] for row in rows), default=0) or 1
    at = {
        "x": quantity("x", f"{AXES[axis]} of a job, mean", axis=_ticks(axis),
                      scale={"domain": [0, most]}),
        "y": quantity("y", title, scale={"zero": False, "padding": 18}),
    }  # fmt: skip
    tooltip = [
        told("optimizer", "Optimizer"),
        told("x", AXES[axis], ",.4~g"),
        told("y", title, ".4~f"),
        told("front", "On the Pareto front"),
    ]
    return {
        "description": f"{title} against {AXES[axis]}, with the Pareto front",
        "width": "container",
        "height": 280,
        "layer": _points(rows, front, at, colours(known), tooltip),
    }


def _points(rows: Rows, front: Rows, at: Spec, scale: Spec, tooltip: list[Spec]) -> list[Spec]:
    colour = {"field": "optimizer", "type": "nominal", "legend": None, "scale": scale}
    data = {"data": {"values": rows}}
    return [
        {
            "data": {"values": front},
            "mark": {"type": "line", "interpolate": "step-after", "strokeDash": [4, 3]},
            "encoding": at,
        },
        {
            **data,
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": {**at, "color": colour, "tooltip": tooltip},
        },
        {
            **data,
            "mark": {"type": "text", "dy": -12, "limit": 160},
            "encoding": {**at, "text": {"field": "optimizer"}},
        },
    ]


def _ticks(axis: str) -> Spec:
    # SI suffixes suit all but money: nobody reads 2m as a fifth of a cent.
    return {
        "format": "~g" if axis == "cost_usd" else "~s",
        "labelFlush": True,
        "tickCount": 5,
        "grid": False,
    }


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False)
