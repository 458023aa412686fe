"""Scores as a tidy table, and as the blocks within which optimizers are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optbench.errors import OptbenchError
from optbench.wording import some

if TYPE_CHECKING:
    import pandas as pd

Matrix = np.ndarray[Any, np.dtype[np.floating[Any]]]

ONE = ""
"""Stands where a table has no column of seeds, items or models."""
SHOWN = 8
"""How many missing cells an error names."""


@dataclass(frozen=True)
class Cell:
    """All runs of one optimizer on one dataset with one model.

    Attributes:
        seeds: Their seeds, S of them.
        items: Ids of the test items, I of them; a single one where there are no items.
        score: Test scores of the final prompts, S x I.
        baseline: Those of the initial prompt, S x I; None where they are not known.
    """

    seeds: tuple[Any, ...]
    items: tuple[Any, ...]
    score: Matrix
    baseline: Matrix | None


@dataclass(frozen=True)
class Block:
    """Optimizers on one dataset with one model: they answered the same items.

    Attributes:
        dataset: Its name.
        model: Its name; empty where the table has no models.
        metric: What the scores are of.
        sign: 1 where more is better, -1 where less is.
        cells: By optimizer.
    """

    dataset: str
    model: str
    metric: str
    sign: int
    cells: dict[str, Cell]


def blocks(
    scores: pd.DataFrame,
    *,
    minimize: Sequence[str] = (),
    metrics: Mapping[str, str] | None = None,
    incomplete: bool = False,
    finish: str = "complete the table",
) -> tuple[list[Block], list[str]]:
    """Divides a table into blocks.

    Args:
        scores: A row a test item (or a run, or a published figure): ``dataset, model, optimizer,
            seed, item, score`` and, where known, ``baseline``. With ``cluster`` (items that belong
            together, such as questions on one text) the means of clusters take the items' place:
            items of a cluster are no independent evidence.
        minimize: Datasets whose scores are better when they are lower.
        metrics: What is scored, by dataset.
        incomplete: Take what is there: items that all runs of a block have, seeds as they are.
        finish: What would close holes of the grid, for the error.

    Returns:
        The blocks by dataset and model, and what was left out, in sentences.

    Raises:
        OptbenchError: When there is nothing to compare, a cell is there twice, or the grid of
            optimizers, seeds and items has holes and ``incomplete`` is not asked for.
    """
    told: list[str] = []
    scores = _clustered(_without_what_is_no_number(scores, told), told)
    keys = ["dataset", "model", "optimizer", "seed", "item"]
    doubled = scores[scores.duplicated(keys, keep=False)]
    if len(doubled):
        raise OptbenchError(
            f"{len(doubled)} scores share dataset, model, optimizer, seed and item: "
            f"{_cells(doubled, keys[:4])}",
            key="table",
            mend="give what tells them apart as --seed or --item, or choose some with --where",
        )
    found = []
    for (dataset, model), part in scores.groupby(["dataset", "model"], sort=True, observed=True):
        name = f"{dataset}{f' with {model}' if model else ''}"
        cells = _cells_of(part, name, None if incomplete else finish, told)
        metric = (metrics or {}).get(str(dataset), "score")
        sign = -1 if dataset in minimize else 1
        found.append(Block(str(dataset), str(model), metric, sign, cells))
    _check_grid(found, None if incomplete else finish, told)
    return found, told


def _without_what_is_no_number(scores: pd.DataFrame, told: list[str]) -> pd.DataFrame:
    if scores.empty:
        raise OptbenchError("there is no score", key="table", mend="look at what was read")
    good = np.isfinite(scores["score"].to_numpy(dtype=float))
    if not good.all():
        bad = scores[~good]
        told.append(
            f"{len(bad)} of {len(scores)} scores are no finite number and were left out: "
            f"{_cells(bad, ['dataset', 'optimizer', 'seed'])}"
        )
        scores = scores[good]
    if scores.empty:
        raise OptbenchError("no score is a finite number", key="table", mend="look at --score")
    return scores


def _clustered(scores: pd.DataFrame, told: list[str]) -> pd.DataFrame:
    """Means of clusters in the place of items."""
    if "cluster" not in scores:
        return scores
    keys = ["dataset", "model", "optimizer", "seed", "cluster"]
    values = [one for one in ("score", "baseline") if one in scores]
    means = scores.groupby(keys, observed=True, dropna=False)[values].mean().reset_index()
    n_items = scores.groupby("dataset", observed=True)["item"].nunique().sum()
    n_clusters = scores.groupby("dataset", observed=True)["cluster"].nunique(dropna=False).sum()
    told.append(f"{n_items} items are {n_clusters} clusters, whose means count as the items do")
    return means.rename(columns={"cluster": "item"})


def _cells_of(
    part: pd.DataFrame, name: str, finish: str | None, told: list[str]
) -> dict[str, Cell]:
    """Matrices of one block over the items that all its runs have."""
    tables = {}
    for optimizer, of_one in part.groupby("optimizer", sort=True, observed=True):
        wide = of_one.pivot(index="seed", columns="item", values="score")
        base = None
        if "baseline" in of_one and of_one["baseline"].notna().any():
            base = of_one.pivot(index="seed", columns="item", values="baseline")
        tables[str(optimizer)] = (wide, base)
    every = part["item"].unique()
    common = set(every)
    for wide, _ in tables.values():
        common &= set(wide.columns[wide.notna().all()])
    lost = len(every) - len(common)
    if lost and finish:
        holes = {one: int(wide.reindex(columns=every).isna().sum().sum())
                 for one, (wide, _) in tables.items()}  # fmt: skip
        missing = ", ".join(f"{one} {n}" for one, n in holes.items() if n)
        raise OptbenchError(
            _with(f"{name}: not every run has a score of every item; missing: {missing}", told),
            key="grid",
            mend=f"{finish}, or take the items that all have (--incomplete)",
        )
    if lost:
        told.append(f"{name}: {lost} of {len(every)} items were left out, which some runs lack")
    if not common:
        raise OptbenchError(
            f"{name}: no item that all runs have",
            key="grid",
            mend="conclude sweeps over different items apart",
        )
    items = [one for one in every if one in common]
    cells = {}
    for optimizer, (wide, base) in tables.items():
        baseline = None if base is None else base.reindex(index=wide.index, columns=items)
        whole = baseline is not None and bool(np.isfinite(baseline.to_numpy(dtype=float)).all())
        cells[optimizer] = Cell(
            tuple(wide.index),
            tuple(items),
            wide[items].to_numpy(dtype=float),
            baseline.to_numpy(dtype=float) if baseline is not None and whole else None,
        )
    return cells


def _check_grid(found: Sequence[Block], finish: str | None, told: list[str]) -> None:
    """Every optimizer on every dataset and model, with the same seeds."""
    missing = [
        f"{block.dataset}{'/' + block.model if block.model else ''}/{optimizer}"
        f"{'' if seeds is None else f' seed {seeds}'}"
        for block, optimizer, seeds in _holes(found)
    ]
    if not missing:
        return
    count = "1 cell" if len(missing) == 1 else f"{len(missing)} cells"
    text = f"{count} of the grid missing: {some(missing, SHOWN)}"
    if finish:
        raise OptbenchError(
            _with(text, told), key="grid", mend=f"{finish}, or go on without them (--incomplete)"
        )
    told.append(f"{text}; means of optimizers are over what each has")


def _with(text: str, told: Sequence[str]) -> str:
    """An error with what was left out before it, which may be its cause."""
    return "; ".join([text, *told])


def _holes(found: Sequence[Block]) -> list[tuple[Block, str, Any]]:
    optimizers = sorted({one for block in found for one in block.cells})
    holes: list[tuple[Block, str, Any]] = []
    for block in found:
        seeds = list(dict.fromkeys(one for cell in block.cells.values() for one in cell.seeds))
        for optimizer in optimizers:
            if optimizer not in block.cells:
                holes.append((block, optimizer, None))
                continue
            there = set(block.cells[optimizer].seeds)
            holes.extend((block, optimizer, seed) for seed in seeds if seed not in there)
    return holes


def _cells(rows: pd.DataFrame, keys: Sequence[str]) -> str:
    named = rows[list(keys)].drop_duplicates()
    return some(
        ["/".join(str(one) for one in row if one != ONE) for row in named.to_numpy()], SHOWN
    )
