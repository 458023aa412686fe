"""A folder in the place of the command that made it."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from optbench.errors import ConfigError
from optbench.rerun import complete

TASK = ["model=simulated", "seed=1,2"]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    told = {"hydra": {"overrides": {
        "task": [*TASK, "plan=true", "cache=off"],
        "hydra": ["hydra.sweep.dir=old", "hydra.mode=MULTIRUN", "hydra.launcher.n_jobs=3"],
    }}}  # fmt: skip
    OmegaConf.save(OmegaConf.create(told), tmp_path / "multirun.yaml")
    return tmp_path


def test_an_ordinary_command_stays(sweep: Path) -> None:
    assert complete(["-m", "seed=1,2"]) == ["-m", "seed=1,2"]


@pytest.mark.parametrize("flag", [[], ["-m"], ["--multirun"]])
def test_resume_is_the_whole_command_in_the_same_folder(sweep: Path, flag: list[str]) -> None:
    assert complete([*flag, f"resume={sweep}", "hydra.launcher.n_jobs=1"]) == [
        "-m", *TASK, "cache=off", "hydra.launcher.n_jobs=3", f"hydra.sweep.dir='{sweep}'",
        "hydra.launcher.n_jobs=1",
    ]  # fmt: skip


def test_what_one_launch_was_told_is_not_told_to_the_next(sweep: Path) -> None:
    told = OmegaConf.load(sweep / "multirun.yaml")
    told.hydra.overrides.task.append("engine.detach=true")
    told.hydra.overrides.hydra += [
        "hydra.launcher.modal.collect=true", "++hydra.launcher.modal.detach=true",
    ]  # fmt: skip
    OmegaConf.save(told, sweep / "multirun.yaml")
    words = complete([f"resume={sweep}", "hydra.launcher.modal.collect=true"])
    assert not [word for word in words if "detach" in word]
    assert [word for word in words if "collect" in word] == ["hydra.launcher.modal.collect=true"]


def test_retry_failed_runs_the_failed_only(sweep: Path) -> None:
    assert "hydra.launcher.only_failed=true" in complete([f"retry_failed={sweep}"])


def test_replay_takes_the_tasks_and_a_folder_of_its_own(sweep: Path) -> None:
    words = complete([f"replay={sweep}", "hydra.sweep.dir=x"])
    assert words == ["-m", f"replay={sweep}", "hydra.sweep.dir=x", *TASK]


@pytest.mark.parametrize("own", ["seed=2", "+dataset.x=1", "model@optimizer_model=null"])
def test_tasks_of_its_own(sweep: Path, own: str) -> None:
    words = [f"replay={sweep}", own]
    assert complete(words) == words
    with pytest.raises(ConfigError, match="takes its tasks from the folder"):
        complete([f"resume={sweep}", own])


@pytest.mark.parametrize("key", ["replay", "resume", "retry_failed"])
def test_a_folder_that_says_nothing_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=r"holds no multirun\.yaml"):
        complete([f"{key}={tmp_path}"])
    (tmp_path / "multirun.yaml").write_text("[1, 2")
    with pytest.raises(ConfigError, match="cannot be read"):
        complete([f"{key}={tmp_path}"])
    (tmp_path / "multirun.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        complete([f"{key}={tmp_path}"])


def test_only_one_of_them() -> None:
    with pytest.raises(ConfigError, match="one of them at a time"):
        complete(["resume=a", "replay=b"])
