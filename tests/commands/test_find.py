"""Sweeps by id, by the beginning of one, and by path."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest
from commands.conftest import Run, fail, sweep
from results.job_files import make

from optbench.commands.sweeps import Sweep, find, is_under_way
from optbench.errors import ConfigError
from optbench.layout import JobFolder, SharedFolder, write_json


def test_an_id_its_beginning_and_a_path_name_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = sweep(Path("multirun/2026-01-02_a"), seeds=(1,))
    sweep(Path("multirun/2025-01-02_b"), seeds=(1,))
    for word in ("2026-01-02_a", "2026", "multirun/2026-01-02_a", str(made.resolve())):
        assert find(word).folder.resolve() == made.resolve(), word


def test_a_single_run_is_known_by_the_folder_of_its_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("outputs/2026-03-04_10-00-00/tickets/none/small/s1"))
    assert find("2026-03").folder == Path("outputs/2026-03-04_10-00-00")


@pytest.mark.parametrize(
    ("word", "said", "named"),
    [
        ("2026", "the beginning of several", "2026-01-02, 2026-01-01"),
        ("nothing", "no folder and no id of a sweep", "2026-01-02, 2026-01-01"),
        ("empty", "holds no job", "2026-01-01"),
        ("", "no folder and no id", "2026-01-01"),
    ],
)
def test_what_names_no_one_sweep_is_told_the_candidates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, said: str, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for day in ("2026-01-01", "2026-01-02"):
        sweep(Path("multirun") / day, seeds=(1,))
    Path("empty").mkdir()
    with pytest.raises(ConfigError, match=said) as raised:
        find(word)
    assert named in str(raised.value.mend)


def test_one_id_in_two_places_is_named_by_its_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for root in ("multirun", "outputs"):
        sweep(Path(root) / "same", seeds=(1,))
    with pytest.raises(ConfigError, match="several") as raised:
        find("same")
    assert "outputs/same, multirun/same" in str(raised.value.mend)


def test_list_is_in_order_of_time_and_says_states_and_the_best(run: Run, tmp_path: Path) -> None:
    old = sweep(Path("multirun/b_old"), seeds=(1,))
    sweep(Path("multirun/a_new"), datasets=("tickets", "gsm8k"), seeds=(1,))
    sweep(Path("elsewhere/given"), seeds=(1,))
    sweep(Path("here"), seeds=(1,))
    for file in old.rglob("task.json"):
        os.utime(file, (time.time() - 9e6, time.time() - 9e6))
    done = run("list", "elsewhere")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[2].startswith("b_old")
    assert {"a_new", "given", "here"} == {
        line.split()[0] for line in lines[3:] if line[:1].isalpha()
    }
    assert "6 success" in done.out
    assert "good +0.500" in done.out
    assert "SIMULATED" in done.out


def test_list_names_no_best_of_unequal_grids(run: Run) -> None:
    folder = sweep(Path("multirun/s"), datasets=("tickets", "gsm8k"), seeds=(1, 2))
    assert "good +0.500" in run("list").out
    shutil.rmtree(folder / "gsm8k/none/s2")
    done = run("list").out
    assert "incomplete" in done
    assert "good" not in done
    for optimizer in ("good", "fair"):  # what all have not, none has ahead of others
        shutil.rmtree(folder / f"gsm8k/{optimizer}/s2")
    assert "good +0.500" in run("list").out
    fail(folder / "bad", {"type": "E", "message": "no"})
    assert "incomplete" in run("list").out


def test_list_says_when_jobs_began_whatever_the_files_say(run: Run) -> None:
    folder = sweep(Path("multirun/copy"), seeds=(1, 2))
    for at, job in enumerate(sorted(folder.rglob("result.json"))):
        began = {0: 1e300, 1: 1_700_000_000.0}.get(at, 1_800_000_000.0)
        write_json(JobFolder(job.parent).status, {"state": "success", "started_at": began})
    assert time.strftime("%Y-%m-%d", time.localtime(1_700_000_000)) in run("list").out


def test_list_respects_the_direction(run: Run) -> None:
    changes = {"directions": {"exact_match": "minimize", "contains": "maximize"}}
    sweep(Path("multirun/less"), seeds=(1,), **changes)
    assert "none +0.000" in run("list").out


def test_list_of_an_empty_folder_says_what_to_do(run: Run) -> None:
    assert "no sweep here" in run("list").out
    assert run("list", "nowhere").code == 2


def test_a_sweep_whose_lock_is_held_is_under_way(tmp_path: Path) -> None:
    made = Sweep(sweep(tmp_path / "s", seeds=(1,)))
    assert not is_under_way(made)
    lock = SharedFolder(made.folder).lock
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert is_under_way(made)
    assert not is_under_way(made)
