"""From runs, or from anybody's table, to conclusions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optbench.errors import OptbenchError
from optbench.results.brief import SIMULATED
from optbench.results.variants import optimizers, seeds
from optbench.wording import some

from . import ranks
from .compare import ALL, T_TEST, Pair, bounds_of, of_differences, over_all, pairs_of, seeds_needed
from .conclusions import Conclusions
from .curves import AXES, area_under, curves
from .intervals import Interval, interval
from .table import ONE, SHOWN, Block, Cell, blocks

if TYPE_CHECKING:
    import pandas as pd

    from optbench.results.runs import Runs

FINISH = "finish the sweep (resume=, retry_failed=)"
SPENT = ("rollouts", "calls", "tokens", "cost_usd", "seconds")
"""Columns of tasks: what the phase optimise used."""


def of_runs(runs: Runs, *, alpha: float = 0.05, incomplete: bool = False) -> Conclusions:
    """Conclusions of sweeps.

    Args:
        runs: What was loaded.
        alpha: Level of tests and intervals.
        incomplete: Go on where jobs have failed or are not there; said in the notes.

    Raises:
        OptbenchError: When nothing has finished, or the grid has holes and ``incomplete`` is not set.
    """
    tasks, told = _own(named(runs.tasks))
    done = tasks[tasks["state"] == "success"]
    if done.empty:
        states = ", ".join(f"{n} {state}" for state, n in tasks["state"].value_counts().items())
        raise OptbenchError(
            f"no job has finished yet ({states})",
            key="grid",
            mend="wait for them, or see why: optbench-results failures <run>",
        )
    scores, unread = _scores(runs, done)
    told += unread
    if scores.empty:
        raise OptbenchError(
            f"none of {len(done)} finished jobs has test items that can be read",
            key="grid",
            mend="see why: optbench-results show --detailed",
        )
    unfinished = tasks[tasks["state"] != "success"]
    if len(unfinished) and not incomplete:
        raise OptbenchError(
            f"{len(unfinished)} of {len(tasks)} jobs have no result: {_shown(unfinished)}",
            key="grid",
            mend=f"{FINISH}, or go on without them (--incomplete)",
        )
    if len(unfinished):
        told.append(
            f"{len(unfinished)} of {len(tasks)} jobs have no result: {_shown(unfinished)}; an "
            "optimizer that fails on what is hard for it looks better than it is"
        )
    by_dataset = done.drop_duplicates("dataset").set_index("dataset")
    minimize = [one for one in by_dataset.index if by_dataset["direction"][one] == "minimize"]
    found, left_out = blocks(
        scores,
        minimize=minimize,
        metrics=by_dataset["metric"].to_dict(),
        incomplete=incomplete,
        finish=FINISH,
    )
    told += left_out + _cautions(done)
    return _concluded(found, alpha, told, done, curves(done, runs.trials, alpha))


def of_table(
    scores: pd.DataFrame,
    *,
    minimize: Sequence[str] = (),
    alpha: float = 0.05,
    incomplete: bool = False,
) -> Conclusions:
    """Conclusions of a table; see :func:`.table.blocks` for its columns.

    Raises:
        OptbenchError: See :func:`.table.blocks`.
    """
    found, told = blocks(scores, minimize=minimize, incomplete=incomplete)
    return _concluded(found, alpha, told)


def named(tasks: pd.DataFrame) -> pd.DataFrame:
    """Tasks with the names that statistics use: variants of optimizers and of datasets told apart."""
    tasks = tasks.assign(seed=seeds(tasks))
    tasks = tasks.assign(optimizer=optimizers(tasks))
    for column in ("dataset", "model"):
        tasks[column] = tasks[column].astype("object").where(tasks[column].notna(), "?")
    for dataset, alike in tasks.groupby("dataset", observed=True):
        for column in ("fingerprint_test", "metric"):
            known = alike[alike[column].notna()]
            if known[column].nunique() > 1:
                suffix = known[column].map(lambda one: f"#{one[:8]}")
                tasks.loc[known.index, "dataset"] = str(dataset) + suffix
    return tasks


def _own(tasks: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Searches where there are any: a prompt from elsewhere did not compete with them."""
    moved = tasks["transferred_from"].notna()
    if moved.all() or not moved.any():
        return tasks, []
    told = f"{int(moved.sum())} transferred prompts are no part of leaderboard and tests"
    return tasks[~moved], [told]


