"""How a sweep shows that it moves: a table in a terminal, a line for each job elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from optbench.errors import OptbenchError
from optbench.layout import JobFolder, read_json
from optbench.models.accounts import price_text
from optbench_jobs.job import Job, NotStartedError, Outcome, first_line

LOOK_EVERY_S = 1.0
"""Between two readings of the running jobs' files."""
ROWS = 12
"""Jobs that have ended, shown under those that run."""
NOT_STARTED = "not started"
COLUMNS = ("state", "phase", "rollouts", "trials", "best", "calls", "cost", "s", "phase left")
"""Of a running job, after its name."""
NARROW = ("phase", "rollouts", "best", "phase left")
"""Those that have room beside a name in a terminal narrower than ``WIDE`` columns."""
WIDE = 120
KEPT_ROWS = 60
"""Of the table that stays when all have ended; failed jobs come first."""


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
        """Whether any job was, or was cancelled."""
        self._to_do = len(ours)
        self._before = before
        self._total = before + len(ours)
        self._ended = 0
        self._fine: deque[tuple[Job, Outcome]] = deque(maxlen=KEPT_ROWS)
        self._failed: deque[tuple[Job, Outcome]] = deque(maxlen=KEPT_ROWS)
        self._counts: dict[str, int] = {}
        self._began = time.monotonic()
        self._looked = 0.0
        self._at_work = 0
        self._live: Live | None = None
        self._shows = bool(ours)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows itself while the jobs run."""
        if not self._shows or not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, auto_refresh=False) as self._live:
            try:
                yield
            finally:
                self._live.update(self._closing(), refresh=True)

    def say(self, text: str) -> None:
        """Prints a line, above the table where there is one."""
        self.console.print(text, markup=False, soft_wrap=True)

    def look(self, running: Sequence[Job]) -> None:
        """Redraws, from time to time."""
        self._at_work = len(running)
        if self._live is None or time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        self._live.update(self._drawn(running), refresh=True)

    def ended(self, job: Job, outcome: Outcome) -> None:
        """One more job has ended."""
        state = NOT_STARTED if isinstance(outcome.error, NotStartedError) else outcome.state
        self._counts[state] = self._counts.get(state, 0) + 1
        self._ended += 1
        (self._failed if outcome.error is not None else self._fine).append((job, outcome))
        self.interrupted = self.interrupted or state in ("interrupted", "cancelled")
        # Of those that were not begun a count is said at the end; there may be thousands.
        if self._shows and self._live is None and state != NOT_STARTED:
            self.say(self._line(job, outcome))

    def _line(self, job: Job, outcome: Outcome) -> str:
        told = ", ".join(filter(None, (outcome.state, _told(outcome))))
        return f"[{self._before + self._ended}/{self._total}] {job.name}: {told}; {self._summary()}"

    def _summary(self) -> str:
        parts = [f"{count} {state}" for state, count in self._counts.items()]
        parts += [f"{self._before} done before"] if self._before else []
        left = self._to_do - self._ended
        if self._ended and left and NOT_STARTED not in self._counts:
            # A job at work is half done, on average.
            half = min(left, self._at_work) / 2
            pace = (time.monotonic() - self._began) / (self._ended + half)
            parts.append(f"about {_duration(pace * (left - half))} left")
        return ", ".join(parts)

    def _drawn(self, running: Sequence[Job]) -> Group:
        parts: list[RenderableType] = []
        if running:
            narrow = self.console.width < WIDE
            columns = [name for name in COLUMNS if not narrow or name in NARROW]
            table = _table("job")
            for name in columns:
                table.add_column(name, justify="left" if name in COLUMNS[:2] else "right")
            for job in running:
                told = dict(zip(COLUMNS, _progress(job), strict=True))
                table.add_row(job.name, *(told[name] for name in columns))
            parts.append(table)
        shown = [*list(self._failed)[-ROWS:], *list(self._fine)[-ROWS:]]
        return Group(*parts, *self._told(shown[:ROWS]))

    def _told(self, ended: Sequence[tuple[Job, Outcome]]) -> list[RenderableType]:
        """What came of jobs, and of all together."""
        counted = f"{self._ended + self._before} of {self._total} jobs ended"
        summary = Text("; ".join(filter(None, (counted, self._summary()))))
        if not ended:
            return [summary]
        table = _table("job", "state", "what came of it")
        for job, outcome in ended:
            style = "red" if outcome.error is not None else ""
            table.add_row(job.name, outcome.state, escape(_told(outcome)), style=style)
        return [table, summary]

    def _closing(self) -> Group:
        """What stays on the screen."""
        shown = [*self._failed, *self._fine][:KEPT_ROWS]
        parts = self._told(shown)
        left_out = self._ended - len(shown)
        if left_out > 0:
            parts.append(Text(f"{left_out} more are not shown"))
        return Group(*parts)


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", expand=False)
    for number, name in enumerate(columns):
        table.add_column(name, overflow="fold", no_wrap=number == 0)
    return table


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
        _left(status, facts.get("share", 0.0)),
    ]


def _left(status: Mapping[str, Any], share: float) -> str:
    """How long a phase will go on at its pace so far; nothing where its end is not known."""
    began = status.get("phase_began_at")
    if not 0 < share < 1 or began is None:
        return ""
    # By the moment of the last report, which is what the share is of.
    spent = max(0.0, status.get("written_at", began) - began)
    return _duration(spent / share * (1 - share))


def _told(outcome: Outcome) -> str:
    if outcome.error is not None:
        return first_line(outcome.error)
    told: Any = outcome.value
    if not isinstance(told, dict) or "objective" not in told:
        return ""
    label = ", SIMULATED" if told["simulated"] else ""
    return (
        f"test {told['objective']} {told['initial']:.3f} -> {told['final']:.3f} "
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
