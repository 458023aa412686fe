"""The charts of a page: for each, its variants by what can be chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from optbench.report import figures
from optbench.report.figures.values import units, value

if TYPE_CHECKING:
    import pandas as pd

    from optbench.statistics.conclusions import Conclusions

Gallery = dict[str, dict[str, Any]]
"""By name of a chart: ``choices`` (labels of its menus), and ``specs`` (``for``: one word for each
menu, and ``spec``)."""


def gallery(tasks: pd.DataFrame, conclusions: Conclusions, curves: pd.DataFrame) -> Gallery:
    """Every chart that there is something to show for."""
    scores, board = conclusions.scores, conclusions.leaderboard
    order = [str(name) for name in board["optimizer"]] if len(board) else None
    found: Gallery = {}
    if len(scores):
        found["heat_map"] = _one(figures.heat_map(scores, order))
        found["forest"] = _one(figures.forest(scores, order))
        if "validation_gap" in scores and scores["validation_gap"].notna().any():
            found["validation_gap"] = _one(figures.validation_gap(scores, order))
        found |= _pareto(tasks, conclusions, order)
    if len(board) > 1 and board["mean_rank"].notna().any():
        found["critical_difference"] = _one(
            figures.critical_difference(board, conclusions.friedman)
        )
    if len(curves):
        found["anytime"] = _anytime(curves, order)
    done = tasks[tasks["state"] == "success"]
    moved = done["transferred_from"].notna()
    if moved.any():
        found["transfer_matrix"] = _one(figures.transfer_matrix(done))
    own = (done if moved.all() else done[~moved]).dropna(subset=["initial_words", "final_words"])
    if len(own):
        found["prompt_growth"] = _one(figures.prompt_growth(own, order))
    return found


def _one(spec: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [], "specs": [{"for": [], "spec": spec}]}


def _anytime(curves: pd.DataFrame, order: Sequence[str] | None) -> dict[str, Any]:
    specs = [
        {"for": [value(unit), figures.AXES[axis]], "spec": figures.anytime(rows, axis, order)}
        for unit, rows in _by_unit(curves)
        for axis in figures.AXES
        if (rows["axis"] == axis).any()
    ]
    return {"choices": ["On", "Against"], "specs": specs}


def _pareto(tasks: pd.DataFrame, conclusions: Conclusions, order: Sequence[str] | None) -> Gallery:
    specs: list[dict[str, Any]] = []
    for axis, label in figures.AXES.items():
        points = figures.spent(conclusions.scores, tasks, axis)
        if not points["x"].gt(0).any():
            continue
        together = figures.spent_together(conclusions.leaderboard, points)
        if points["unit"].nunique() > 1 and len(together):
            spec = figures.pareto(together, axis, order, title="Normalised score")
            specs.append({"for": [figures.EVERYWHERE, label], "spec": spec})
        specs += [
            {"for": [value(unit), label], "spec": figures.pareto(rows, axis, order)}
            for unit, rows in points.groupby("unit", sort=False)
        ]
    # What a study costs is asked first.
    specs.sort(key=lambda one: one["for"][1] != figures.AXES["cost_usd"])
    return {"pareto": {"choices": ["On", "Against"], "specs": specs}} if specs else {}


def _by_unit(curves: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for unit, rows in curves.assign(_unit=units(curves)).groupby("_unit", sort=False):
        yield str(unit), rows.drop(columns="_unit")
