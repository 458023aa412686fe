"""Jobs on Modal: one spawn each, which goes on whatever becomes of this machine."""

from __future__ import annotations

import base64
import logging
import os
import shlex
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optbench.errors import ConfigError, NoProposalsError
from optbench.results.layout import JobFolder, SharedFolder

from . import _worker
from ._jobs import (
    Job,
    JobTimeoutError,
    NotStartedError,
    Outcome,
    Payload,
    RemoteJobError,
    WorkerDiedError,
)

try:
    from modal import exception
except ModuleNotFoundError as error:
    mend = "pip install 'optbench[modal]'"
    raise ConfigError("modal is not installed", key="engine", mend=mend) from error

from optbench_modal import calls, cloud, payload
from optbench_modal.deploy import deploy
from optbench_modal.ledger import Ledger
from optbench_modal.names import OUTPUT, RUNS
from optbench_modal.source import LOCAL_MODELS
from optbench_modal.uploads import Uploads

log = logging.getLogger(__name__)

POLL_S = 0.2
PAUSE_S = 5.0
"""Before a spawn is tried again that Modal had no room for, or that did not get through."""
STALE = "StaleCodeError"
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
        _say_what_is_not_shared(jobs, n_jobs)
        _refuse_models_that_are_not_there(jobs, conf)
        named = cloud.names_of(conf)
        self._ledger = Ledger(SharedFolder(sweep).modal, sweep.absolute().name, named._asdict())
        if named != cloud.names_of({**conf, **self._ledger.about}):
            raise ConfigError(
                f"the jobs of this sweep are at {self._ledger.about}",
                key="hydra.launcher.modal",
                mend="name the same app, volume and environment, or choose a new hydra.sweep.dir",
            )
        spawns = any(self._under_way(job) is None for job in jobs)
        if conf["deploy"] and spawns:
            deploy(named, cloud.source_of(conf))
        self._cloud = cloud.connect(
            conf,
            keys=sorted({key for job in jobs for key in job.keys}),
            n_jobs=n_jobs,
            timeout_s=None if timeout_s is None else timeout_s + GRACE_S,
            # What only waits to come home needs no app, and code may have changed since.
            spawns=spawns,
        )
        self._calls = calls.Calls(self._cloud.volume, self._ledger.run)
        self._uploads = Uploads(self._cloud.volume)
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
        return f"leaving: {self._how_to_return()}"

    def _how_to_return(self) -> str:
        there, folder = len(self._there), shlex.quote(str(self._sweep))
        return (
            f"{there} {'job goes' if there == 1 else 'jobs go'} on at Modal; bring the results home: "
            f"optbench-modal collect {folder}; or end them: optbench-modal cancel {folder}"
        )

    def results(self) -> Iterator[tuple[Job, Outcome] | None]:
        """Jobs with their outcomes as they end; None, at least every ``POLL_S``, for a look around.

        Raises:
            ConfigError: When the app is no longer there.
        """
        while self._queue or self._there:
            busy = self._spawn_next()
            for ended in self._calls.ended(0.0 if busy or self._left else POLL_S):
                job = self._there.pop(ended.job.key)
                outcome = _outcome(ended, job, self._timeout_s)
                self._ledger.ended(ended.job.key, outcome.state)
                if not self._spawned_again(job, ended):
                    yield job, outcome
            if self._conf["detach"] and not self._queue and not self._left:
                self._left = True
                log.info("%s", self._how_to_return())
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
            yield job, Outcome("submitted", {"submitted": self._ledger.entries[key].call})

    def _spawned_again(self, job: Job, ended: calls.Ended) -> bool:
        """Queues a job anew that Modal gave up, and not the job itself or its user."""
        why = _given_up(ended)
        if why is None or self._stopped or not self._restarts[job.number]:
            return False
        self._restarts[job.number] -= 1
        log.warning("%s: %s; it is spawned again", job.name, why)
        job.attempts -= 1
        self._queue.append(job)
        return True

    def _spawn_next(self) -> bool:
        """Hands the next job over; whether there was one, and it was taken."""
        if self._stopped or not self._queue or time.monotonic() < self._next_at:
            return False
        job = self._queue[0]
        key = _key(job)
        try:
            call = (None if job.attempts else self._under_way(job)) or self._spawned(key, job)
        except exception.ResourceExhaustedError:
            self._next_at = time.monotonic() + PAUSE_S  # so many may wait: until one has ended
            return False
        except calls.AWAY as error:
            log.warning("%s: the spawn did not get through (%s); tried again", job.name, error)
            self._next_at = time.monotonic() + PAUSE_S
            return False
        except (exception.NotFoundError, exception.AuthError) as error:
            raise ConfigError(str(error), key="modal: app", mend=cloud.DEPLOY) from error
        except Exception as error:  # this job's alone: what it is made of, or too large
            self._queue.popleft()
            self._there[key] = job
            self._calls.failed(calls.Watched(key, "", job.folder), error)
            return True
        self._queue.popleft()
        self._there[key] = job
        job.attempts += 1
        if not self._conf["detach"]:
            self._calls.watch(calls.Watched(key, call, job.folder, job.identity is not None))
        return True

    def _under_way(self, job: Job) -> str | None:
        """The call of an earlier launch that has a job still."""
        entry = self._ledger.entries.get(_key(job))
        return entry.call if entry is not None and entry.state == "spawned" else None

    def _spawned(self, key: str, job: Job) -> str:
        entry = self._ledger.entries.get(key)
        if entry is None:
            self._take_along(key, job)
        # One that may have been spawned, without our having heard, keeps its number: of two calls
        # with the same one only one runs the job.
        attempt = 1 if entry is None else entry.attempt + (entry.state != "intended")
        text = self._message(key, job, attempt).dumps()
        self._ledger.intend(key, job.name, attempt)
        call = str(self._cloud.function.spawn(text).object_id)
        self._ledger.spawned(key, call)
        return call

    def _message(self, key: str, job: Job, attempt: int) -> payload.Payload:
        told: dict[str, Any] = {
            "run": self._ledger.run, "key": key, "name": job.name, "attempt": attempt,
            "code": self._cloud.code, "timeout_s": self._timeout_s,
            "commit_s": self._conf["commit_s"],
        }  # fmt: skip
        if job.packed is not None:
            files = self._uploads.put(job.files)
            return payload.Payload(**told, task=job.packed, files=files)
        function, *arguments = self._make(job)
        if function is _worker.raise_:
            raise arguments[0]
        app = {
            "blob": base64.b64encode(arguments[0]).decode(),
            "directory": os.getcwd(),
            "output": os.path.relpath(job.folder),
        }
        return payload.Payload(**told, app=app)

    def _take_along(self, key: str, job: Job) -> None:
        """What the job has paid for on this machine, it does not pay for again."""
        paid = JobFolder(job.folder).calls
        if paid.is_file():
            with self._cloud.volume.batch_upload(force=True) as batch:
                batch.put_file(paid, f"/{RUNS}/{self._ledger.run}/{key}/{OUTPUT}/{paid.name}")


