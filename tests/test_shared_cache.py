"""A sweep pays once for what its tasks share, and no key reaches any of its files."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peers import completion, openai
from support import command, composed

from optbench.errors import OptbenchError
from optbench.task import Task, run_task

OPTIMIZERS = ("none", "random_few_shot", "few_shot", "meta_prompt")
METRICS = (
    "[{name:exact_match,target:product}]",
    "[{name:contains,target:product}]",
)
SEEDS = (1, 2, 3)
SMALL = (
    "model=simulated",
    "budget=trials_3",
    *(f"dataset.slices.{name}.count=10" for name in ("train", "validation", "test")),
)


def paid(folder: Path, *overrides: str) -> int:
    """Calls that the matrix 4 optimizers x 2 metrics x 3 seeds pays."""
    total = 0
    for optimizer in OPTIMIZERS:
        for index, metrics in enumerate(METRICS):
            for seed in SEEDS:
                task = Task.from_config(
                    composed(
                        *SMALL, f"optimizer={optimizer}", f"dataset.metrics={metrics}",
                        f"seed={seed}", *overrides,
                    )
                )  # fmt: skip
                job = folder / f"{optimizer}-{index}-{seed}"
                total += run_task(task, job, folder)["ledger"]["total"]["paid"]["calls"]
    return total


@pytest.mark.slow
def test_the_matrix_pays_at_most_six_tenths(tmp_path: Path) -> None:
    without = paid(tmp_path / "off", "cache=off")
    shared = paid(tmp_path / "on")
    print(f"paid calls: {shared} with the cache, {without} without: {shared / without:.2f}")
    assert shared <= 0.6 * without


def test_scores_are_the_same_with_and_without(tmp_path: Path) -> None:
    def scores(name: str, *overrides: str) -> Any:
        task = Task.from_config(
            composed(*SMALL, "optimizer=meta_prompt", "n_threads=1", *overrides)
        )
        result = run_task(task, tmp_path / name, tmp_path)
        return {key: result[key] for key in ("scores", "prompts", "trials", "finish_reason")}

    off = scores("off", "cache=off")
    assert scores("first") == off
    assert scores("second", "tracking.project=other") == off


def test_a_planted_key_is_in_no_file_of_a_sweep(tmp_path: Path) -> None:
    """Not even where the provider repeats it in an error."""
    key = "sk-planted-0123456789"
    asked: set[str] = set()

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        question = json.dumps(body["messages"])
        first = question not in asked
        asked.add(question)
        if first and len(asked) % 7 == 3:  # tried again it is answered, whatever else is in flight
            return 500, {"error": {"message": f"internal error for key {key}"}}
        return 200, completion("nothing")

    with openai(answer) as (address, seen):
        done = command(
            "-m", "test_mode=true", "model=gpt-4o-mini", f"model.api_base={address}",
            "model.retries=3", "optimizer=none,random_few_shot", "hydra.sweep.dir=sweep",
            "model.max_in_flight=2", "budget.sweep_usd=1",
            cwd=tmp_path, env={"OPENAI_API_KEY": key},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert seen[0]["authorization"] == f"Bearer {key}"  # it was really used
    assert key not in done.stdout + done.stderr
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 20
    for file in files:
        assert key.encode() not in file.read_bytes(), file
    results = [json.loads(file.read_text()) for file in tmp_path.rglob("result.json")]
    paid = [one["ledger"]["total"]["paid"] for one in results]
    assert sum(one["failed"] for one in paid) > 0
    # The quicker task may have paid for all that the other asks: the cache is theirs together.
    assert sum(one["cost_usd"] for one in paid) > 0
    assert all((one["cost_usd"] > 0) == (one["calls"] > one["failed"]) for one in paid)


def test_a_refused_key_ends_the_task_with_the_providers_words(tmp_path: Path) -> None:
    def answer(_: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 401, {"error": {"message": "Incorrect API key provided"}}

    with openai(answer) as (address, seen):
        done = command(
            "test_mode=true", "model=simulated", "model@optimizer_model=gpt-4o-mini",
            f"optimizer_model.api_base={address}", "optimizer=meta_prompt", "hydra.run.dir=out",
            cwd=tmp_path, env={"OPENAI_API_KEY": "sk-wrong"},
        )  # fmt: skip
    assert done.returncode == 1
    assert "Incorrect API key provided" in done.stderr
    assert "OPENAI_API_KEY" in done.stderr
    assert len(seen) == 1
    assert json.loads((tmp_path / "out" / "status.json").read_text())["state"] == "failed"


def test_a_sweeps_cap_in_usd_stops_its_jobs_and_loses_nothing(tmp_path: Path) -> None:
    def run(seed: int, cap: float) -> dict[str, Any]:
        task = Task.from_config(
            composed(*SMALL, "optimizer=random_few_shot", f"seed={seed}", f"budget.sweep_usd={cap}")
        )
        return run_task(task, tmp_path / str(seed), tmp_path)

    needed = run(1, 1.0)["ledger"]["total"]["paid"]
    cap = 1.5 * needed["cost_usd"]
    with pytest.raises(OptbenchError, match=r"(?s)budget\.sweep_usd.*go on with"):
        run(2, cap)
    status = json.loads((tmp_path / "2" / "status.json").read_text())
    assert status["state"] == "failed"
    resumed = run(2, 1.0)["ledger"]["total"]
    assert resumed["used"]["calls"] == 70
    assert resumed["paid"]["calls"] == len({*_asked(tmp_path / "2")})


def _asked(folder: Path) -> list[Any]:
    with closing(sqlite3.connect(folder / "calls.sqlite")) as db:
        return db.execute("select request, occurrence from calls where source = 'model'").fetchall()
