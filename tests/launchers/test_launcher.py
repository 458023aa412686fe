"""Hydra's own suites, inherited: the launcher does what Hydra expects of any launcher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)
from support import command

pytestmark = pytest.mark.usefixtures("hydras_own_version_base")


def test_discovery() -> None:
    assert "OptbenchLauncher" in [found.__name__ for found in Plugins.instance().discover(Launcher)]


@pytest.mark.parametrize(("launcher_name", "overrides"), [("optbench", [])])
class TestLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [("optbench", ["hydra/sweeper=basic", "hydra.sweeper.max_batch_size=2"])],
)
class TestBatched(BatchedSweeperTestSuite):
    pass


FLAGS: list[Any] = [
    (
        {},
        [
            "-m",
            "hydra/job_logging=hydra_debug",
            "hydra/job_logging=disabled",
            "hydra/launcher=optbench",
        ],
    )
]


@pytest.mark.slow
@pytest.mark.parametrize(("task_launcher_cfg", "extra_flags"), FLAGS)
class TestIntegration(IntegrationTestSuite):
    pass


@pytest.mark.slow
def test_the_stock_launcher_runs_the_same_sweep_and_ours_takes_it_up(tmp_path: Path) -> None:
    """``hydra/launcher=joblib`` has none of the guarantees, but the same folders and results."""
    words = (
        *("-m", "model=simulated", "test_mode=true", "optimizer=none,random_few_shot"),
        "hydra.sweep.dir=sweep",
    )
    done = command(*words, "hydra/launcher=joblib", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Joblib.Parallel" in done.stdout + done.stderr
    results = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("result.json")}
    assert len(results) == 2
    ours = command(*words, cwd=tmp_path)
    assert ours.returncode == 0, ours.stderr
    assert "2 done before, 0 to do" in ours.stdout
    assert results == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("result.json")}
