"""``watch``: a sweep while it runs, until all of its jobs have ended."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.wording import counted

from . import remotes
from .screen import console, say, show
from .show import counted_states
from .statuses import status_of
from .sweeps import Sweep, find, is_under_way
from .tables import Column, Table, drawn, text
from .text import number, seconds, unknown, usd, visible, word

if TYPE_CHECKING:
    from optbench.results.find import Found
    from optbench.results.job import Job
    from optbench.results.read import Document

OVER = ("success", "failed", "unreadable", "interrupted")
ASK_EVERY_S = 30.0
"""Between two questions to where jobs are elsewhere."""


def run(given: argparse.Namespace) -> int:
    """Shows it; 0 when all jobs succeeded, 1 when any did not; 0 with ``--once``."""
    watched = Watched(find(given.run))
    on = console()
    if given.once:
        watched.look()
        show(on, watched.table())
        return 0
    if on.is_terminal:
        _live(on, watched, given.interval)
    else:
        _lines(on, watched, given.interval)
    return 0 if watched.all_succeeded() else 1


class Watched:
    """A sweep that is looked at again and again.

    Args:
        sweep: Which.
    """

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self._done: dict[str, Job] = {}
        self._doubtful: set[str] = set()
        self._new: set[str] = set()
        self._asked = -ASK_EVERY_S
        self._away: list[str] = []
        self.jobs: list[Job] = []

    def look(self) -> bool:
        """Reads what is new; whether all has ended."""
        # Before the files: a launch that ends in between has written them.
        under_way = is_under_way(self.sweep)
        self.jobs = [self._read(one) for one in self._found()]
        if time.monotonic() - self._asked >= ASK_EVERY_S:
            self._asked = time.monotonic()
            self._away = remotes.lines(self.sweep.folder, ask=True)
        # Files may be on their way home, the result last: what is so at two looks stays so.
        seen = {job.place for job in self.jobs if job.row["state"] == "unreadable"}
        self._new, self._doubtful = seen - self._doubtful, seen
        ended = bool(self.jobs) and all(map(self.is_over, self.jobs))
        return ended and not under_way and not self._away

    def is_over(self, job: Job) -> bool:
        """Whether a job has ended, as of the last look."""
        return job.row["state"] in OVER and job.place not in self._new

    def all_succeeded(self) -> bool:
        """Of the last look."""
        return bool(self.jobs) and all(job.finished for job in self.jobs)

    def states(self) -> str:
        """Of all jobs, in words."""
        return counted_states(job.row["state"] for job in self.jobs) or "no job yet"

    def table(self, most: int | None = None) -> Table:
        """Of the last look: running jobs, then those that ended last."""
        order = {"running": 0, "failed": 1, "unreadable": 1, "interrupted": 2, "waiting": 3}
        ranked = sorted(self.jobs, key=lambda job: order.get(job.row["state"], 4))
        shown = ranked if most is None else ranked[: max(1, most)]
        rows = [_cells(job) for job in shown]
        columns = [
            text("job"), text("state"), text("phase"), Column("done"), Column("best"),
            Column("calls"), Column("paid"), Column("time"),
        ]  # fmt: skip
        left = len(ranked) - len(shown)
        below = [f"and {left} more"] if left else []
        title = f"{self.sweep.id}: {counted(len(self.jobs), 'job')} ({self.states()})"
        return Table(title, columns, rows, [*below, *self._away])

    def _found(self) -> list[Found]:
        from optbench.errors import OptbenchError
        from optbench.results import find as finding
        from optbench.results.problems import Problems

        try:
            return finding.find((self.sweep.folder,), Problems())
        except OptbenchError:
            return []  # no job has begun

    def _read(self, found: Found) -> Job:
        from optbench.results.job import read_job
        from optbench.results.problems import Problems

        key = str(found.path)
        if key not in self._done:
            job = read_job(found, Problems())
            if not job.finished:
                return job  # a failed one may be tried again
            self._done[key] = job
        return self._done[key]


def _cells(job: Job) -> list[str]:
    row = job.row
    status = status_of(job.found.path)
    name = "/".join(word(row.get(key), 60) for key in ("dataset", "optimizer"))
    if not unknown(row.get("seed")):
        name += f" s{row['seed']}"
    if row["state"] == "success":
        return [name, "success", "", "", number(row.get("final")), _count(row.get("calls")),
                usd(row.get("paid_usd")), _time(status, running=False)]  # fmt: skip
    if status is None:
        return [name, row["state"], *[""] * 6]
    share = status.number("progress", "share")
    return [
        name, row["state"], visible(status.at("phase") or "", 20),
        "" if share is None else f"{100 * min(1.0, max(0.0, share)):.0f} %",
        number(status.number("progress", "best")), _count(status.whole("progress", "calls")),
        usd(status.number("progress", "paid_usd")),
        _time(status, running=row["state"] == "running"),
    ]  # fmt: skip


def _time(status: Document | None, *, running: bool) -> str:
    if status is None:
        return ""
    began, written = status.number("started_at"), status.number("written_at")
    if began is None or written is None:
        return ""
    return seconds(max(0.0, (time.time() if running else written) - began))


def _count(value: Any) -> str:
    return "-" if unknown(value) else f"{value:,}"


def _live(on: Any, watched: Watched, interval: float) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    def frame() -> Any:
        table = watched.table(on.height - 6)
        return Group(
            Text(visible(table.title), style="bold"),
            drawn(table),
            *(Text(visible(line), style="dim") for line in table.below),
        )

    with Live(console=on, auto_refresh=False) as live:
        while True:
            ended = watched.look()
            live.update(frame(), refresh=True)
            if ended:
                return
            time.sleep(interval)


def _lines(on: Any, watched: Watched, interval: float) -> None:
    """A line when states change, and one for each job that ends."""
    told: dict[str, str] = {}
    said = ""
    while True:
        ended = watched.look()
        for job in watched.jobs:
            if watched.is_over(job) and job.row["state"] != told.get(job.place):
                say(on, _ended(job))
                told[job.place] = job.row["state"]
        if watched.states() != said:
            said = watched.states()
            say(on, f"{watched.sweep.id}: {said}")
        if ended:
            return
        time.sleep(interval)


def _ended(job: Job) -> str:
    row = job.row
    place = Path(job.place).name
    line = f"{word(row.get('dataset'))}/{word(row.get('optimizer'))}/{place}: {row['state']}"
    if job.finished:
        simulated = ", SIMULATED" if row.get("simulated") else ""
        return (
            f"{line}, test {word(row.get('metric'))} {number(row.get('initial'))} -> "
            f"{number(row.get('final'))} (n={row.get('n_test')}{simulated})"
        )
    return f"{line}, {visible(row['error'], 200)}" if row.get("error") else line
