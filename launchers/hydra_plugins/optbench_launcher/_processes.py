"""Jobs in worker processes of joblib's loky, one process per slot.

A pool of its own for each slot: when a job takes its process down, or has to be killed, it is beyond
doubt which one it was, and no other is touched. Workers stay, with their imports, for the next job.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor

from . import _worker
from ._jobs import (
    Job,
    JobTimeoutError,
    NotStartedError,
    Outcome,
    Payload,
    WorkerDiedError,
    portable,
)

POLL_S = 0.2
"""Seconds between two looks at deadlines, and between two redraws."""
GRACE_S = 20.0
"""How long an interrupted job may take to save before it is killed, in seconds."""


class _Slot:
    """One worker process and the job in it."""

    def __init__(self) -> None:
        self._pool: Any = None
        self._interrupted = False
        self.future: Future[Any] | None = None
        self.job: Job | None = None
        self.deadline = float("inf")

    def start(self, job: Job, work: tuple[Any, ...], timeout_s: float | None) -> None:
        if self._pool is None:
            # An initializer, not a first job: loky replaces a worker that has grown since its first.
            self._pool = ProcessPoolExecutor(max_workers=1, timeout=None, initializer=_worker.greet)
        self.job = job
        self._interrupted = False
        self.future = self._pool.submit(*work)
        self.deadline = float("inf") if timeout_s is None else time.monotonic() + timeout_s

    def take(self) -> Outcome:
        """The outcome of the job that has ended; the slot is free again."""
        future, self.future, self.job = self.future, None, None
        assert future is not None
        try:
            value = future.result()
        except BrokenProcessPool as error:
            self.close()
            if self._interrupted:
                return Outcome("interrupted")
            said = str(error).strip().splitlines()[-1] if str(error).strip() else "no exit code"
            return Outcome("failed", error=WorkerDiedError(f"the job's process ended: {said}"))
        except Exception as error:  # it could not be sent, or not be read
            return Outcome("failed", error=portable(error))
        return value if isinstance(value, Outcome) else Outcome("success", value)

    def interrupt(self) -> None:
        """Asks the job to save and end."""
        self._interrupted = True
        for pid in list(self._pool._processes or ()):  # loky has no public name for it
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def close(self, *, kill: bool = True) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=not kill, kill_workers=kill)
        self._pool = None


class ProcessBackend:
    """Runs what is submitted in ``n_jobs`` processes, in the order of submission.

    Args:
        n_jobs: Jobs at once.
        timeout_s: A job that takes longer is killed, in seconds; None: none is.
        payload: What a worker is to do for a job, asked when the job begins.
    """

    def __init__(self, n_jobs: int, timeout_s: float | None, payload: Payload) -> None:
        self._timeout_s = timeout_s
        self._payload = payload
        self._slots = [_Slot() for _ in range(n_jobs)]
        self._queue: deque[Job] = deque()
        self._stopped_at: float | None = None

    def submit(self, job: Job) -> None:
        """Puts a job at the end of the queue; before it begins its ``attempts`` grows."""
        self._queue.append(job)

    def running(self) -> list[Job]:
        """The jobs at work."""
        return [slot.job for slot in self._slots if slot.job is not None]

    def drop_queue(self) -> None:
        """Starts nothing further; what was not begun comes back as not started."""
        self._stopped_at = self._stopped_at or time.monotonic()

    def interrupt(self) -> None:
        """Starts nothing further, and lets what runs save and end."""
        self.drop_queue()
        for slot in self._slots:
            if slot.future is not None:
                slot.interrupt()
                slot.deadline = time.monotonic() + GRACE_S

    def results(self) -> Iterator[tuple[Job, Outcome] | None]:
        """Jobs with their outcomes as they end; None, at least every ``POLL_S``, for a look around."""
        while self._queue or self.running():
            self._fill()
            busy = [slot.future for slot in self._slots if slot.future is not None]
            if busy:
                wait(busy, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for slot in self._slots:
                job = slot.job
                if job is None or slot.future is None:
                    continue
                if slot.future.done():
                    yield job, slot.take()
                elif time.monotonic() > slot.deadline:
                    slot.close()
                    slot.future = slot.job = None
                    yield job, self._late()
            while self._stopped_at is not None and self._queue:
                left = Outcome("failed", error=NotStartedError("not started"))
                yield self._queue.popleft(), left
            yield None

    def close(self, *, kill: bool = False) -> None:
        """Ends the workers."""
        for slot in self._slots:
            slot.close(kill=kill or slot.future is not None)

    def _fill(self) -> None:
        for slot in self._slots:
            if self._queue and slot.future is None and self._stopped_at is None:
                job = self._queue.popleft()
                job.attempts += 1
                slot.start(job, self._payload(job), self._timeout_s)

    def _late(self) -> Outcome:
        if self._stopped_at is not None:
            return Outcome("interrupted")
        return Outcome(
            "failed", error=JobTimeoutError(f"killed after {self._timeout_s:g} s (timeout_s)")
        )
