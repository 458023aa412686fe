"""All tasks of a launch are looked at before the first starts, and what is wrong is said once."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from support import command, composed

from optbench.errors import DataError
from optbench.preflight.together import Spoiled, TasksError, look, marks
from optbench.task import Task

SMALL = ("-m", "model=simulated", "test_mode=true", "optimizer=none", "hydra.sweep.dir=sweep")
BROKEN = """defaults: [tickets]
name: broken
source: {{kind: file, path: '{path}'}}
"""


@pytest.fixture
def own(tmp_path: Path) -> tuple[str, ...]:
    """Options for a folder with a dataset whose rows are nowhere."""
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    file = tmp_path / "conf" / "dataset" / "broken.yaml"
    file.write_text(BROKEN.format(path=tmp_path / "nowhere.jsonl"))
    return ("--config-dir", "conf")


def test_one_bad_dataset_and_nothing_starts(own: tuple[str, ...], tmp_path: Path) -> None:
    """Also the good tasks wait: the bad ones cost no more than a look."""
    words = (*own, *SMALL, "dataset=tickets,broken", "seed=1,2")
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "preflight found 1 problem in 2 of 4 tasks, nothing was started:" in done.stderr
    assert done.stderr.count("no file") == done.stderr.count("mend: check the path") == 1
    assert "in 2 tasks, the first broken/none/simulated/s1-" in done.stderr
    assert "hydra.launcher.preflight=false runs the other 2 tasks" in done.stderr
    assert not (tmp_path / "sweep").exists()
    alone = command(*words, "hydra.launcher.preflight=false", cwd=tmp_path)
    assert alone.returncode == 1
    assert "2 of 4 jobs failed" in alone.stderr
    assert len(list((tmp_path / "sweep").rglob("result.json"))) == 2
    # What is done is not looked at again, and an only_failed launch looks at the failed alone.
    again = command("retry_failed=sweep", "hydra.launcher.preflight=true", *own, cwd=tmp_path)
    assert again.returncode == 2
    assert "in 2 of 2 tasks" in again.stderr


def test_a_plan_says_it_of_every_task(own: tuple[str, ...], tmp_path: Path) -> None:
    done = command(
        *own, *SMALL, "dataset=broken,tickets", "dataset.max_tokens=0,9", "plan=true", cwd=tmp_path
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "preflight found 2 problems in 3 of 4 tasks, nothing was started:" in done.stderr
    assert "dataset.max_tokens" in done.stderr
    assert not (tmp_path / "sweep").exists()


def test_code_that_ends_its_process_ends_no_launch(tmp_path: Path) -> None:
    (tmp_path / "fatal.py").write_text("import os\ndef rows(**_): os._exit(9)\n")
    done = command(
        *SMALL,
        "dataset=arithmetic",
        "dataset.source.generator=fatal.rows",
        "allow_imports=[fatal]",
        cwd=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    assert "a process died while it read the datasets" in done.stdout + done.stderr
    assert "1 of 1 job failed" in done.stderr


def test_what_a_readers_code_raises_is_a_problem_too() -> None:
    one = Task.from_config(composed("dataset=arithmetic", "model=simulated"))
    one.config.dataset.source.generator = "json.loads"
    one.config.allow_imports = ["json"]
    one.config.dataset.source.args = {"s": "{"}  # and split, count: it takes neither
    (told,) = look([one.config], starting=True)
    assert told
    one.config.dataset.source.generator = "sys.exit"
    (told,) = look([one.config], starting=True)
    assert told


def test_tasks_that_differ_in_their_seed_are_looked_at_once() -> None:
    plain = Task.from_config(composed("model=simulated")).plain
    same = marks({**plain, "seed": 7})
    assert same == marks(plain)
    assert marks({**plain, "seed": -1}).settings != same.settings
    assert marks({**plain, "seed": 2**40}).settings != same.settings
    shuffled = {**plain, "dataset": {**plain["dataset"], "shuffle_seed": 7}}
    assert marks(shuffled).inputs != same.inputs
    assert marks({**plain, "n_threads": 7}) != same
    assert marks({**plain, "n_threads": 7}).inputs == same.inputs


def test_the_table() -> None:
    problem = DataError("is gone", key="dataset.source.path", mend="bring it back")
    twice = [problem, DataError("is gone", key="dataset.source.path", mend="bring it back")]
    other = DataError("other", key="seed")
    error = TasksError([Spoiled("a", 3, twice), Spoiled("b", 1, [problem, other])], 5, "x=false")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(error).splitlines() == [
        "preflight found 2 problems in 4 of 5 tasks, nothing was started:",
        "  dataset.source.path  is gone",
        "                       mend: bring it back",
        "                       in 4 tasks, the first a",
        "  seed                 other",
        "                       in b",
        "  x=false runs the other 1 task",
    ]


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("optimizer.optimize.n_samples=-3", "optimizer.optimize.n_samples"),
        ("optimizer.optimize.n_samples=0", "optimizer.optimize.n_samples"),
        ("optimizer.optimize.reflection_minibatch_size=-1", "reflection_minibatch_size"),
        ("model.temperature=-5", "model.temperature"),
        ("model.proposals.max_tokens=0", "model.proposals.max_tokens"),
        ("model.proposals.temperature=nan", "model.proposals.temperature"),
        ("budget.trials=1000001", "budget.trials"),
        ("seed=4294967296", "seed"),
        ("seed=-1", "seed"),
    ],
)
def test_numbers_that_no_search_can_use(override: str, key: str) -> None:
    config = Task.from_config(composed("model=simulated", "optimizer=gepa", override)).config
    (problems,) = look([config], starting=True)
    assert [json.dumps(one.key) for one in problems if key in str(one.key)]
    assert len(problems) == 1
