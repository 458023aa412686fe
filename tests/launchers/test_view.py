"""What a sweep leaves on the screen of a terminal."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hydra_plugins.optbench_launcher import _view
from optbench.layout import JobFolder, write_json
from optbench_jobs.job import Job, Outcome

FINE = {
    "objective": "exact_match", "initial": 0.25, "final": 0.5, "n": 80, "simulated": True,
    "finish_reason": "max_trials",
}  # fmt: skip


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[_view.View, list[Job]]:
    monkeypatch.setattr(_view, "LOOK_EVERY_S", 0.0)
    jobs = [Job(n, f"tickets/none/s{n}", tmp_path / str(n), identity=f"{n}") for n in range(3)]
    found = _view.View(jobs, before=1)
    found.console = Console(file=io.StringIO(), force_terminal=True, width=150)
    return found, jobs


def screen(view: _view.View) -> str:
    out: Any = view.console.file
    return str(out.getvalue())


def test_a_running_job_by_its_status_file(view: tuple[_view.View, list[Job]]) -> None:
    shown, jobs = view
    folder = JobFolder(jobs[0].folder)
    folder.create()
    now = time.time()
    write_json(
        folder.status,
        {
            "state": "running", "phase": "optimise", "started_at": now - 70,
            "phase_began_at": now - 60, "written_at": now,
            "progress": {"rollouts": 17, "of": None, "share": 0.25, "trials": 2, "best": 0.625,
                         "calls": 99, "paid_usd": 0.5},
        },
    )  # fmt: skip
    with shown.shown():
        shown.look(jobs[:2])
        told = [line for line in screen(shown).splitlines() if "tickets/none/s" in line]
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told]
    assert cells[0][1:8] == ["running", "optimise", "17", "2", "0.625", "99", "$0.5000"]
    assert cells[0][-1] == "3 min 0 s"  # a quarter of the search took a minute
    assert cells[1][1] == "starting"


def test_a_narrow_terminal_breaks_no_word(view: tuple[_view.View, list[Job]]) -> None:
    shown, jobs = view
    shown.console = Console(file=io.StringIO(), force_terminal=True, width=80)
    folder = JobFolder(jobs[0].folder)
    folder.create()
    write_json(folder.status, {"state": "running", "phase": "optimise", "progress": {"best": 0.5}})
    with shown.shown():
        shown.look(jobs[:1])
    (line,) = [line for line in screen(shown).splitlines() if "tickets/none/s0" in line]
    assert [cell.strip() for cell in line.split("│")[2:4]] == ["optimise", "0"]


def test_what_stays_names_the_failed_first(view: tuple[_view.View, list[Job]]) -> None:
    shown, jobs = view
    with shown.shown():
        shown.ended(jobs[0], Outcome("success", FINE))
        shown.ended(jobs[1], Outcome("failed", error=ValueError("told [red]to")))
        shown.ended(jobs[2], Outcome("interrupted"))
    told = screen(shown)
    assert told.index("told [red]to") < told.index("0.250 -> 0.500 (n=80, SIMULATED)")
    assert "4 of 4 jobs ended; 1 success, 1 failed, 1 interrupted, 1 done before" in told
    assert shown.interrupted


def test_many_are_cut_and_counted(view: tuple[_view.View, list[Job]]) -> None:
    shown, jobs = view
    with shown.shown():
        for _ in range(_view.KEPT_ROWS + 5):
            shown.ended(jobs[0], Outcome("success", FINE))
    assert "5 more are not shown" in screen(shown)


def test_a_cancelled_job_is_called_so(view: tuple[_view.View, list[Job]]) -> None:
    shown, jobs = view
    shown.ended(jobs[0], Outcome("cancelled"))
    assert "tickets/none/s0: cancelled;" in screen(shown)
    assert shown.interrupted  # the launch says how to go on
