"""Every kind of budget ends every optimizer cleanly, with the best candidate scored so far."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import composed, searches

from optbench.layout import JobFolder
from optbench.task import Task, run_task

OPTIMIZERS = [name for name in searches() if name != "none"]
ITEMS = 8
THREADS = 4
SMALL = (
    "model=simulated",
    "dataset.slices.train.count=10",
    "seed=2",
    f"dataset.slices.validation.count={ITEMS}",
    "dataset.slices.test.count=5",
    f"n_threads={THREADS}",
    "budget=trials_30",
    "budget.trials=1000",
    "cache=off",
)


def run(folder: Path, *overrides: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    result = run_task(Task.from_config(composed(*SMALL, *overrides)), folder)
    lines = JobFolder(folder).trials.read_text().splitlines()
    return result, [json.loads(line) for line in lines]


def check_best(result: dict[str, Any], trials: list[dict[str, Any]]) -> None:
    """The result is the best that was scored on the whole slice, the initial prompt included."""
    whole = [t for t in trials if t["slice"] == "validation" and t["items"] == ITEMS]
    best = max(whole, key=lambda trial: trial["score"], default=None)
    initial = result["scores"]["initial"]["validation"]["exact_match"]
    if best is None or best["score"] <= initial:
        assert result["prompts"]["final"] == result["prompts"]["initial"]
    else:
        assert result["prompts"]["final"] == best["prompt"]
        assert result["scores"]["final"]["validation"]["exact_match"] == best["score"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_rollouts(optimizer: str, tmp_path: Path) -> None:
    result, trials = run(tmp_path, f"optimizer={optimizer}", "budget.rollouts=29")
    assert result["finish_reason"] == "budget:rollouts"
    assert result["ledger"]["optimise"]["task"]["used"]["calls"] == 29  # to the letter
    assert sum(trial["items"] for trial in trials) == 29
    assert json.loads((tmp_path / "status.json").read_text())["state"] == "success"
    check_best(result, trials)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("limit", "most"),
    [
        ("budget.llm_calls=40", lambda used: used["calls"] == 40),
        # What one more call takes is known afterwards: those in flight complete.
        ("budget.tokens=5000", lambda used: used["tokens_in"] + used["tokens_out"] >= 5000),
        ("budget.usd=0.001", lambda used: 0.001 <= used["cost_usd"] < 0.002),
        pytest.param("budget.seconds=3", lambda used: used["calls"] > 0, marks=pytest.mark.slow),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_other_limit(optimizer: str, limit: str, most: Any, tmp_path: Path) -> None:
    slow = ("model.latency_s=0.1",) if "seconds" in limit else ()
    result, trials = run(tmp_path, f"optimizer={optimizer}", limit, *slow)
    name = limit.partition("=")[0].removeprefix("budget.")
    assert result["finish_reason"] == f"budget:{name}"
    used: dict[str, Any] = {}
    for spent in result["ledger"]["optimise"].values():
        for key, value in spent["used"].items():
            used[key] = used.get(key, 0) + value
    assert most(used), used
    if name == "seconds":
        assert 3 <= result["timings"]["optimise"] < 6
    check_best(result, trials)


def test_a_budget_too_small_for_any_candidate_keeps_the_initial_prompt(tmp_path: Path) -> None:
    result, trials = run(tmp_path, "optimizer=random_few_shot", "budget.rollouts=3")
    assert result["finish_reason"] == "budget:rollouts"
    assert not result["prompt_changed"]
    check_best(result, trials)


def test_the_baseline_is_given_to_every_optimizer(tmp_path: Path) -> None:
    """Those that score the initial prompt themselves do not pay for what others are given."""
    calls = {}
    for optimizer in ("random_few_shot", "meta_prompt"):
        result, trials = run(
            tmp_path / optimizer, f"optimizer={optimizer}", "budget.trials=1", "n_threads=1"
        )
        initial = result["prompts"]["initial"]
        assert all(trial["prompt"] != initial for trial in trials)
        calls[optimizer] = result["ledger"]["optimise"]["task"]["used"]["calls"]
    assert calls["random_few_shot"] == calls["meta_prompt"] == ITEMS
