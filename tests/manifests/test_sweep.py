"""A manifest is a sweep: planned, run, gone on with, and changed from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import command, stand_ins, swept

from optbench.config.identity import identity_of
from optbench.errors import ConfigError
from optbench.rerun import complete

MANIFEST = {
    "seed": 3,
    "tasks": [
        {"dataset": "tickets", "optimizer": "none", "model": "openai/gpt-4o-mini",
         "test_mode": True, "model_parameters": {"temperature": 0.5, "top_p": 0.9}},
        {"dataset": "arithmetic", "optimizer": "random_few_shot", "model": "openai/gpt-4.1-mini",
         "test_mode": True, "optimizer_prompt_params": {"max_trials": 3}},
    ],
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(MANIFEST))
    return path


def told(file: Path, *words: str) -> list[tuple[Any, ...]]:
    return [
        (one["dataset"]["name"], one["model"]["name"], one["seed"], one["budget"]["name"])
        for one in swept(f"hydra.sweeper.manifest='{file}'", *words)
    ]


def test_each_task_is_one_combination(file: Path) -> None:
    assert told(file) == [
        ("tickets", "gpt-4o-mini", 3, "trials_30"), ("arithmetic", "gpt-4.1-mini", 3, "trials_3"),
    ]  # fmt: skip


def test_what_is_given_takes_the_place_of_the_manifests(file: Path) -> None:
    assert told(file, "seed=1,2", "model=simulated", "budget=rollouts_500") == [
        (dataset, "simulated", seed, "rollouts_500")
        for dataset in ("tickets", "arithmetic")
        for seed in (1, 2)
    ]


def test_options_that_the_tasks_have_choose_among_them(file: Path) -> None:
    assert told(file, "dataset=arithmetic", "seed=9") == [
        ("arithmetic", "gpt-4.1-mini", 9, "trials_3")
    ]
    assert [one[:2] for one in told(file, "model=gpt-4o-mini,gpt-4.1-mini")] == [
        ("tickets", "gpt-4o-mini"), ("arithmetic", "gpt-4.1-mini"),
    ]  # fmt: skip


def test_rows_are_left_out_and_put_in(file: Path) -> None:
    assert told(
        file, "hydra.sweeper.exclude=[{dataset:tickets}]",
        "hydra.sweeper.include=[{dataset:gsm8k,seed:8}]",
    ) == [
        ("arithmetic", "gpt-4.1-mini", 3, "trials_3"), ("gsm8k", "smollm2", 8, "trials_5"),
    ]  # fmt: skip


def test_forty_tasks(tmp_path: Path) -> None:
    """Ten for each dataset; their time is measured, not tested: plan=true."""
    stand_ins(tmp_path, "gsm8k_like")
    datasets = ["tickets", "tickets_routing", "arithmetic", "gsm8k_like"]
    models = ["openai/gpt-4.1-mini", "openrouter/qwen/qwen3-8b"]
    optimizers = [
        "few_shot", "evolutionary_optimizer", "gepa", "hierarchical_reflective", "meta_prompt",
    ]  # fmt: skip
    generator = {"datasets": datasets, "models": models, "optimizers": optimizers}
    file = tmp_path / "m40.json"
    file.write_text(json.dumps({"seed": 1, "generators": [generator]}))
    tasks = swept(f"hydra.sweeper.manifest='{file}'", conf=tmp_path)
    assert len({identity_of(one) for one in tasks}) == len(tasks) == 40
    assert [
        (one["dataset"]["name"], one["model"]["id"], one["optimizer"]["name"]) for one in tasks
    ] == [(d, m, o) for d in datasets for m in models for o in optimizers]
    # Each is the task that its overrides alone would give.
    (alone,) = swept(
        "dataset=arithmetic", "model=qwen3-8b", "optimizer=gepa", "budget=trials_30", "seed=1"
    )
    assert identity_of(alone) == identity_of(tasks[27])


def test_it_runs_and_goes_on_without_its_file(file: Path, tmp_path: Path) -> None:
    words = ("manifest=m.json", "model=simulated", "hydra.sweep.dir=sweep")
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "manifest: seed: it changes nothing there" in done.stdout + done.stderr
    results = [json.loads(one.read_text()) for one in (tmp_path / "sweep").rglob("result.json")]
    assert sorted((one["dataset"], one["seed"]) for one in results) == [
        ("arithmetic", 3), ("tickets", 3),
    ]  # fmt: skip
    assert {count for one in results for count in one["items"].values()} == {5}
    file.write_text("{}")  # the sweep's own copy holds
    again = command("resume=sweep", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "2 done before, 0 to do" in again.stdout


def test_a_typo_ends_it_before_anything(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"tasks": [{"dataset": "tickets", "modle": "x"}]}))
    done = command("-m", "manifest=m.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "$.tasks[0].modle: unknown field. Did you mean model" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("status.json"))


def test_the_short_form() -> None:
    assert complete(["manifest=a.json", "seed=1"]) == [
        "-m", "hydra.sweeper.manifest=a.json", "seed=1",
    ]  # fmt: skip
    assert complete(["-m", "manifest=a.json"]) == ["-m", "hydra.sweeper.manifest=a.json"]
    with pytest.raises(ConfigError, match="one of them at a time"):
        complete(["manifest=a.json", "suite=smoke"])


TASK = {"dataset": "tickets", "optimizer": "none", "model": "simulated"}


def overrides(*words: str) -> dict[str, Any]:
    return {"tasks": [{**TASK, "x_optbench": {"overrides": list(words)}}]}


def test_a_trusted_sweep_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps(overrides("model.name=x", "optimizer.target=builtins.dict")))
    words = ("hydra.sweeper.trust_manifest=true", f"hydra.sweeper.manifest='{file}'")
    assert [one["model"]["name"] for one in swept(*words)] == ["x"]
    (tmp_path / "multirun.yaml").write_text(
        "hydra: {overrides: {task: [], hydra: ['hydra.sweeper.trust_manifest=true']}}"
    )
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.trust_manifest=true"):
        complete([f"resume={tmp_path}"])
    trusted = [f"resume={tmp_path}", "hydra.sweeper.trust_manifest=true"]
    assert complete(trusted).count("hydra.sweeper.trust_manifest=true") == 1


def test_a_task_that_cannot_be_composed_has_its_place(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps({"tasks": [TASK, *overrides("budget.trials=many")["tasks"]]}))
    with pytest.raises(ConfigError, match=r"in \$\.tasks\[1\]: "):
        swept(f"hydra.sweeper.manifest='{file}'")


def test_tasks_that_are_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps({"tasks": [TASK, TASK]}))
    assert len(swept(f"hydra.sweeper.manifest='{file}'")) == 1
    assert "$.tasks[1] is the same task as $.tasks[0], and runs once" in caplog.text
