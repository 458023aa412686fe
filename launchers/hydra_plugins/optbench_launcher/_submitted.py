"""A job that a cluster has: how it is doing, and what its end means."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optbench_jobs.job import Job, JobTimeoutError, Outcome, WorkerDiedError

SETTLE_S = 10.0
"""How long the result of an ended job may take to be seen here, in seconds."""
EARLY_S = 90.0
"""How short of ``timeout_s`` a job may be when Slurm warns it: up to 60 s, and its start."""
TAIL = 20
"""Lines of stderr in an error."""
ALIVE = ("PENDING", "RUNNING", "UNKNOWN", "REQUEUED", "COMPLETING", "SUSPENDED", "RESIZING")
"""Slurm's states after which a result may still come."""


@dataclass(eq=False)
class Submitted:
    """A job with its handle.

    Attributes:
        job: The job.
        handle: submitit's ``Job``.
        gone_at: When it was first seen to have ended without a result, by ``time.monotonic``.
    """

    job: Job
    handle: Any
    gone_at: float | None = None

    @property
    def state(self) -> str:
        """Slurm's word for it; of a local job RUNNING, FINISHED or INTERRUPTED."""
        return str(self.handle.state).partition(" ")[0]  # "CANCELLED by 1000"

    def outcome(self, timeout_s: float | None, *, told: bool) -> Outcome | None:
        """How it ended; None while it may go on. ``interrupted`` is one that was told to end.

        Args:
            timeout_s: How long it may take, in seconds.
            told: It was us who told it.
        """
        if not (self.handle.done() and self.handle.paths.result_pickle.exists()):
            if self.state in ALIVE:
                return None
            self.gone_at = self.gone_at or time.monotonic()
            if told:  # there is nothing to wait for, and nothing to explain
                return Outcome("interrupted")
            return None if time.monotonic() < self.gone_at + SETTLE_S else self._died(timeout_s)
        try:
            value, seconds = self.handle.result()
        except Exception:  # raised outside of the task, or not to be read here: stderr has it
            return self._died(timeout_s)
        outcome = value if isinstance(value, Outcome) else Outcome("success", value)
        late = timeout_s is not None and seconds > timeout_s - EARLY_S and not told
        return _late(timeout_s) if late and outcome.state == "interrupted" else outcome

    def _died(self, timeout_s: float | None) -> Outcome:
        if self.state == "PREEMPTED":
            return Outcome("interrupted")
        if self.state == "TIMEOUT":
            return _late(timeout_s)
        path = self.handle.paths.stderr
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        told = f"job {self.handle.job_id} ended without a result, {self.state}"
        tail = [f"{told}: {lines[-1] if lines else 'no stderr'}", *lines[-TAIL:], f"({path})"]
        return Outcome("failed", error=WorkerDiedError("\n".join(tail)))


def _late(timeout_s: float | None) -> Outcome:
    limit = "its partition's limit" if timeout_s is None else f"{timeout_s:g} s (timeout_s)"
    return Outcome("failed", error=JobTimeoutError(f"ended after {limit}"))


def end(jobs: Sequence[Submitted], *, local: bool, hard: bool = False) -> None:
    """Asks jobs to save and end, and cancels those that wait; ``hard`` ends all.

    Args:
        jobs: Which.
        local: They are processes here: an id is the pid of one that hands SIGTERM on to the job.
        hard: Leave no time to save.
    """
    ids = [str(one.handle.job_id) for one in jobs]
    if local:
        for pid in ids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL if hard else signal.SIGTERM)
    elif ids:
        softly = (("--state=PENDING",), ("--state=RUNNING", "--signal=TERM"))
        for flags in ((),) if hard else softly:
            subprocess.run(["scancel", *flags, *ids], check=False)
