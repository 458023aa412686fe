"""Jobs in worker processes of joblib's loky, one process per slot.

A pool of its own for each slot: when a job takes its process down, or has to be killed, it is beyond
doubt which one it was, and no other is touched. Workers stay, with their imports, for the next job.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor

from . import worker
from .job import (
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
START_S = 120.0
"""How long a new worker may take to stand, with its imports, beside a job's own time, in seconds."""
END_S = 5.0
"""How long a worker without a job may take to end before it is killed, in seconds."""
_EXIT_CODES = re.compile(r"exit codes of the workers are (\{[^}\n]*\})")


class _Slot:
    """One worker process and the job in it."""

    def __init__(self) -> None:
        self._pool: Any = None
        self._interrupted = False
        self._ready: Future[Any] | None = None
        self._timeout_s = float("inf")
        self.future: Future[Any] | None = None
        self.job: Job | None = None
        self.deadline = float("inf")

    def start(self, job: Job, work: tuple[Any, ...], timeout_s: float | None) -> None:
        if self._pool is None:
            # An initializer, not a first job: loky replaces a worker that has grown since its first.
            self._pool = ProcessPoolExecutor(
                max_workers=1, timeout=None, initializer=worker.greet, initargs=(os.getpid(),)
            )
            self._ready = self._pool.submit(worker.ready, *work)
        self.job = job
        self._interrupted = False
        self._timeout_s = float("inf") if timeout_s is None else timeout_s
        self.deadline = time.monotonic() + self._timeout_s
        self.future = self._pool.submit(*work)

    def is_late(self) -> bool:
        """Whether the job's time is over; it is counted from when its worker stands."""
        now = time.monotonic()
        if self._ready is not None:
            if self._ready.done():
                self._ready, self.deadline = None, now + self._timeout_s
            return now > self.deadline + START_S
        return now > self.deadline

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
            return Outcome("failed", error=WorkerDiedError(_how_it_ended(error)))
        except Exception as error:  # it could not be sent, or not be read
            return Outcome("failed", error=portable(error))
        return value if isinstance(value, Outcome) else Outcome("success", value)

    def interrupt(self) -> None:
        """Asks the job to save and end."""
        self._interrupted = True
        self._ready, self.deadline = None, time.monotonic() + GRACE_S
        for pid in list(self._pool._processes or ()):  # loky has no public name for it
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def close(self, *, kill: bool = True) -> None:
        """Ends the worker; where a thread of a job goes on in it, it is killed."""
        if self._pool is None:
            return
        workers = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, kill_workers=kill)
        until = time.monotonic() + (0.0 if kill else END_S)
        for process in workers:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        self._pool = self._ready = None


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
        # loky replaces a worker whose memory has grown, which is no news to a user.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)

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
                elif slot.is_late():
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


def _how_it_ended(error: BrokenProcessPool) -> str:
    """With the exit code or the signal: the kernel's OOM killer sends SIGKILL."""
    codes = _EXIT_CODES.search(str(error))
    return f"the job's process ended: {codes[1] if codes else 'no exit code'}"
