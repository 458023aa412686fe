"""From a sweep to what its prompts are worth elsewhere, as a person does it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import command

SWEEP = ("-m", "model=simulated", "test_mode=true", "dataset=tickets_routing")


def results(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        str(file.parent.relative_to(folder).parent): json.loads(file.read_text())
        for file in sorted(folder.rglob("result.json"))
    }


@pytest.mark.slow
def test_a_sweeps_prompts_on_another_dataset(tmp_path: Path) -> None:
    first = command(*SWEEP, "optimizer=none,random_few_shot", "hydra.sweep.dir=a", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    words = ("-m", "transfer=a", "dataset=tickets", "hydra.sweep.dir=b")
    planned = command(*words, "plan=true", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "transfer-random_few_shot" in planned.stdout
    assert not (tmp_path / "b").exists()

    done = command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "transfer: 2 prompts of 2 finished tasks" in done.stdout
    assert "1 of the tasks kept their initial prompt" in done.stdout
    found, source = results(tmp_path / "b"), results(tmp_path / "a")
    assert list(found) == [
        "tickets/transfer-none/simulated",
        "tickets/transfer-random_few_shot/simulated",
    ]
    one = found["tickets/transfer-random_few_shot/simulated"]
    origin = source["tickets_routing/random_few_shot/simulated"]
    assert one["prompts"]["final"] == origin["prompts"]["final"]
    assert one["optimizer_details"]["transfer"]["identity"] == origin["identity"]
    # The right replies of both datasets are read from the same items.
    assert one["items"] == origin["items"]

    shutil.rmtree(tmp_path / "a")
    resumed = command("resume=b", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "2 done before, 0 to do" in resumed.stdout
    gone = command(*words, cwd=tmp_path)
    assert gone.returncode == 2
    assert "there is no folder 'a'" in gone.stderr


def test_a_dataset_of_other_columns_starts_nothing(tmp_path: Path) -> None:
    assert command(*SWEEP, "hydra.sweep.dir=a", cwd=tmp_path).returncode == 0
    done = command("-m", "transfer=a", "dataset=arithmetic", "hydra.sweep.dir=b", cwd=tmp_path)
    assert done.returncode == 2
    assert "is no column of dataset 'arithmetic'" in done.stderr
    assert not list(tmp_path.glob("b/**/result.json"))
