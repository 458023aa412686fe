"""Runs, curves and conclusions that nobody ran: small, the same every time, for tests of views.

    study = runs(datasets=("arithmetic",), seeds=3)
    told = conclusions(study.tasks)

The intervals and p values are plausible and no statistics: views and reports only show them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from optbench.statistics.conclusions import Conclusions

OPTIMIZERS = ("none", "few_shot", "random_few_shot", "parameter")
WORDS = (
    "Read",
    "the",
    "whole",
    "text",
    "twice,",
    "think",
    "step",
    "by",
    "step,",
    "then",
    "answer.",
)


@dataclass
class Runs:
    """What :func:`optbench.results.load` gives, as far as views read it; all of it in memory."""

    tasks: pd.DataFrame
    items: dict[str, list[dict[str, Any]]]
    both: dict[str, dict[str, Any]]
    problems: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["folder", "kind", "what", "excluded", "n"])
    )

    def texts(self, identity: str) -> list[dict[str, Any]]:
        """The items of a job, with texts."""
        return self.items.get(identity, [])

    def prompts(self, identity: str) -> dict[str, Any]:
        """The prompts of a job."""
        return self.both[identity]


def runs(
    datasets: Sequence[str] = ("arithmetic", "tickets_routing"),
    optimizers: Sequence[str] = OPTIMIZERS,
    models: Sequence[str] = ("simulated",),
    seeds: int = 3,
    n_items: int = 20,
    *,
    failed: int = 0,
    output: Callable[[np.random.Generator], str] | None = None,
) -> Runs:
    """Jobs of a whole grid, the last ``failed`` of them failed.

    Args:
        datasets: Names, as all others.
        optimizers: Each is better than the one before.
        models: Of the program under test.
        seeds: From 1.
        n_items: Test items of each job.
        failed: Jobs without a result.
        output: Makes the text of an output.
    """
    tasks, items, both = [], {}, {}
    grid = list(product(datasets, models, enumerate(optimizers), range(1, seeds + 1)))
    for number, (dataset, model, (level, optimizer), seed) in enumerate(grid):
        identity = f"{number:08x}" * 8
        rng = np.random.default_rng(number)
        fine = number < len(grid) - failed
        rows = _items(dataset, level, n_items, rng, output) if fine else []
        tasks.append(_task(identity, dataset, model, optimizer, seed, rows, level))
        items[identity] = rows
        both[identity] = _prompts(level, rng) if fine else {"initial": None, "final": None}
    return Runs(pd.DataFrame(tasks), items, both)


def conclusions(tasks: pd.DataFrame, notes: Sequence[str] = ()) -> Conclusions:
    """Conclusions of the right shape from the means of finished jobs."""
    done = tasks[tasks["state"] == "success"]
    keys = ["dataset", "model", "optimizer"]
    cells = done.groupby(keys, observed=True, sort=False)
    scores = pd.DataFrame([_score(dict(zip(keys, key, strict=True)), rows) for key, rows in cells])
    counts = cells["seed"].nunique().rename("seeds").reset_index()
    most = int(counts["seeds"].max()) if len(counts) else 0
    grid = counts.assign(
        expected_seeds=most,
        items=scores["n_items"].to_numpy() if len(scores) else [],
        complete=counts["seeds"] == most,
    )
    board = _leaderboard(scores)
    n = int(board["n_units"].max()) if len(board) else 0
    friedman = {
        "statistic": 7.4, "p": 0.031, "n_units": n, "n_optimizers": len(board),
        "critical_difference": 1.2, "method": "made up", "note": "",
    }  # fmt: skip
    return Conclusions(grid, scores, _pairs(scores), board, friedman, list(notes))


def curves(tasks: pd.DataFrame, points: int = 12) -> pd.DataFrame:
    """Best-so-far curves that rise to the final validation score of each optimizer."""
    rows = []
    done = tasks[tasks["state"] == "success"]
    for (dataset, model, optimizer), jobs in done.groupby(["dataset", "model", "optimizer"]):
        start, end = jobs["initial_validation"].mean(), jobs["final_validation"].mean()
        for axis in ("rollouts", "tokens", "cost_usd", "seconds"):
            most = float(jobs[axis].mean())
            for share in np.linspace(0, 1, points):
                mean = start + (end - start) * share**0.5
                rows.append(
                    {"dataset": dataset, "model": model, "optimizer": optimizer, "axis": axis,
                     "x": share * most, "mean": mean, "low": mean - 0.04, "high": mean + 0.04,
                     "test": {0: start, 1: end}.get(share, np.nan), "n_seeds": len(jobs)}
                )  # fmt: skip
    columns = [
        "dataset",
        "model",
        "optimizer",
        "axis",
        "x",
        "mean",
        "low",
        "high",
        "test",
        "n_seeds",
    ]
    return pd.DataFrame(rows, columns=columns)


def _items(
    dataset: str, level: int, n: int, rng: np.random.Generator, output: Any
) -> list[dict[str, Any]]:
    rows = []
    shared = np.random.default_rng(7)  # the baseline answers alike in every job
    final = rng if level else np.random.default_rng(7)
    for phase, part, chance in (("baseline", shared, 0.35), ("final", final, 0.35 + 0.12 * level)):
        for index in range(n):
            right = float(part.random() < chance)
            rows.append(
                {
                    "phase": phase,
                    "slice": "test",
                    "item_id": f"{dataset}-{index}",
                    "output": output(part) if output else f"The answer is {part.integers(999)}.",
                    "score.exact": right,
                    "reason.exact": "Equal." if right else f"Expected {part.integers(999)}.",
                }
            )
    return rows


def _task(
    identity: str, dataset: str, model: str, optimizer: str, seed: int, rows: Any, level: int
) -> dict[str, Any]:
    fine = bool(rows)
    half = len(rows) // 2
    initial = float(np.mean([row["score.exact"] for row in rows[:half]])) if fine else np.nan
    final = float(np.mean([row["score.exact"] for row in rows[half:]])) if fine else np.nan
    return {
        "folder": f"sweep/{dataset}/{optimizer}/{model}/s{seed}", "sweep": "sweep",
        "identity": identity, "dataset": dataset, "agent": "chat", "optimizer": optimizer,
        "model": model, "optimizer_model": model, "judge_model": None, "seed": seed,
        "budget": "trials=3", "test_mode": False, "state": "success" if fine else "failed",
        "engine": "local", "metric": "exact", "direction": "maximize", "n_test": half,
        "n_validation": 50, "initial": initial, "final": final,
        "initial_validation": initial + 0.02, "final_validation": final + 0.03 * level,
        "prompt_changed": level > 0, "finish_reason": "max_trials" if fine else None,
        "trials": 3, "candidates": 3, "simulated": model == "simulated",
        "fingerprint_test": f"{abs(hash_of(dataset)):064x}", "fingerprint_validation": "1" * 64,
        "fingerprint_train": "2" * 64, "rollouts": 150 * level, "calls": 160 * level,
        "tokens": 9_000 * level, "cost_usd": 0.002 * level, "paid_usd": 0.001 * level,
        "seconds": 4.0 * level + 1, "optimizer_calls": level, "initial_words": 4,
        "final_words": 4 + 30 * level, "transferred_from": None, "source_model": None,
        "source_dataset": None, "source_seed": None, "error": "" if fine else "ValueError: it broke",
        "versions": {"optbench": "0.1.0", "python": "3.11"}, "identity_version": 3,
    }  # fmt: skip


def hash_of(text: str) -> int:
    """A number for a text, the same in every process."""
    return sum(ord(character) * 31**place for place, character in enumerate(text[:12]))


def _prompts(level: int, rng: np.random.Generator) -> dict[str, Any]:
    user = {"role": "user", "content": "{question}"}
    longer = " ".join(rng.permutation(WORDS)[: 4 * level])
    return {
        "initial": {"messages": [{"role": "system", "content": "Solve the problem."}, user]},
        "final": {
            "messages": [
                {"role": "system", "content": f"Solve the problem. {longer}".strip()},
                user,
            ]
        },
    }


def _score(key: dict[str, Any], jobs: pd.DataFrame) -> dict[str, Any]:
    mean, baseline = float(jobs["final"].mean()), float(jobs["initial"].mean())
    lift, half = mean - baseline, 0.09
    return {
        **key, "metric": jobs["metric"].iloc[0], "direction": jobs["direction"].iloc[0],
        "n_seeds": len(jobs), "n_items": int(jobs["n_test"].max()), "mean": mean,
        "low": mean - half, "high": mean + half, "baseline": baseline, "lift": lift,
        "lift_low": lift - half, "lift_high": lift + half, "p_better": min(0.99, 0.5 + lift),
        "seed_sd": 0.02, "item_sd": 0.3, "residual_sd": 0.1,
        "validation_gap": float(
            (jobs["final_validation"] - jobs["initial_validation"] - jobs["final"] + jobs["initial"])
            .mean()
        ),
        "method": "made up", "note": "",
    }  # fmt: skip


def _leaderboard(scores: pd.DataFrame) -> pd.DataFrame:
    frame = scores.assign(unit=scores["dataset"] + scores["model"])
    by_unit = frame.groupby("unit")["mean"]
    low, spread = by_unit.transform("min"), by_unit.transform("max") - by_unit.transform("min")
    frame["normalised"] = (frame["mean"] - low) / spread.where(spread > 0, 1)
    frame["rank"] = by_unit.rank(ascending=False)
    grouped = frame.groupby("optimizer")
    board = grouped.agg(
        normalised=("normalised", "mean"), mean_rank=("rank", "mean"), n_units=("unit", "nunique")
    ).reset_index()
    board = board.sort_values("normalised", ascending=False, ignore_index=True)
    board["place"] = range(1, len(board) + 1)
    board["place_by_rank"] = board["mean_rank"].rank(method="min").astype(int)
    board["wins"], board["ties"], board["losses"] = range(len(board))[::-1], 1, range(len(board))
    board["group"] = [chr(97 + index // 2) for index in range(len(board))]
    return board


def _pairs(scores: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (dataset, model), unit in scores.groupby(["dataset", "model"], sort=False):
        means = dict(zip(unit["optimizer"], unit["mean"], strict=True))
        rows += [
            _pair(dataset, model, a, b, means[a] - means[b]) for a, b in combinations(means, 2)
        ]
    means = scores.groupby("optimizer", sort=False)["mean"].mean().to_dict()
    rows += [_pair("all", "all", a, b, means[a] - means[b]) for a, b in combinations(means, 2)]
    return pd.DataFrame(rows)


def _pair(dataset: str, model: str, a: str, b: str, difference: float) -> dict[str, Any]:
    told = "tie" if abs(difference) < 0.1 else "a" if difference > 0 else "b"
    return {
        "dataset": dataset, "model": model, "a": a, "b": b, "n_seeds": 3, "n_items": 20, "n_units": 20,
        "difference": difference, "low": difference - 0.08, "high": difference + 0.08,
        "p": 0.4 if told == "tie" else 0.004, "p_holm": 1.0 if told == "tie" else 0.024,
        "smallest_p": 1e-6, "method": "made up", "verdict": told, "note": "",
    }  # fmt: skip
