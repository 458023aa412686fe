"""``list``: the sweeps that are here, a row each."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.errors import ConfigError, OptbenchError
from optbench.layout import JobFolder
from optbench.wording import some

from . import remotes
from .screen import console, say, show
from .show import counted_states
from .sweeps import Sweep, all_sweeps, is_under_way
from .tables import Table, text
from .text import signed, visible, word

if TYPE_CHECKING:
    from optbench.results.job import Job

DAY_S = 86_400.0


@dataclass(frozen=True)
class Line:
    """What is said of one sweep.

    Attributes:
        sweep: Which.
        began: When, in seconds since 1970; 0 where nobody knows.
        jobs: Of it.
        away: Lines about those that are elsewhere.
    """

    sweep: Sweep
    began: float
    jobs: Sequence[Job]
    away: Sequence[str]


def run(given: argparse.Namespace) -> int:
    """Prints the table; newest last."""
    folders = [Path(one) for one in given.folder]
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(
                f"'{visible(folder)}' is no folder", key="FOLDER", mend="name another"
            )
    lines = sorted((_line(one) for one in all_sweeps(folders)), key=lambda one: one.began)
    on = console()
    if not lines:
        say(on, "no sweep here: optbench -m ... makes one; or name a folder of sweeps")
        return 0
    ids = [one.sweep.id for one in lines]
    rows = [_cells(one, ids.count(one.sweep.id) > 1) for one in lines]
    columns = [
        text("run", whole=True), text("began", whole=True), text("jobs"), text("data x optimizers"),
        text("best by lift"),
    ]  # fmt: skip
    show(on, Table("", columns, rows))
    for one in lines:
        for line in one.away:
            say(on, f"{one.sweep.id}: {line}", "yellow")
    return 0


def read(folder: Path) -> Sequence[Job]:
    """The jobs of a sweep, without the tables that need pandas; none where there are none yet."""
    from optbench.results.find import find
    from optbench.results.job import read_job
    from optbench.results.problems import Problems
    from optbench.results.together import each

    problems = Problems()
    try:
        return each(lambda found: read_job(found, problems), find((folder,), problems))
    except OptbenchError:
        return []


def _line(sweep: Sweep) -> Line:
    jobs = read(sweep.folder)
    return Line(sweep, _began(sweep.folder, jobs), jobs, remotes.lines(sweep.folder))


def _began(folder: Path, jobs: Sequence[Job]) -> float:
    """When the first of its jobs did, as they say themselves: of a copy all files are new.

    Else by the oldest task.json, as Hydra writes its own file anew with every launch.
    """
    said = [began for job in jobs if (began := _started(job))]
    times = said or [_modified(JobFolder(job.found.path).task) for job in jobs]
    known = [one for one in times if one] or [_modified(folder / "multirun.yaml")]
    return min(known)


def _started(job: Job) -> float | None:
    """By ``status.json``; None where it says no time that has been."""
    from optbench.results.read import Document, UnreadableError, read_object

    file = job.found.file("status")
    try:
        at = Document(read_object(file)).number("started_at") if file else None
    except UnreadableError:
        return None
    return at if at is not None and 0 < at < time.time() + DAY_S else None


def _modified(file: Path) -> float:
    try:
        return file.lstat().st_mtime
    except OSError:
        return 0.0


def _cells(line: Line, ambiguous: bool) -> list[str]:
    states = counted_states(job.row["state"] for job in line.jobs) or "none home"
    if is_under_way(line.sweep):
        states += ", under way"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(line.began)) if line.began else "-"
    axes = [len({job.row.get(axis) for job in line.jobs} - {None})
            for axis in ("dataset", "optimizer")]  # fmt: skip
    return [
        str(line.sweep.folder) if ambiguous else line.sweep.id,
        when,
        states,
        _named(line.jobs, axes),
        _best(line.jobs),
    ]


def _named(jobs: Sequence[Job], axes: Sequence[int]) -> str:
    datasets = sorted({str(job.row["dataset"]) for job in jobs if job.row.get("dataset")})
    return f"{some([word(one, 40) for one in datasets], 2)} x {axes[1]}" if datasets else "-"


def _best(jobs: Sequence[Job]) -> str:
    """The optimizer with the largest mean lift; each metric's direction respected.

    Of optimizers that have not finished the same datasets, models and seeds none is best.
    """
    lifts: dict[str, list[float]] = {}
    cells: dict[str, set[Any]] = {str(job.row.get("optimizer")): set() for job in jobs}
    for job in jobs:
        row: dict[str, Any] = job.row
        if not job.finished or row.get("final") is None or row.get("initial") is None:
            continue
        sign = -1 if row.get("direction") == "minimize" else 1
        lifts.setdefault(str(row["optimizer"]), []).append(sign * (row["final"] - row["initial"]))
        cells[str(row["optimizer"])].add((row["dataset"], row["model"], row["seed"]))
    if not lifts:
        return "-"
    if any(one != cells[next(iter(cells))] for one in cells.values()):
        return "incomplete"
    name, of_one = max(lifts.items(), key=lambda one: sum(one[1]) / len(one[1]))
    simulated = any(job.row.get("simulated") for job in jobs if job.finished)
    return f"{word(name, 60)} {signed(sum(of_one) / len(of_one))}" + " SIMULATED" * simulated
