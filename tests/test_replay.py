"""A recorded sweep runs again with no model and no network; what was not recorded is named."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from support import command, composed

import optbench.models.build
from optbench.chat import ChatRequest
from optbench.errors import ConfigError, OptbenchError
from optbench.layout import job_folders
from optbench.task import Task, run_task

RECORDED = Path(__file__).parent / "fixtures" / "recorded_sweep"
SIZES = tuple(f"dataset.slices.{name}.count=6" for name in ("train", "validation", "test"))
SMALL = ("model=smollm2", "budget=trials_3", "n_threads=1", *SIZES)


def compared(result: dict[str, Any]) -> dict[str, Any]:
    """What must be equal: all but times, versions of libraries, and who paid."""
    ledger = {
        phase: spent["used"] if phase == "total" else {r: one["used"] for r, one in spent.items()}
        for phase, spent in result["ledger"].items()
    }
    left_out = ("schema_version", "timings", "versions", "ledger")
    return {**{key: value for key, value in result.items() if key not in left_out}, "used": ledger}


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model was started")

    monkeypatch.setattr(optbench.models.build, "_open", refuse)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("optimizer", ["none", "random_few_shot", "meta_prompt"])
def test_the_recorded_sweep_of_the_embedded_model(optimizer: str, tmp_path: Path) -> None:
    overrides = (*SMALL, f"optimizer={optimizer}", f"replay={RECORDED}")
    result = run_task(Task.from_config(composed(*overrides)), tmp_path)
    (folder,) = job_folders(RECORDED / "tickets" / optimizer)
    recorded = json.loads(folder.result.read_text())
    assert compared(result) == compared(recorded)
    assert recorded["simulated"] is False
    assert result["ledger"]["total"]["paid"]["calls"] == 0


def test_one_argument_replays_the_whole_sweep(tmp_path: Path) -> None:
    """Through the command line, from a folder where nobody may write."""
    sweep = tmp_path / "recorded"
    shutil.copytree(RECORDED, sweep)
    for path in [sweep, *sweep.rglob("*")]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    before = sorted(str(path) for path in sweep.rglob("*"))
    done = command("-m", f"replay={sweep}", "hydra.sweep.dir=again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = list((tmp_path / "again").rglob("result.json"))
    assert all("REPLAY" in file.with_name("job.log").read_text() for file in results)
    assert len(results) == 3
    assert sorted(str(path) for path in sweep.rglob("*")) == before
    for path in [sweep, *sweep.rglob("*")]:
        os.chmod(path, path.stat().st_mode | stat.S_IWUSR)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("seed=2", r"seed \(1 recorded, 2 asked\)"),
        ("budget.trials=4", r"budget\.trials \(3 recorded, 4 asked\)"),
        ("model.temperature=0.5", r"model\.temperature \(0\.0 recorded, 0\.5 asked\)"),
    ],
)
def test_a_task_that_was_not_recorded_is_told_apart(
    override: str, named: str, tmp_path: Path
) -> None:
    task = Task.from_config(composed(*SMALL, override, f"replay={RECORDED}"))
    with pytest.raises(ConfigError, match=f"nearest of 3 differs in .*{named}"):
        run_task(task, tmp_path)


@pytest.mark.usefixtures("no_model")
def test_a_call_that_was_not_recorded_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a change of the code that asks; an optimizer cannot swallow it."""
    from optbench.models.gateway import Gateway

    complete_ = Gateway.complete

    def otherwise(self: Gateway, alias: Any, request: ChatRequest, role: Any, **more: Any) -> Any:
        if self.phase == "optimise":
            request = ChatRequest(request.messages, temperature=0.25)
        return complete_(self, alias, request, role, **more)

    monkeypatch.setattr(Gateway, "complete", otherwise)
    task = Task.from_config(composed(*SMALL, "optimizer=random_few_shot", f"replay={RECORDED}"))
    with pytest.raises(
        OptbenchError, match=r"replay: .*differs in temperature \(0\.0 recorded, 0\.25 asked\)"
    ):
        run_task(task, tmp_path)


def test_an_empty_folder_is_no_recording(tmp_path: Path) -> None:
    task = Task.from_config(composed(*SMALL, f"replay={tmp_path}"))
    with pytest.raises(ConfigError, match="holds no recorded task"):
        run_task(task, tmp_path / "out")
