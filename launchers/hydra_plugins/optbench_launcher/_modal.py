"""Jobs on Modal: one spawn each, which goes on whatever becomes of this machine."""

from __future__ import annotations

import base64
import logging
import os
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from optbench.errors import ConfigError
from optbench.layout import JobFolder, SharedFolder
from optbench_jobs import worker
from optbench_jobs.job import Job, NotStartedError, Outcome, Payload

from . import _modal_checks
from ._modal_there import how_to_return, key_of

try:
    from modal import exception
except ModuleNotFoundError as error:
    mend = "pip install 'optbench[modal]'"
    raise ConfigError("modal is not installed", key="engine", mend=mend) from error

from optbench_modal import calls, cloud, payload
from optbench_modal.deploy import deploy
from optbench_modal.journal import Journal
from optbench_modal.uploads import Uploads

from ._modal_ends import given_up, outcome_of

log = logging.getLogger(__name__)

POLL_S = 0.2
PAUSE_S = 5.0
"""Before a spawn is tried again that Modal had no room for, or that did not get through."""
RESTARTS = 10
"""How often a job is spawned again whose container was taken away; not a retry."""
GRACE_S = 120.0
"""How much longer than ``timeout_s`` Modal gives a job, to start and to save, in seconds."""


class ModalBackend:
    """Spawns what is submitted, and brings home what has ended, in the order in which it ends.

    Args:
        conf: :class:`.config.ModalConf` as plain data.
        jobs: What it is to run.
        sweep: The sweep's folder.
        n_jobs: Containers at once; None: as many as Modal gives.
        timeout_s: A job that takes longer is ended, in seconds; None: at Modal's own limit.
        make: What a worker is to do for a job, asked when it is spawned.

    Raises:
        PreflightError: When something is missing at Modal.
    """

    def __init__(
        self,
        conf: Mapping[str, Any],
        jobs: Sequence[Job],
        sweep: Path,
        n_jobs: int | None,
        timeout_s: float | None,
        make: Payload,
    ) -> None:
        self._conf, self._sweep, self._timeout_s, self._make = conf, sweep, timeout_s, make
        self._detach = conf["detach"] and not conf["collect"]
        named = cloud.names_of(conf)
        self._journal = Journal(SharedFolder(sweep).modal, sweep.absolute().name, named._asdict())
        if named != cloud.names_of({**conf, **self._journal.about}):
            raise ConfigError(
                f"the jobs of this sweep are at {self._journal.about}",
                key="hydra.launcher.modal",
                mend="name the same app, volume and environment, or choose a new hydra.sweep.dir",
            )
        spawns = not conf["collect"] and any(self._under_way(job) is None for job in jobs)
        if spawns:
            _modal_checks.jobs(jobs, conf, n_jobs)
        if conf["deploy"] and spawns:
            deploy(named, cloud.source_of(conf))
        longest = _modal_checks.LONGEST_S
        self._connect = partial(
            cloud.connect,
            conf,
            keys=sorted({key for job in jobs for key in job.keys}),
            n_jobs=n_jobs,
            timeout_s=None if timeout_s is None else min(timeout_s + GRACE_S, longest),
        )
        # What only waits to come home needs no app, and code may have changed since.
        self._cloud = self._connect(spawns=spawns)
        self._calls = calls.Calls(self._cloud.volume, self._journal.run)
        self._uploads = Uploads(self._cloud.volume, named.volume)
        self._queue: deque[Job] = deque()
        self._there: dict[str, Job] = {}
        self._restarts: dict[int, int] = defaultdict(lambda: RESTARTS)
        self._next_at = 0.0
        self._stopped = self._left = False

    def submit(self, job: Job) -> None:
        """Puts a job at the end of the queue; before it is spawned its ``attempts`` grows."""
        self._queue.append(job)

    def running(self) -> list[Job]:
        """Jobs of which a container has said something."""
        running = self._calls.running()
        return [job for key, job in self._there.items() if key in running]

    def drop_queue(self) -> None:
        """Spawns nothing further; what was not comes back as not started."""
        self._stopped = True

    def interrupt(self) -> str:
        """Waits no more: what was spawned goes on, and is collected another time."""
        self._stopped = self._left = True
        return f"leaving: {how_to_return(len(self._there), self._sweep)}"

    def results(self) -> Iterator[tuple[Job, Outcome] | None]:
        """Jobs with their outcomes as they end; None, at least every ``POLL_S``, for a look around.

        Raises:
            ConfigError: When the app is no longer there.
        """
        while self._queue or self._there:
            busy = self._spawn_next()
            for ended in self._calls.ended(0.0 if busy or self._left else POLL_S):
                job = self._there.pop(ended.job.key)
                outcome = outcome_of(ended, job, self._timeout_s)
                if ended.job.key in self._journal.entries:  # else it was never handed over
                    self._journal.ended(ended.job.key, outcome.state)
                if not self._spawned_again(job, ended):
                    yield job, outcome
            if self._detach and not self._queue and not self._left:
                self._left = True
                log.info("%s", how_to_return(len(self._there), self._sweep))
            if self._left:
                yield from self._submitted()
            while self._stopped and self._queue:
                left = Outcome("failed", error=NotStartedError("not started"))
                yield self._queue.popleft(), left
            yield None

    def close(self, *, kill: bool = False) -> None:
        """Waits no more; jobs outlive this process, whatever ended it."""
        del kill
        self._calls.close()

    def _submitted(self) -> Iterator[tuple[Job, Outcome]]:
        for key, job in list(self._there.items()):
            del self._there[key]
            yield job, Outcome("submitted", {"submitted": self._journal.entries[key].call})

    def _spawned_again(self, job: Job, ended: calls.Ended) -> bool:
        """Queues a job anew that Modal gave up, and not the job itself or its user."""
        why = given_up(ended)
        if why is None or self._stopped or not self._restarts[job.number]:
            return False
        self._restarts[job.number] -= 1
        if isinstance(ended.error, calls.Gone):
            self._restarts[job.number] = 0  # a call of this very launch that is gone was not lost
        log.warning("%s: %s; it is spawned again", job.name, why)
        job.attempts -= 1
        self._queue.append(job)
        return True

    def _spawn_next(self) -> bool:
        """Hands the next job over; whether there was one, and something came of it."""
        if self._stopped or not self._queue or time.monotonic() < self._next_at:
            return False
        job = self._queue[0]
        key = key_of(job)
        try:
            call = (None if job.attempts else self._under_way(job)) or self._spawned(key, job)
        except Exception as error:
            if self._waits(job, error):
                self._next_at = time.monotonic() + PAUSE_S
                return False
            self._calls.failed(calls.Watched(key, "", job.folder), error)
        else:
            if not self._detach:
                leaves_result = job.identity is not None
                self._calls.watch(calls.Watched(key, call, job.folder, leaves_result))
        self._queue.popleft()
        self._there[key] = job
        job.attempts += 1
        return True

    def _waits(self, job: Job, error: Exception) -> bool:
        """Whether a job that was not taken is to be handed over again; else it has failed with that.

        Raises:
            ConfigError: When no job could be handed over.
        """
        if isinstance(error, exception.ResourceExhaustedError):
            return True  # so many may wait: until one has ended
        if isinstance(error, calls.AWAY) and not getattr(error, "filename", None):
            log.warning("%s: the spawn did not get through (%s); tried again", job.name, error)
            return True
        if isinstance(error, exception.NotFoundError | exception.AuthError):
            mend = cloud.deploy_command(cloud.names_of(self._conf), cloud.source_of(self._conf))
            raise ConfigError(str(error), key="modal: app", mend=mend) from error
        return False  # this job's alone: what it is made of, or too large, or a file that it needs

    def _under_way(self, job: Job) -> str | None:
        """The call of an earlier launch that has a job still."""
        entry = self._journal.entries.get(key_of(job))
        return entry.call if entry is not None and entry.state == "spawned" else None

    def _spawned(self, key: str, job: Job) -> str:
        if self._cloud.function is None:  # all seemed to be there, and Modal has lost this one
            self._cloud = self._connect(spawns=True)
        entry = self._journal.entries.get(key)
        if entry is None:
            # What the job has paid for on this machine, it does not pay for again.
            self._uploads.keep(JobFolder(job.folder).calls, self._journal.run, key)
        # One that may have been spawned, without our having heard, keeps its number: of two calls
        # with the same one only one runs the job.
        attempt = 1 if entry is None else entry.attempt + (entry.state != "intended")
        text = self._message(key, job, attempt).dumps()
        self._journal.intend(key, job.name, attempt)
        call = str(self._cloud.function.spawn(text).object_id)
        self._journal.spawned(key, call)
        return call

    def _message(self, key: str, job: Job, attempt: int) -> payload.Payload:
        told: dict[str, Any] = {
            "run": self._journal.run, "key": key, "name": job.name, "attempt": attempt,
            "code": self._cloud.code, "timeout_s": self._timeout_s,
            "commit_s": self._conf["commit_s"], "home": str(job.folder.absolute()),
        }  # fmt: skip
        function, *arguments = self._make(job)
        if function is worker.raise_:
            raise arguments[0]
        if job.identity is not None:
            task = payload.pack(arguments[0])  # now, for thousands of tasks would wait packed
            return payload.Payload(**told, task=task, files=self._uploads.put(job.files))
        app = {
            "blob": base64.b64encode(arguments[0]).decode(),
            "directory": os.getcwd(),
            "output": os.path.relpath(job.folder),
        }
        return payload.Payload(**told, app=app)
