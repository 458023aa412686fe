"""Charts of prompts elsewhere and longer: the transfer matrix, and prompt growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optbench.report.figures.shapes import (
    Rows,
    beside,
    by_unit,
    matrix,
    names_axis,
    quantity,
    told,
)
from optbench.report.figures.values import Spec, records, sorted_by, units

if TYPE_CHECKING:
    import pandas as pd


def transfer_matrix(tasks: pd.DataFrame) -> Spec:
    """Mean lift of prompts that were optimized for one model or dataset on another.

    Where the sweep that the prompts come from is there, too, its own lifts stand beside theirs.

    Args:
        tasks: Finished jobs, ``transferred_from``, ``initial`` and ``final`` among the columns.
    """
    frame = _at_home_too(tasks).dropna(subset=["transferred_from", "initial", "final"]).copy()
    sign = frame["direction"].map({"minimize": -1}).fillna(1)
    frame["gain"] = sign * (frame["final"] - frame["initial"])
    frame["source"] = _called(frame, ["transferred_from", "source_dataset", "source_model"])
    frame["target"] = _called(frame, ["dataset", "model"])
    cells = frame.groupby(["source", "target"], observed=True)["gain"].agg(["mean", "size"])
    drawn = matrix(
        records(
            {"source": source, "target": target, "gain": cell["mean"], "jobs": cell["size"]}
            for (source, target), cell in cells.iterrows()
        ),
        x="target",
        y="source",
        text={"field": "gain", "type": "quantitative", "format": "+.3f"},
        title="Lift over the target's own baseline",
        tooltip=[
            told("source", "Optimized by"),
            told("target", "Scored on"),
            told("gain", "Lift", "+.4~f"),
            told("jobs", "Jobs"),
        ],
    )
    return {"description": "Matrix of lifts of transferred prompts", **drawn}


def _at_home_too(tasks: pd.DataFrame) -> pd.DataFrame:
    """With the searches that found transferred prompts, as if moved to where they were found."""
    places = ["source_dataset", "source_model"]
    moved = tasks["transferred_from"].notna()
    sources = set(
        tasks.loc[moved, ["transferred_from", *places]].itertuples(index=False, name=None)
    )
    own = tasks[["optimizer", "dataset", "model"]].itertuples(index=False, name=None)
    found = ~moved & np.array([one in sources for one in own], dtype=bool)
    tasks = tasks.astype(dict.fromkeys(("transferred_from", *places), "object"))
    for column, value in zip(
        ("transferred_from", *places), ("optimizer", "dataset", "model"), strict=True
    ):
        tasks.loc[found, column] = tasks.loc[found, value]
    return tasks


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
            "beside": _times(row.initial_words, row.final_words),
        }
        for row, unit in zip(_tuples(ordered), units(ordered), strict=True)
    )
    spec = by_unit({"encoding": {"y": names_axis()}, "layer": _from_to()}, rows)
    return {"description": "Words of prompts before and after", **spec}


def _from_to() -> Rows:
    tooltip = [
        told("optimizer", "Optimizer"),
        told("before", "Words before", ",.0f"),
        told("after", "Words after", ",.0f"),
    ]
    before, after = {"field": "before", "type": "quantitative"}, {"field": "after"}
    dot = {"type": "point", "filled": True, "size": 64, "opacity": 1}
    return [
        {"mark": {"type": "rule"}, "encoding": {"x": before, "x2": after}},
        {"mark": {"type": "point", "size": 40}, "encoding": {"x": before}},
        {
            "mark": dot,
            "encoding": {"x": quantity("after", "Words of the prompt"), "tooltip": tooltip},
        },
        beside(),
    ]


def _times(before: float, after: float) -> str:
    return f"× {after / before:,.1f}" if before else ""


def _called(frame: pd.DataFrame, columns: list[str]) -> pd.Series:
    """The first column, with those of the others that differ among the rows."""
    first, *others = columns
    names = frame[first].astype(str)
    for column in others:
        if frame[column].nunique() > 1:
            names = names + " · " + frame[column].fillna("?").astype(str)
    return names


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False)