def _scores(runs: Runs, done: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """A row a run and test item, with the initial prompt's score of the same run beside it."""
    items = runs.items
    items = items[(items["slice"] == "test") & items["identity"].isin(done["identity"])]
    columns = ["identity", "item_id", "score"]
    final = items.loc[items["phase"] == "final", columns]
    initial = items.loc[items["phase"] == "baseline", columns]
    told = []
    for which in (final, initial):
        doubled = which.duplicated(["identity", "item_id"])
        if doubled.any():
            told.append(f"{int(doubled.sum())} items are there twice in a run; the first counts")
    final = final.drop_duplicates(["identity", "item_id"])
    initial = initial.drop_duplicates(["identity", "item_id"])
    both = final.merge(
        initial.rename(columns={"score": "baseline"}), on=["identity", "item_id"], how="left"
    )
    keys = done[["identity", "dataset", "model", "optimizer", "seed"]]
    table = both.merge(keys, on="identity").rename(columns={"item_id": "item"})
    without = sorted(set(done["identity"]) - set(table["identity"].astype(str)))
    if without:
        told.append(f"{len(without)} finished jobs have no test items that could be read")
    return table.drop(columns="identity"), told


def _cautions(done: pd.DataFrame) -> list[str]:
    told = []
    if done["simulated"].fillna(False).any():
        told.append(SIMULATED)
    for (dataset, model), alike in done.groupby(["dataset", "model"], observed=True):
        budgets = sorted(set(alike.loc[alike["optimizer"] != "none", "budget"].dropna()))
        if len(budgets) > 1:
            told.append(
                f"{dataset} with {model}: budgets differ ({', '.join(budgets)}), so these "
                "optimizers were not given the same"
            )
    if done["test_mode"].fillna(False).any():
        told.append("test_mode: so few items show that things work, and nothing else")
    return told


def _concluded(
    found: Sequence[Block],
    alpha: float,
    told: list[str],
    done: pd.DataFrame | None = None,
    curve: pd.DataFrame | None = None,
) -> Conclusions:
    import pandas as pd

    names = sorted({one for block in found for one in block.cells})
    bounded = [(block, bounds_of(block)) for block in found]
    single = [pair for block, bounds in bounded for pair in pairs_of(block, alpha, bounds)]
    together = over_all(found, alpha)
    means = ranks.means(found, names)
    scores = pd.DataFrame(
        [
            _score_row(block, bounds, name, cell, alpha)
            for block, bounds in bounded
            for name, cell in block.cells.items()
        ]
    )
    if done is not None and curve is not None:
        scores = _with_costs(scores, done, curve)
    friedman = ranks.friedman(means, alpha)
    notes = [*dict.fromkeys([*told, *_small(found), *_tests(single, alpha)])]
    return Conclusions(
        pd.DataFrame([row for block in found for row in _grid(block, names)]),
        scores,
        pd.DataFrame([_pair_row(pair) for pair in (*single, *together)], columns=_PAIR_COLUMNS),
        _leaderboard(names, means, single, together),
        friedman,
        notes,
        alpha,
        curve,
    )


def _score_row(
    block: Block, bounds: tuple[float, float] | None, name: str, cell: Cell, alpha: float
) -> dict[str, Any]:
    score = interval(cell.score, alpha=alpha, bounds=bounds)
    row = {
        "dataset": block.dataset, "model": block.model, "optimizer": name, "metric": block.metric,
        "direction": "maximize" if block.sign > 0 else "minimize",
        "n_seeds": score.n_seeds, "n_items": score.n_items,
        "mean": score.mean, "low": score.low, "high": score.high,
        "baseline": math.nan, "lift": math.nan, "lift_low": math.nan, "lift_high": math.nan,
        "p_better": math.nan, **_sds(score), "method": score.method, "note": score.note,
    }  # fmt: skip
    if cell.baseline is not None:
        within = bounds and of_differences(bounds)
        lift = interval(cell.score - cell.baseline, alpha=alpha, bounds=within)
        better = lift.p_positive if block.sign > 0 else 1 - lift.p_positive
        if lift.n_seeds == 1 and lift.n_items > 1:
            better = math.nan  # another run might find a worse prompt; how often cannot be told
        row |= {
            "baseline": float(cell.baseline.mean()), "lift": lift.mean, "lift_low": lift.low,
            "lift_high": lift.high, "p_better": better,
        }  # fmt: skip
    return row


def _sds(found: Interval) -> dict[str, float]:
    noise = asdict(found.spread)
    return {key: noise[key] for key in ("seed_sd", "item_sd", "residual_sd")}


def _sign(rows: pd.DataFrame) -> pd.Series:
    return rows["direction"].map({"maximize": 1.0, "minimize": -1.0}).astype(float)


def _with_costs(scores: pd.DataFrame, done: pd.DataFrame, curve: pd.DataFrame) -> pd.DataFrame:
    """What a run of each cost, what a point of lift did, and how far selection fooled it."""
    keys = ["dataset", "model", "optimizer"]
    on_validation = done["final_validation"] - done["initial_validation"]
    spent = done.assign(
        validation_gap=_sign(done) * (on_validation - (done["final"] - done["initial"])),
        words_added=done["final_words"] - done["initial_words"],
    )
    means = spent.groupby(keys, observed=True)[[*SPENT, "validation_gap", "words_added"]].mean()
    joined = scores.merge(means.astype(float).reset_index(), on=keys, how="left")
    points = (100 * _sign(joined) * joined["lift"]).where(lambda one: one > 0)
    joined["usd_per_point"] = joined["cost_usd"] / points
    joined["tokens_per_point"] = joined["tokens"] / points
    areas: dict[tuple[Any, ...], dict[str, float]] = {}
    for (dataset, model, axis), alike in curve.groupby(["dataset", "model", "axis"], observed=True):
        until = float(alike["x"].max())
        for name, one in alike.groupby("optimizer", observed=True):
            areas.setdefault((dataset, model, name), {})[str(axis)] = area_under(one, until)
    for axis in AXES:
        joined[f"area_{axis}"] = [
            areas.get(tuple(row), {}).get(axis, math.nan) for row in joined[keys].to_numpy()
        ]
    return joined


_PAIR_COLUMNS = [
    "dataset", "model", "a", "b", "n_seeds", "n_items", "n_units", "difference", "low", "high",
    "p", "p_holm", "smallest_p", "method", "verdict", "note",
]  # fmt: skip


def _pair_row(pair: Pair) -> dict[str, Any]:
    one = pair.difference
    of_runs_alone = pair.dataset == ALL
    return {
        "dataset": pair.dataset, "model": pair.model, "a": pair.a, "b": pair.b,
        "n_seeds": math.nan if of_runs_alone else one.n_seeds,
        "n_items": math.nan if of_runs_alone else one.n_items,
        "n_units": pair.n_units, "difference": one.mean, "low": one.low, "high": one.high,
        "p": pair.p, "p_holm": pair.p_holm, "smallest_p": pair.smallest_p,
        "method": pair.method, "verdict": pair.verdict, "note": pair.note,
    }  # fmt: skip


def _grid(block: Block, names: Sequence[str]) -> list[dict[str, Any]]:
    expected = len({seed for cell in block.cells.values() for seed in cell.seeds})
    rows = []
    for name in names:
        cell = block.cells.get(name)
        seeds = 0 if cell is None else len(cell.seeds)
        rows.append({
            "dataset": block.dataset, "model": block.model, "optimizer": name, "seeds": seeds,
            "expected_seeds": expected, "items": 0 if cell is None else len(cell.items),
            "complete": seeds == expected,
        })  # fmt: skip
    return rows


def _leaderboard(
    names: Sequence[str], means: Any, single: Sequence[Pair], together: Sequence[Pair]
) -> pd.DataFrame:
    """Best mean first; with one block its own pairs decide who shares a group."""
    import numpy as np
    import pandas as pd

    ranked, shares = ranks.ranks(means), ranks.normalised(means)
    board = pd.DataFrame({
        "optimizer": list(names),
        "normalised": np.nanmean(shares, axis=0),
        "mean_rank": np.nanmean(ranked, axis=0),
        "n_units": (~np.isnan(means)).sum(axis=0),
    })  # fmt: skip
    board[["wins", "ties", "losses"]] = [ranks.record(name, single) for name in names]
    board = board.sort_values(
        ["normalised", "mean_rank", "optimizer"], ascending=[False, True, True]
    ).reset_index(drop=True)
    board.insert(0, "place", board["normalised"].rank(ascending=False, method="min").astype(int))
    board.insert(1, "place_by_rank", board["mean_rank"].rank(method="min").astype(int))
    letters = ranks.groups(list(board["optimizer"]), single if len(means) == 1 else together)
    board["group"] = board["optimizer"].map(letters)
    return board


def _small(found: Sequence[Block]) -> list[str]:
    """What n is too small for."""
    told = []
    seeds = {len(cell.seeds) for block in found for cell in block.cells.values()}
    values = {seed for block in found for cell in block.cells.values() for seed in cell.seeds}
    if values == {ONE}:
        told.append("no seeds: a figure stands for its dataset, and tests are over datasets")
    elif seeds == {1}:
        told.append(
            "one seed: differences are between these prompts, not between optimizers; run more "
            "seeds (seed=1,2,3,4,5)"
        )
    if len(found) == 1:
        told.append("one dataset and model: nothing is said about others")
    return told


def _tests(single: Sequence[Pair], alpha: float) -> list[str]:
    """Where the exact test could not have said anything, and what was taken instead."""
    taken = [pair for pair in single if pair.method == T_TEST]
    if not taken:
        return []
    count = max(Counter((pair.dataset, pair.model) for pair in single).values())
    seeds = "/".join(map(str, sorted({pair.n_units for pair in taken})))
    return [
        f"within a dataset {seeds} seeds are too few for the exact test to reach {alpha:g} over "
        f"{count} pair{'' if count == 1 else 's'} ({seeds_needed(alpha, count)} would do): a t test "
        "over seeds stands there"
    ]


def _shown(tasks: pd.DataFrame) -> str:
    cells: Mapping[str, int] = (
        tasks["dataset"].astype(str) + "/" + tasks["optimizer"].astype(str) + " " + tasks["state"]
    ).value_counts().to_dict()  # fmt: skip
    return some([f"{cell}{f' x {n}' if n > 1 else ''}" for cell, n in cells.items()], SHOWN)