def _key(job: Job) -> str:
    return job.identity or f"job-{job.number}"


def _given_up(ended: calls.Ended) -> str | None:
    """Why a job is spawned again that neither failed by itself nor was cancelled; None: it is not."""
    if isinstance(ended.error, calls.Gone):
        return str(ended.error)
    if ended.reply is not None and ended.reply.state == "interrupted":
        return "its container was taken away"
    if ended.reply is not None and (ended.reply.error or {}).get("type") == STALE:
        return "a container of the code before took it"  # which may stay for a while
    return None


def _outcome(ended: calls.Ended, job: Job, timeout_s: float | None) -> Outcome:
    reply, error = ended.reply, ended.error
    if reply is None:
        assert error is not None
        if isinstance(error, exception.FunctionTimeoutError):
            took = f"{timeout_s:g} s (timeout_s)" if timeout_s else "its longest, a day"
            error = JobTimeoutError(f"ended by Modal after {took}")
        elif isinstance(error, exception.RemoteError) and "cancel" in str(error).lower():
            return Outcome("interrupted")
        elif isinstance(error, exception.Error):
            error = WorkerDiedError(f"Modal: {type(error).__name__}: {error}")
        elif not isinstance(error, Exception):
            error = RemoteJobError(f"{type(error).__name__}: {error}")
        return Outcome("failed", error=error)
    if reply.state == "failed":
        return Outcome("failed", error=_error(reply.error or {}), traceback=reply.traceback)
    if reply.state != "success":
        return Outcome("interrupted")
    try:
        # Of another app's job, whose return is unpickled as from any worker; of a task's, never.
        value = base64.b64decode(reply.value) if job.identity is None else dict(reply.value)
    except (ValueError, TypeError) as error:
        return Outcome("failed", error=WorkerDiedError(f"a reply whose value is none: {error}"))
    return Outcome("success", value)


def _error(told: Mapping[str, Any]) -> Exception:
    """A container's error, as one of ours where the launcher asks for its type."""
    name, said = str(told.get("type")), str(told.get("message"))
    key, mend = (None if told.get(one) is None else str(told[one]) for one in ("key", "mend"))
    if name in ("ConfigError", "PreflightError", "DataError", STALE):
        return ConfigError(said, key=key, mend=mend)
    if name == "NoProposalsError":
        return NoProposalsError(said, key=key, mend=mend)
    if name == "JobTimeoutError":
        return JobTimeoutError(said)
    if name == "WorkerDiedError":
        return WorkerDiedError(said)
    return RemoteJobError(f"{name}: {said}")


def _say_what_is_not_shared(jobs: Sequence[Job], n_jobs: int | None) -> None:
    """Limits over all jobs of a sweep, which containers cannot keep together.

    Raises:
        ConfigError: For one that must hold.
    """
    limits = {limit for job in jobs for limit in job.limits}
    if "budget.sweep_usd" in limits:
        raise ConfigError(
            "containers share no purse, so no limit over all jobs can be kept on Modal",
            key="budget.sweep_usd",
            mend="limit each job (budget.usd), or run on this machine (engine=local)",
        )
    if limits and n_jobs != 1:
        log.warning(
            "%s: each container keeps it for itself, and %s run at once",
            ", ".join(sorted(limits)), n_jobs or "all",
        )  # fmt: skip


def _refuse_models_that_are_not_there(jobs: Sequence[Job], conf: Mapping[str, Any]) -> None:
    """Embedded models run in the containers, which have what runs them only where it is asked for.

    Raises:
        ConfigError: When a job needs it, and it is not.
    """
    named = sorted({name for job in jobs for _, name in job.models})
    if named and LOCAL_MODELS not in conf["extras"]:
        raise ConfigError(
            f"model {', '.join(named)} runs in the containers, and what runs it is not deployed",
            key="hydra.launcher.modal.extras",
            mend=f"hydra.launcher.modal.extras=[{LOCAL_MODELS}] engine.deploy=true",
        )
