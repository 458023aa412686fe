"""Charts of prompts elsewhere and longer: the transfer matrix, and prompt growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optbench.report.figures.values import Spec, by_unit, names_axis, records, sorted_by, units

if TYPE_CHECKING:
    import pandas as pd


def transfer_matrix(tasks: pd.DataFrame) -> Spec:
    """Mean lift of prompts that were optimized for one model or dataset on another.

    Args:
        tasks: Jobs whose ``transferred_from`` is known, ``initial`` and ``final`` among the columns.
    """
    frame = tasks.dropna(subset=["transferred_from", "initial", "final"]).copy()
    sign = frame["direction"].map({"minimize": -1}).fillna(1)
    frame["gain"] = sign * (frame["final"] - frame["initial"])
    frame["source"] = [_source(row) for row in frame.itertuples(index=False)]
    frame["target"] = frame["dataset"].astype(str) + " · " + frame["model"].astype(str)
    cells = frame.groupby(["source", "target"], observed=True)["gain"].agg(["mean", "size"])
    rows = records(
        {"source": source, "target": target, "gain": cell["mean"], "jobs": cell["size"]}
        for (source, target), cell in cells.iterrows()
    )
    largest = max((abs(row["gain"]) for row in rows), default=0) or 1
    quiet = {"title": None, "domain": False, "ticks": False}
    x = {"field": "target", "type": "nominal", "sort": None,
         "axis": {**quiet, "orient": "top", "labelAngle": -30, "labelLimit": 150}}  # fmt: skip
    y = {"field": "source", "type": "nominal", "sort": None, "axis": quiet}
    colour = {
        "field": "gain", "type": "quantitative", "title": "Lift over the target's own baseline",
        "scale": {"domain": [-largest, largest], "range": "diverging"},
        "legend": {"gradientLength": 160, "format": "+.2~f"},
    }  # fmt: skip
    tooltip = [
        {"field": "source", "title": "Optimized by", "type": "nominal"},
        {"field": "target", "title": "Scored on", "type": "nominal"},
        {"field": "gain", "title": "Lift", "type": "quantitative", "format": "+.4~f"},
        {"field": "jobs", "title": "Jobs", "type": "nominal"},
    ]
    text = {"field": "gain", "type": "quantitative", "format": "+.3~f"}
    return {
        "description": "Matrix of lifts of transferred prompts",
        "data": {"values": rows},
        "width": "container",
        "height": {"step": 28},
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 3},
                "encoding": {"color": colour, "tooltip": tooltip},
            },
            {"mark": {"type": "text"}, "encoding": {"text": text, "tooltip": tooltip}},
        ],
    }


def prompt_growth(tasks: pd.DataFrame, order: Sequence[str] | None = None) -> Spec:
    """Words of the prompt before and after, mean over seeds, by optimizer.

    Args:
        tasks: Finished jobs.
        order: Optimizers from the top.
    """
    frame = tasks.dropna(subset=["initial_words", "final_words"])
    keys = ["dataset", "model", "optimizer"]
    means = frame.groupby(keys, observed=True)[["initial_words", "final_words"]].mean()
    ordered = sorted_by(means.reset_index(), order)
    rows = records(
        {
            "optimizer": row.optimizer,
            "unit": unit,
            "before": row.initial_words,
            "after": row.final_words,
            "told": _times(row.initial_words, row.final_words),
        }
        for row, unit in zip(_tuples(ordered), units(ordered), strict=True)
    )
    tooltip = [
        {"field": "optimizer", "title": "Optimizer", "type": "nominal"},
        {"field": "before", "title": "Words before", "type": "quantitative", "format": ",.0f"},
        {"field": "after", "title": "Words after", "type": "quantitative", "format": ",.0f"},
    ]
    after = {"field": "after", "type": "quantitative", "title": "Words of the prompt"}
    before = {"field": "before", "type": "quantitative"}
    spec = by_unit(
        {
            "encoding": {"y": names_axis()},
            "layer": [
                {"mark": {"type": "rule"}, "encoding": {"x": before, "x2": {"field": "after"}}},
                {"mark": {"type": "point", "size": 40}, "encoding": {"x": before}},
                {"mark": {"type": "point", "filled": True, "size": 64, "opacity": 1},
                 "encoding": {"x": after, "tooltip": tooltip}},
                {"mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 11, "style": "soft",
                          "strokeWidth": 0},
                 "encoding": {"x": {"value": "width"}, "text": {"field": "told"}}},
            ],
        },
        rows,
    )  # fmt: skip
    return {"description": "Words of prompts before and after", **spec}


def _times(before: float, after: float) -> str:
    return f"× {after / before:,.1f}" if before else ""


def _source(row: Any) -> str:
    where = [str(one) for one in (row.source_dataset, row.source_model) if one and one == one]
    return " · ".join([str(row.transferred_from), *where])


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False)
