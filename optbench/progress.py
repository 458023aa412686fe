"""How a task shows that it moves: a live line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from optbench.models.accounts import Spent, price_text
from optbench.models.calls import Phase
from optbench.models.ledger import Ledger
from optbench.recorder import Trial
from optbench.rollouts import Rollout

LINE_EVERY_S = 10.0
"""Where there is no terminal: seconds between two lines of one phase."""
BEAT_EVERY_S = 2.0
"""Seconds between two reports of progress to other processes."""
DRAW_EVERY_S = 0.2
"""In a terminal: seconds between two redrawn lines."""


def dollars(used: Spent, paid: Spent) -> str:
    """Cost as text: what was paid, and what it is worth where a cache paid a part."""
    told = price_text(paid.cost_usd, paid.unpriced_calls)
    if paid.calls == used.calls:
        return told
    return f"{told} paid of {price_text(used.cost_usd, used.unpriced_calls)} used"


class Display:
    """Phase, items done, best score so far, calls, cost.

    Args:
        title: What is running, one line.
        ledger: For calls and cost.
        console: Where to; default is stdout.
    """

    def __init__(self, title: str, ledger: Ledger, console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stdout, highlight=False)
        self._ledger = ledger
        self._lock = threading.Lock()
        self._best: tuple[str, float] | None = None
        self._phase: Phase = "baseline"
        self._done = 0
        self._total: int | None = None
        self._trials = 0
        self._said = 0.0
        self._beaten = 0.0
        self.on_progress: Callable[[dict[str, Any]], None] = lambda _: None
        """Told how far the task is, every ``BEAT_EVERY_S``."""
        self.share: Callable[[int], float] = lambda _: 0.0
        """How much of the search is over, 0 to 1, by its trials; other phases count rollouts."""
        self._live = self.console.is_terminal
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("starting", total=None, facts="")
        self.console.print(title, markup=False, soft_wrap=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Shows itself for as long as the task runs."""
        with self._bar:
            yield

    def phase(self, phase: Phase, total: int | None) -> None:
        """A phase begins; ``total`` rollouts are expected, None where nobody knows."""
        with self._lock:
            self._phase, self._done, self._total = phase, 0, total
            self._said = time.monotonic()
        # A new bar: rich takes a total of None for "as before", and here it means "unknown".
        self._bar.remove_task(self._task)
        self._task = self._bar.add_task(phase, total=total, facts=self._facts())
        if not self._live:
            self.console.print(f"[{phase}] started", markup=False, soft_wrap=True)

    def rollout(self, _done: Rollout) -> None:
        """One more rollout is done."""
        with self._lock:
            self._done += 1
            every = DRAW_EVERY_S if self._live else LINE_EVERY_S
            due = time.monotonic() - self._said >= every
            if due:
                self._said = time.monotonic()
            beat = time.monotonic() - self._beaten >= BEAT_EVERY_S
            if beat:
                self._beaten = time.monotonic()
        if beat:
            self.on_progress(self.progress())
        if self._live:
            self._bar.advance(self._task)
            if due:
                self._bar.update(self._task, facts=self._facts())
        elif due:
            self.console.print(self._line(), markup=False, soft_wrap=True)

    def trial(self, trial: Trial, objective: str, *, whole: bool, better: bool) -> None:
        """One more candidate is scored.

        Args:
            trial: What came of it.
            objective: The metric to show.
            whole: Whether it was scored on the whole validation slice.
            better: Whether that is the best such score so far.
        """
        score = trial.means[objective]
        with self._lock:
            self._trials += 1
            if better:
                self._best = (objective, score)
        if not self._live and whole:
            mark = " (best so far)" if better else ""
            self.console.print(
                f"[optimise] trial {trial.index}: {objective} {score:.3f} on {trial.items} "
                f"validation items{mark}; {self._facts()}",
                markup=False,
                soft_wrap=True,
            )

    def progress(self) -> dict[str, Any]:
        """How far the task is, as plain data; USD and calls are of all phases."""
        used, paid = self._ledger.used.total(), self._ledger.paid.total()
        return {
            "rollouts": self._done,
            "of": self._total,
            "share": self._share(),
            "trials": self._trials,
            "objective": self._best[0] if self._best else None,
            "best": self._best[1] if self._best else None,
            "calls": used.calls,
            "paid_calls": paid.calls,
            "paid_usd": paid.cost_usd,
            "used_usd": used.cost_usd,
        }

    def _share(self) -> float:
        if self._phase == "optimise":
            return self.share(self._trials)
        return min(1.0, self._done / self._total) if self._total else 0.0

    def say(self, text: str) -> None:
        """A line above the bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def _line(self) -> str:
        of = f"/{self._total}" if self._total else ""
        return f"[{self._phase}] {self._done}{of} rollouts; {self._facts()}"

    def _facts(self) -> str:
        used, paid = self._ledger.used.total(), self._ledger.paid.total()
        best = f"best {self._best[0]} {self._best[1]:.3f}, " if self._best else ""
        trials = f"{self._trials} trials, " if self._trials else ""
        failed = f" ({used.failed} failed)" if used.failed else ""
        answered = used.calls - paid.calls
        shared = f" ({answered} answered already)" if answered > 0 else ""
        return f"{trials}{best}{used.calls} calls{failed}{shared}, {dollars(used, paid)}"
