"""How a sweep shows that it moves: a table in a terminal, a line for each job elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from optbench.errors import OptbenchError
from optbench.models.accounts import price_text
from optbench.results.layout import JobFolder, read_json

from ._jobs import Job, NotStartedError, Outcome, first_line

LOOK_EVERY_S = 1.0
"""Between two readings of the running jobs' files."""
ROWS = 12
"""Jobs that have ended, shown under those that run."""


class View:
    """Follows a launch by the status files of its jobs.

    Args:
        jobs: Those to do; those of other apps are not shown.
        before: How many of the launch were done before.
    """

    def __init__(self, jobs: Sequence[Job], *, before: int) -> None:
        self.console = Console(file=sys.stdout, highlight=False)
        ours = [job for job in jobs if job.identity is not None]
        self.interrupted = False
        """Whether any job was."""
        self._to_do = len(ours)
        self._before = before
        self._total = before + len(ours)
        self._ended = 0
        self._last: deque[tuple[Job, Outcome]] = deque(maxlen=ROWS)
        self._counts: dict[str, int] = {}
        self._began = time.monotonic()
        self._looked = 0.0
        self._live: Live | None = None
        self._shows = bool(ours)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows itself while the jobs run."""
        if not self._shows or not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, auto_refresh=False, transient=True) as self._live:
            yield

    def say(self, text: str) -> None:
        """Prints a line, above the table where there is one."""
        self.console.print(text, markup=False, soft_wrap=True)

    def look(self, running: Sequence[Job]) -> None:
        """Redraws, from time to time."""
        if self._live is None or time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        self._live.update(self._drawn(running), refresh=True)

    def ended(self, job: Job, outcome: Outcome) -> None:
        """One more job has ended."""
        state = "not started" if isinstance(outcome.error, NotStartedError) else outcome.state
        self._counts[state] = self._counts.get(state, 0) + 1
        self._ended += 1
        self._last.append((job, outcome))
        self.interrupted = self.interrupted or state == "interrupted"
        if self._shows and self._live is None:
            self.say(self._line(job, outcome))

    def _line(self, job: Job, outcome: Outcome) -> str:
        head = f"[{self._before + self._ended}/{self._total}] {job.name}"
        if outcome.error is not None:
            why = first_line(outcome.error)
            return f"{head}: {outcome.state}, {why}; {self._summary()}"
        return f"{head}: {outcome.state}{_scores(outcome)}; {self._summary()}"

    def _summary(self) -> str:
        parts = [f"{count} {state}" for state, count in self._counts.items()]
        parts += [f"{self._before} done before"] if self._before else []
        left = self._to_do - self._ended
        if self._ended and left:
            seconds = (time.monotonic() - self._began) / self._ended * left
            parts.append(f"about {_duration(seconds)} left")
        return ", ".join(parts)

    def _drawn(self, running: Sequence[Job]) -> Group:
        table = Table(header_style="bold", expand=False)
        for name in ("job", "state", "phase"):
            table.add_column(name, overflow="fold")
        for name in ("rollouts", "trials", "best", "calls", "cost", "s", "phase left"):
            table.add_column(name, justify="right")
        for job in running:
            table.add_row(job.name, *_progress(job))
        for job, outcome in self._last:
            style = "red" if outcome.state == "failed" else "dim"
            table.add_row(job.name, outcome.state, _scores(outcome).strip(" ,"), style=style)
        head = f"{self._ended + self._before} of {self._total} jobs ended; {self._summary()}"
        return Group(table, Text(head))


def _progress(job: Job) -> list[str]:
    try:
        status = read_json(JobFolder(job.folder).status) or {}
    except OptbenchError:
        status = {}
    if status.get("state") != "running":
        return ["starting", *[""] * 8]
    facts = status.get("progress") or {}
    best = facts.get("best")
    return [
        "running",
        str(status.get("phase") or ""),
        f"{facts.get('rollouts', 0)}" + (f"/{facts['of']}" if facts.get("of") else ""),
        str(facts.get("trials", 0)),
        "" if best is None else f"{best:.3f}",
        str(facts.get("calls", 0)),
        price_text(facts.get("paid_usd", 0.0), 0),
        f"{time.time() - status.get('started_at', time.time()):.0f}",
        _left(status, facts.get("rollouts", 0), facts.get("of")),
    ]


def _left(status: Mapping[str, Any], done: int, of: int | None) -> str:
    """How long a phase will go on at its pace so far; nothing where its end is not known."""
    began = status.get("phase_began_at")
    if not of or not done or began is None:
        return ""
    # By the moment of the last report, which is what the count is of.
    spent = max(0.0, status.get("written_at", began) - began)
    return _duration(spent / done * max(0, of - done))


def _scores(outcome: Outcome) -> str:
    told: Any = outcome.value
    if not isinstance(told, dict) or "objective" not in told:
        return ""
    label = ", SIMULATED" if told["simulated"] else ""
    return (
        f", test {told['objective']} {told['initial']:.3f} -> {told['final']:.3f} "
        f"(n={told['n']}{label}), {told['finish_reason']}"
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )
