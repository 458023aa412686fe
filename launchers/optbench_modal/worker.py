"""What a container does with a payload: never raises, and answers with plain data.

The job runs in a process of its own, as it does on this machine: what takes it down does not take
the container, and a limit of time leaves it time to save. Its folder is on the container's disk;
what it has learnt is copied to the volume and committed every minute and at the end, so a container
that Modal takes away costs a minute's calls at most.
"""

from __future__ import annotations

import base64
import errno
import os
import platform
import shutil
import signal
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optbench.config.identity import file_sha256, identity_of
from optbench.config.redact import redacted
from optbench.errors import ConfigError, OptbenchError
from optbench.layout import JobFolder
from optbench.preflight import PreflightError
from optbench_jobs import worker
from optbench_jobs.job import Job, Outcome
from optbench_jobs.processes import ProcessBackend

from . import copies
from .names import CODE_VARIABLE, DONE, FILES, OUTPUT, RUNS, Names, full_volume
from .payload import Payload, Reply, WireError, unpack

HOME = Path("/tmp/optbench")
"""On the container's own disk: SQLite is not for a network's."""


CANCELLED = "InputCancellation"
"""Modal's exception in a call that is taken back, in whatever it is at that moment."""


class StaleCodeError(OptbenchError):
    """What is deployed is not what the launch expects."""


@dataclass(frozen=True)
class Claim:
    """Whose job it is: a spawn whose reply was lost may have been made twice.

    Attributes:
        call: Id of this call.
        take: Claims a key for it; False where the key is claimed already.
        holder: The call that has claimed a key.
    """

    call: str
    take: Callable[[str], bool]
    holder: Callable[[str], Any]

    def other(self, key: str) -> str | None:
        """The other call that has the job; None where this one has. A restarted call keeps its own."""
        if self.take(key):
            return None
        holder = str(self.holder(key))
        return None if holder == self.call else holder


@dataclass(frozen=True)
class Mounted:
    """The volume, as a container has it.

    Attributes:
        path: Where it is.
        commit: Makes what was written there last.
        reload: Shows what others have committed since this container started.
    """

    path: Path
    commit: Callable[[], Any]
    reload: Callable[[], Any]


def answer(text: str, volume: Mounted, claim: Claim) -> str:
    """Runs the job of a payload, or says why not.

    Args:
        text: The payload, as JSON.
        volume: Keeps what jobs have learnt.
        claim: Whose job it is.

    Returns:
        A reply, as JSON.
    """
    key, attempt = "?", 0
    try:
        payload = Payload.loads(text)
        key, attempt = payload.key, payload.attempt
        reply = _answered(payload, volume, claim)
    except BaseException as error:  # SystemExit would end the launch that reads it
        if type(error).__name__ == CANCELLED:
            raise  # Modal's own, to be told to Modal
        reply = Reply(key, attempt, "failed", error=_told(error), traceback=_traceback(error))
    return reply.dumps()


def _answered(payload: Payload, volume: Mounted, claim: Claim) -> Reply:
    deployed = os.environ.get(CODE_VARIABLE)
    if deployed != payload.code:
        raise StaleCodeError(
            f"the code that is deployed ({str(deployed)[:8]}) is not the one of the launch "
            f"({payload.code[:8]}); python {platform.python_version()} there",
            key="engine",
            mend="optbench-modal deploy, or engine.deploy=true",
        )
    with suppress(RuntimeError):  # of files that are open there: then it is shown as it was
        volume.reload()
    place = volume.path / RUNS / payload.run / payload.key
    earlier = _earlier(place / DONE, payload)
    if earlier is not None:
        volume.commit()  # this very container may have written it, when a commit failed
        return earlier
    other = claim.other(f"{payload.run}/{payload.key}/{payload.attempt}")
    if other is not None:
        return Reply(payload.key, payload.attempt, "duplicate", call=other)
    folder = HOME / payload.run / payload.name
    if payload.app is not None:
        folder = Path(payload.app["directory"]) / payload.app["output"]
    else:
        copies.restore(place / OUTPUT, folder)
    _bring(payload.files, volume.path / FILES)
    outcome = _ended(payload, folder, lambda: _save(folder, place, volume.commit))
    copies.rename_in(JobFolder(folder).log, folder, payload.home)
    reply = _reply(payload, outcome)
    with _full_volume_said():
        (place / DONE).parent.mkdir(parents=True, exist_ok=True)
        copies.save(folder, place / OUTPUT)
        copies.write(place / DONE, reply.dumps())
        volume.commit()
    return reply


@contextmanager
def _full_volume_said() -> Iterator[None]:
    """Says of what has no room, under any of its names, that it is the volume.

    Raises:
        ConfigError: When it has none.
    """
    try:
        yield
    except Exception as error:
        full = (
            (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))
            or (isinstance(error, sqlite3.Error) and "is full" in str(error))
            or type(error).__name__ == "ResourceExhaustedError"  # Modal's, of a commit
        )
        if not full:
            raise
        volume = Names.from_environment().volume
        raise ConfigError(**full_volume(volume, str(error))) from error


def _earlier(done: Path, payload: Payload) -> Reply | None:
    """The reply of a call that has ended, where a success or this very attempt is asked for again."""
    try:
        reply = Reply.loads(done.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, WireError):
        return None
    ended = reply.state == "success" or reply.attempt >= payload.attempt
    return reply if ended and reply.state != "interrupted" else None


def _bring(files: dict[str, str], there: Path) -> None:
    """Puts the launching machine's files where its configs say that they are.

    As copies, since the volume cannot be reloaded while a file of it is open.
    """
    for path, digest in files.items():
        place = Path(path).expanduser()
        if place.exists() and file_sha256(place) == digest:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f"{place.name}.{digest[:8]}")
        shutil.copyfile(there / digest, aside)
        aside.replace(place)


def _ended(payload: Payload, folder: Path, save: Callable[[], None]) -> Outcome:
    """Runs the job to its end."""
    backend = _backend(payload.timeout_s)
    job = Job(0, payload.name, folder, identity=payload.key)
    _works[folder] = _work(payload, folder)
    backend.submit(job)
    outcome = Outcome("interrupted")
    saved = time.monotonic()
    with _told_to_end(backend), _ended_with_its_call(backend, save):
        for ended in backend.results():
            if ended is not None:
                outcome = ended[1]
            elif time.monotonic() - saved > payload.commit_s:
                with suppress(Exception):  # the next one may succeed, and the last one is told
                    save()
                saved = time.monotonic()
    return outcome


@contextmanager
def _ended_with_its_call(backend: ProcessBackend, save: Callable[[], None]) -> Iterator[None]:
    """Ends the job's process when the call is taken back.

    Else it would go on beside the next one of its job; what it has paid for so far is kept.
    """
    try:
        yield
    except BaseException:
        _backends.clear()
        backend.close(kill=True)
        with suppress(Exception):
            save()
        raise


_backends: dict[float | None, ProcessBackend] = {}
_works: dict[Path, tuple[Any, ...]] = {}


def _backend(timeout_s: float | None) -> ProcessBackend:
    """Stays with its worker, and so with its imports, for the next job of this container."""
    if timeout_s not in _backends:
        _backends[timeout_s] = ProcessBackend(1, timeout_s, lambda job: _works.pop(job.folder))
    return _backends[timeout_s]


def _work(payload: Payload, folder: Path) -> tuple[Any, ...]:
    if payload.app is not None:
        return _run_app, base64.b64decode(payload.app["blob"]), payload.app["directory"]
    assert payload.task is not None
    task = unpack(payload.task)
    if not task.identity == identity_of(task.plain) == payload.key:
        raise ConfigError(
            "the task has another identity here than where it was composed",
            key="engine",
            mend="files that it names must not change while it runs",
        )
    return worker.run_optbench, task, str(folder), str(HOME / payload.run)


def _run_app(blob: bytes, directory: str) -> bytes:
    """Another app's job, in the directory that the launch has."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    return worker.run_any(blob)


@contextmanager
def _told_to_end(backend: ProcessBackend) -> Iterator[None]:
    """Modal sends SIGINT before it takes a container away: the job saves and ends."""

    def stop(*_: object) -> None:
        _backends.clear()  # it takes nothing further
        backend.interrupt()

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _save(folder: Path, place: Path, commit: Callable[[], Any]) -> None:
    copies.save(folder, place / OUTPUT)
    commit()


def _reply(payload: Payload, outcome: Outcome) -> Reply:
    error = None if outcome.error is None else _told(outcome.error)
    value = outcome.value
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    state = "failed" if outcome.state == "skipped" else outcome.state
    return Reply(payload.key, payload.attempt, state, value, error, outcome.traceback)


def _told(error: BaseException) -> dict[str, Any]:
    told = {"type": type(error).__name__, "message": redacted(str(error))}
    if isinstance(error, OptbenchError) and not isinstance(error, PreflightError):
        return {**told, "message": redacted(error.what), "key": error.key, "mend": error.mend}
    return told


def _traceback(error: BaseException) -> str:
    return redacted("".join(traceback.format_exception(error)))
