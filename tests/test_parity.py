"""``seed`` and ``test_mode`` do what the reference runner's documentation says of them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from peers import completion, openai
from support import command, composed

from optbench.optimizers import opik
from optbench.optimizers.protocol import Outcome, Problem
from optbench.task import Task, run_task

SMALL = tuple(f"dataset.slices.{name}.count=12" for name in ("train", "validation", "test"))


class Telling:
    """Tells what it was given."""

    proposes = False

    def __init__(self, *, min_examples: int, max_examples: int) -> None:
        pass

    def optimize(self, problem: Problem, *, max_trials: int) -> Outcome:
        told = {
            "train": [item.id for item in problem.train],
            "validation": [item.id for item in problem.validation],
            "opik": [one["message"] for one in problem.tracker.dataset(problem.train).get_items()],
            "messages": [item.row["message"] for item in problem.train],
            "seed": problem.seed,
        }
        return Outcome(problem.prompt, "told", told)


def told(folder: Path, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    words = (
        *("model=simulated", "optimizer.target=test_parity.Telling", *SMALL, f"seed={seed}"),
        "allow_imports=[test_parity]",
    )
    result = run_task(Task.from_config(composed(*words)), folder)
    return result["optimizer_details"], result


def test_a_seed_orders_what_is_learnt_from_and_nothing_else(tmp_path: Path) -> None:
    (one, first), (two, second), (again, _) = (
        told(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 2), ("c", 1))
    )
    assert one == again
    assert one["train"] != two["train"]
    assert sorted(one["train"]) == sorted(two["train"])
    assert one["validation"] == two["validation"]
    assert first["fingerprints"] == second["fingerprints"]
    # Libraries that read Opik's dataset get that order too.
    assert sorted(one["opik"]) == sorted(one["messages"])
    assert one["opik"] in (one["messages"], one["messages"][::-1])
    assert (one["seed"], two["seed"]) == (1, 2)


@pytest.mark.parametrize("algorithm", ["GepaOptimizer", "MetaPromptOptimizer"])
def test_a_seed_is_the_optimizers(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class ReachedError(Exception):
        pass

    def construct(**given: Any) -> None:
        seen.append(given["seed"])
        raise ReachedError

    monkeypatch.setattr(opik, "_interruptible", lambda _: construct)
    for seed in (1, 2):
        problem: Any = SimpleNamespace(seed=seed)
        with pytest.raises(ReachedError):
            opik.OpikOptimizer(algorithm=algorithm, params={}).optimize(problem)
    assert seen == [1, 2]


def test_a_seed_is_sent_to_the_provider(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        seeds.setdefault(body["messages"][-1]["content"], []).append(body["seed"])
        return 200, completion("x")

    seeds: dict[str, list[int]] = {}
    with openai(answer) as (address, _):
        for seed in (1, 2):
            words = ("model=vllm", "model.id=hosted_vllm/peer", f"model.api_base={address}")
            task = composed(
                *words, "model.temperature=0.7", "optimizer=none", "test_mode=true", f"seed={seed}"
            )
            run_task(Task.from_config(task), tmp_path / str(seed))
    assert len(seeds) == 10  # validation and test, five each
    assert all(len(both) == len(set(both)) == 2 for both in seeds.values())


def test_test_mode_is_small_and_the_plan_says_so(tmp_path: Path) -> None:
    words = ("model=simulated", "optimizer=random_few_shot", "test_mode=true", "budget=trials_30")
    plan = command(*words, "plan=true", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr
    # Baseline and final on 5 + 5 items, two candidates on 5.
    assert "about 30 calls" in plan.stdout
    result = run_task(Task.from_config(composed(*words)), tmp_path / "out")
    assert result["items"] == {"train": 5, "validation": 5, "test": 5}
    assert result["trials"] == 2
    assert result["ledger"]["total"]["used"]["calls"] <= 30
    assert json.loads((tmp_path / "out" / "task.json").read_text())["config"]["test_mode"] is True
