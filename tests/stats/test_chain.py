"""The whole chain, from sweeps to verdicts, against a truth that is known: the simulated model's."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import command, composed

from optbench import preflight
from optbench.chat import ChatRequest
from optbench.models.build import known_answers
from optbench.models.simulated import SimulatedModel
from optbench.prompts import Prompt
from optbench.results.runs import Runs, load
from optbench.statistics.conclude import of_runs, of_table
from optbench.task import Task

pytestmark = pytest.mark.slow

SMALL = ("model=simulated", "dataset.slices.validation.count=10", "dataset.slices.test.count=40")
POOL = 60
"""Runs of one optimizer, from which two names are dealt five each."""
REPETITIONS = 20
SEEDS = 5
MOST_FALSE = 2


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    words = ("-m", *SMALL, "budget=trials_2", "hydra.launcher.n_jobs=2")
    for name, what in {
        "equal": ("dataset=tickets_routing", "optimizer=random_few_shot", f"seed=range(1,{POOL + 1})"),
        "apart": (
            "dataset=tickets_routing,arithmetic", "optimizer=none,random_few_shot,few_shot",
            f"seed=range(1,{SEEDS + 1})",
        ),
    }.items():  # fmt: skip
        done = command(*words, *what, f"hydra.sweep.dir={name}", cwd=folder, timeout=900)
        assert done.returncode == 0, done.stderr
    return folder


def test_equal_optimizers_under_two_names_are_not_told_apart(sweep: Path) -> None:
    items = load(sweep / "equal").items
    scores = items[(items["phase"] == "final") & (items["slice"] == "test")]
    by_seed = dict(list(scores.groupby("seed", observed=True)))
    assert len(by_seed) == POOL
    deal, dealt = random.Random(1), []
    while len(dealt) < REPETITIONS:
        seeds = sorted(by_seed)
        deal.shuffle(seeds)
        dealt += [seeds[at : at + 2 * SEEDS] for at in range(0, POOL, 2 * SEEDS)]
    false = sum(_told_apart(by_seed, seeds) for seeds in dealt[:REPETITIONS])
    assert false <= MOST_FALSE


def _told_apart(by_seed: Mapping[int, pd.DataFrame], seeds: list[int]) -> bool:
    parts = [
        pd.DataFrame({
            "dataset": "tickets_routing", "model": "simulated", "optimizer": name, "seed": place,
            "item": by_seed[seed]["item_id"].astype(str), "score": by_seed[seed]["score"],
        })
        for name, mine in (("one", seeds[:SEEDS]), ("other", seeds[SEEDS:]))
        for place, seed in enumerate(mine)
    ]  # fmt: skip
    told = of_table(pd.concat(parts))
    return bool(told.pairs["verdict"].isin(["a", "b"]).any())


def test_optimizers_that_differ_are_ranked_as_the_formula_ranks_them(sweep: Path) -> None:
    runs = load(sweep / "apart")
    told = of_runs(runs)
    truth = _truth(runs)
    assert len(truth) == 6
    told_of = told.scores.set_index(["dataset", "optimizer"])
    inside = 0
    for cell, true in truth.items():
        inside += told_of.loc[cell, "low"] <= true <= told_of.loc[cell, "high"]
    assert inside >= len(truth) - 1  # six intervals of 95 %
    large = 0
    for _, pair in told.pairs[told.pairs["dataset"] != "all"].iterrows():
        gap = truth[pair["dataset"], pair["a"]] - truth[pair["dataset"], pair["b"]]
        if abs(gap) > 0.25:
            large += 1
            assert pair["verdict"] == ("a" if gap > 0 else "b"), pair.to_dict()
        elif pair["verdict"] in ("a", "b"):
            assert (gap > 0) == (pair["verdict"] == "a"), pair.to_dict()
    assert large >= 2
    order = truth.groupby(level="optimizer").mean().sort_values(ascending=False)
    assert np.diff(order).max() < -0.05  # far enough apart for an order
    assert list(told.leaderboard["optimizer"]) == list(order.index)
    assert any("SIMULATED" in note for note in told.notes)


def _truth(runs: Runs) -> Any:
    """Expected test score of what each optimizer found, over many simulated models."""
    rows = []
    for dataset, tasks in runs.tasks.groupby("dataset"):
        task = Task.from_config(composed(*SMALL, f"dataset={dataset}", "optimizer=none"))
        inputs = preflight.inputs_of(task.config)
        assert not isinstance(inputs, preflight.Unread)
        assert isinstance(inputs.prompt, Prompt)
        columns = inputs.prompt.placeholders()
        keys = known_answers(task.config, inputs.data, columns, inputs.objective)
        models = [SimulatedModel(keys, seed=1_000 + n) for n in range(15)]
        for _, row in tasks.iterrows():
            prompt = Prompt(tuple(runs.prompts(row["identity"])["final"]["messages"]))
            score = np.mean([
                inputs.objective.score(
                    model.complete(ChatRequest(prompt.render(item.row, columns))).text, item.row
                ).value
                for model in models
                for item in inputs.data.test
            ])  # fmt: skip
            rows.append({"dataset": dataset, "optimizer": row["optimizer"], "score": score})
    return pd.DataFrame(rows).groupby(["dataset", "optimizer"])["score"].mean()
