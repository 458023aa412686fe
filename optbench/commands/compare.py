"""``compare``: two sweeps, cell by cell, and what else than chance may be behind it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optbench.errors import OptbenchError
from optbench.wording import counted

from .chosen import kept
from .concluded import plain
from .differing import differing
from .screen import console, say, show
from .sweeps import Sweep, find
from .tables import Column, Table, text
from .text import between, chance, decimals, number, signed, visible, word

if TYPE_CHECKING:
    import pandas as pd

    from optbench.results.runs import Runs
    from optbench.statistics.compare import Pair

KEYS = ["dataset", "model", "optimizer"]
SHOWN = 8


@dataclass(frozen=True)
class Cell:
    """One optimizer on one dataset with one model, in both sweeps.

    Attributes:
        names: Dataset, model, optimizer.
        direction: Of the metric.
        before: Mean of A over what is compared.
        after: That of B.
        pair: B less A, over the seeds and items that both have.
        p_holm: For all cells.
        verdict: ``better``, ``worse``, ``not shown`` or ``too few``: B against A.
    """

    names: tuple[str, str, str]
    direction: str
    before: float
    after: float
    pair: Pair
    p_holm: float
    verdict: str


def run(given: argparse.Namespace) -> int:
    """Prints it; 1 where no cell is in both, with ``--strict`` also where B is worse."""
    from optbench.results.runs import load

    sweeps = [find(given.a), find(given.b)]
    both = [kept(load(one.folder), given.where) for one in sweeps]
    cells, left = compared(both[0], both[1], given.alpha)
    differences = differing(*[_done(one) for one in both])
    if given.raw:
        told = {"a": str(sweeps[0].folder), "b": str(sweeps[1].folder), "alpha": given.alpha,
                "cells": [_plain(one) for one in cells], "not_compared": left,
                "differing": [dict(zip(("what", "a", "b"), row, strict=True)) for row in differences],
                }  # fmt: skip
        json.dump(told, sys.stdout, indent=1, allow_nan=False)
        print()
    else:
        _print(sweeps, both, cells, left, differences)
    if not cells:
        raise OptbenchError(
            "no cell that both have, with the same test items and a seed in common",
            key="compare",
            mend="compare sweeps over the same dataset, model, optimizer and seeds",
        )
    return int(given.strict and any(cell.verdict == "worse" for cell in cells))


def compared(a: Runs, b: Runs, alpha: float) -> tuple[list[Cell], list[str]]:
    """The cells that both have, and why others are not compared.

    Runs are paired by seed and item where the test slices have one fingerprint; p is that of
    :mod:`optbench.statistics.compare`, Holm-corrected over the cells.

    Args:
        a: The one.
        b: The other.
        alpha: Level.
    """
    from optbench.statistics.compare import holm

    tables = [_scores(one) for one in (a, b)]
    grouped = [dict(list(table.groupby(KEYS, sort=True, observed=True))) for table in tables]
    left: list[str] = []
    found: list[tuple[tuple[Any, ...], Any, Any, Pair]] = []
    for names in sorted(set(grouped[0]) | set(grouped[1])):
        name = "/".join(word(one, 60) for one in names)
        missing = [which for which, of in zip("AB", grouped, strict=True) if names not in of]
        if missing:
            left.append(f"{name}: not in {missing[0]}")
            continue
        pair, why = _paired(names, grouped[0][names], grouped[1][names], alpha)
        if pair is None:
            left.append(f"{name}: {why}")
        else:
            found.append((names, *pair))
    corrected = holm([one[3].p for one in found])
    return [
        _cell(names, rows, means, pair, p, alpha)
        for (names, rows, means, pair), p in zip(found, corrected, strict=True)
    ], left


def _done(runs: Runs) -> pd.DataFrame:
    from optbench.statistics.conclude import named

    tasks = named(runs.tasks)
    return tasks[tasks["state"] == "success"]


def _scores(runs: Runs) -> pd.DataFrame:
    """A row a finished run and test item of the final prompt."""
    done = _done(runs).drop_duplicates([*KEYS, "seed"])
    items = runs.items
    final = items[(items["slice"] == "test") & (items["phase"] == "final")]
    final = final[["identity", "item_id", "score"]].drop_duplicates(["identity", "item_id"])
    final = final[final["score"].notna()].astype({"identity": "object"})
    keys = done[["identity", *KEYS, "seed", "fingerprint_test", "metric", "direction"]]
    return final.merge(keys.astype({"identity": "object"}), on="identity")


def _paired(names: Any, a: pd.DataFrame, b: pd.DataFrame, alpha: float) -> tuple[Any, str]:
    from optbench.statistics.compare import pairs_of
    from optbench.statistics.table import Block
    from optbench.statistics.table import Cell as Runs_

    for column, what in (("fingerprint_test", "test items"), ("metric", "metrics")):
        if set(a[column].fillna("?")) != set(b[column].fillna("?")):
            return None, f"the {what} differ"
    wide = [one.pivot(index="seed", columns="item_id", values="score") for one in (a, b)]
    seeds = [seed for seed in wide[0].index if seed in set(wide[1].index)]
    if not seeds:
        return None, "no seed in common"
    both = [one.loc[seeds] for one in wide]
    items = [item for item in both[0].columns
             if item in both[1].columns and all(one[item].notna().all() for one in both)]  # fmt: skip
    if not items:
        return None, "no item that all runs have"
    matrices = [one[items].to_numpy(dtype=float) for one in both]
    cells = {
        # pairs are a less b, and what came later is to be judged
        name: Runs_(tuple(seeds), tuple(items), matrix, None)
        for name, matrix in (("a", matrices[1]), ("b", matrices[0]))
    }
    sign = -1 if a["direction"].iloc[0] == "minimize" else 1
    block = Block(str(names[0]), str(names[1]), str(a["metric"].iloc[0]), sign, cells)
    low, high = min(one.min() for one in matrices), max(one.max() for one in matrices)
    bounds = (0.0, 1.0) if low >= 0 and high <= 1 else None
    (pair,) = pairs_of(block, alpha, bounds)
    return (a, [float(one.mean()) for one in matrices], pair), ""


def _cell(
    names: Any, rows: pd.DataFrame, means: Sequence[float], pair: Pair, p: float, alpha: float
) -> Cell:
    verdict = "too few" if pair.verdict == "too few" else "not shown"
    if verdict != "too few" and p <= alpha:
        sign = -1 if rows["direction"].iloc[0] == "minimize" else 1
        verdict = "better" if sign * pair.difference.mean > 0 else "worse"
    dataset, model, optimizer = (str(one) for one in names)
    direction = str(rows["direction"].iloc[0])
    return Cell((dataset, model, optimizer), direction, means[0], means[1], pair, p, verdict)


def _plain(cell: Cell) -> dict[str, Any]:
    one = cell.pair.difference
    names = dict(zip(KEYS, cell.names, strict=True))
    told: dict[str, Any] = plain({
        **names, "direction": cell.direction, "a": cell.before, "b": cell.after,
        "difference": one.mean, "low": one.low, "high": one.high, "n_seeds": one.n_seeds,
        "n_items": one.n_items, "p": cell.pair.p, "p_holm": cell.p_holm,
        "method": cell.pair.method, "verdict": cell.verdict, "note": cell.pair.note,
    })  # fmt: skip
    return told


def _print(
    sweeps: Sequence[Sweep], both: Sequence[Runs], cells: Sequence[Cell], left: Sequence[str],
    differences: Sequence[tuple[str, str, str]],
) -> None:  # fmt: skip
    on = console()
    for which, sweep, runs in zip("AB", sweeps, both, strict=True):
        done = int((runs.tasks["state"] == "success").sum())
        simulated = " SIMULATED" if runs.tasks["simulated"].fillna(False).any() else ""
        say(on, f"{which}: {sweep.folder} ({done} of {counted(len(runs.tasks), 'job')} finished)"
                f"{simulated}", "bold")  # fmt: skip
    on.print()
    if differences:
        rows = [[word(one, 300) for one in row] for row in differences]
        show(on, Table("What differs", [text("what"), text("A"), text("B")], rows))
    else:
        say(on, "Versions, budgets and configs are the same.")
    if cells:
        on.print()
        show(on, _table(cells))
    for line in left[:SHOWN]:
        say(on, f"not compared: {visible(line)}", "yellow")
    if len(left) > SHOWN:
        say(on, f"not compared: {len(left) - SHOWN} more (--raw)", "yellow")


def _table(cells: Sequence[Cell]) -> Table:
    columns = [text("dataset"), text("optimizer"), Column("A"), Column("B"), Column("B - A"),
               Column("interval"), Column("p"), text("B is")]  # fmt: skip
    models = len({cell.names[1] for cell in cells}) > 1
    rows = []
    for cell in cells:
        places = decimals(cell.before, cell.after)
        one = cell.pair.difference
        dataset = word(cell.names[0]) + (f", {word(cell.names[1])}" if models else "")
        rows.append([
            dataset, word(cell.names[2]), number(cell.before, places), number(cell.after, places),
            signed(one.mean, places), between(one.low, one.high, places, sign=True),
            chance(cell.p_holm), cell.verdict,
        ])  # fmt: skip
    sizes = sorted({(cell.pair.difference.n_seeds, cell.pair.difference.n_items) for cell in cells})
    said = ", ".join(f"{counted(s, 'seed')} x {counted(i, 'item')}" for s, i in sizes[:4])
    below = [f"Paired by seed and item: {said}. p: {cells[0].pair.method}, Holm over "
             f"{counted(len(cells), 'cell')}."]  # fmt: skip
    below += dict.fromkeys(cell.pair.note for cell in cells if cell.pair.note)
    if any(cell.direction == "minimize" for cell in cells):
        less = sorted({cell.names[0] for cell in cells if cell.direction == "minimize"})
        below.append(f"less is better: {word(', '.join(less))}")
    return Table("", columns, rows, below)
