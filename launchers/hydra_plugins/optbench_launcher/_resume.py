"""What a sweep folder holds already, and so what is left to do in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from optbench.errors import OptbenchError
from optbench.layout import JobFolder, SharedFolder, read_json, refuse_links
from optbench.locks import alone
from optbench.results.brief import brief
from optbench.status import amend
from optbench_jobs.job import Job, Outcome

from . import _drift
from ._prepare import Preparation

log = logging.getLogger(__name__)


@contextmanager
def locked(sweep: Path) -> Iterator[None]:
    """Holds a sweep folder for this launch; the kernel frees it, however the process ends.

    Raises:
        ConfigError: When another launch is at work in it.
    """
    file = SharedFolder(sweep).lock
    file.parent.mkdir(parents=True, exist_ok=True)
    with alone(file, doing=f"running the sweep in '{sweep}'", key="hydra.sweep.dir"):
        yield


def to_do(
    jobs: Sequence[Job], preparation: Preparation, sweep: Path, *, only_failed: bool, anyway: bool
) -> list[Job]:
    """The jobs that have to run; every other one gets its outcome here.

    Args:
        jobs: All of the launch.
        preparation: Of the jobs.
        sweep: Their folder.
        only_failed: Leave out those that were never begun or are unfinished, too.
        anyway: Go on although packages or data have changed.

    Raises:
        ConfigError: When finished or begun jobs ran with other packages, or on other rows, or when a
            job's files would land outside of the sweep.
    """
    left: list[Job] = []
    begun: list[Job] = []
    for job in distinct(jobs):
        if job.identity is None:
            left.append(job)  # of another app: nothing is known of what its files mean
            continue
        refuse_links(job.folder, below=sweep)
        folder = JobFolder(job.folder)
        if folder.task.exists():
            begun.append(job)
        result = _result(folder)
        if result is not None and result.get("identity") == job.identity:
            job.outcome = Outcome("skipped", brief(result))
            _mark_done(folder)
        elif only_failed and _state(folder) != "failed":
            job.outcome = Outcome("skipped")
        else:
            left.append(job)
    if begun and not anyway:
        _drift.refuse(begun, preparation)
    return left


def is_left(job: Job, *, only_failed: bool) -> bool:
    """Whether a job has to run, as far as a look at its folder tells; see :func:`to_do`."""
    folder = JobFolder(job.folder)
    return not folder.result.exists() and (not only_failed or _state(folder) == "failed")


def distinct(jobs: Sequence[Job]) -> list[Job]:
    """Each task once; a job that repeats an earlier one is skipped, which is said."""
    first: dict[str, Job] = {}
    kept: list[Job] = []
    for job in jobs:
        twin = job if job.identity is None else first.setdefault(job.identity, job)
        if twin is job:
            kept.append(job)
            continue
        log.warning("#%d is the same task as #%d: dropped", job.number, twin.number)
        job.outcome = Outcome("skipped")
    return kept


def counted(jobs: Sequence[Job], left: Sequence[Job]) -> str:
    """What is said of a launch that has not everything to do."""
    done = sum(isinstance(job.outcome, Outcome) and job.outcome.value is not None for job in jobs)
    others = len(jobs) - len(left) - done
    parts = [f"{done} done before"] if done else []
    parts += [f"{others} left out"] if others else []
    return f": {', '.join(parts)}, {len(left)} to do" if parts else ""


def note_end(job: Job, outcome: Outcome) -> None:
    """Writes down the end of a job that could not do so itself: it died, or was killed."""
    folder = JobFolder(job.folder)
    status = _status(folder)
    if outcome.state == "success" or status.get("state") in ("failed", "success", outcome.state):
        return
    error = outcome.error
    with suppress(OSError):  # of a full disk, say: the other jobs go on
        folder.create()
        state = "failed" if outcome.state == "failed" else "interrupted"
        amend(folder, state, error, outcome.traceback)
        if error is not None:
            with folder.log.open("a", encoding="utf-8") as file:
                file.write(f"{type(error).__name__}: {error}\n")


def _mark_done(folder: JobFolder) -> None:
    """A job may have been killed between its result, which counts, and the last word of its status."""
    folder.sweep_up()
    if _state(folder) not in (None, "success"):
        amend(folder, "success")


def _result(folder: JobFolder) -> dict[str, Any] | None:
    try:
        return folder.read_result()
    except OptbenchError as error:
        log.warning("%s", error.what)  # the job will fail with it, and the others run
        return None


def _status(folder: JobFolder) -> dict[str, Any]:
    try:
        return read_json(folder.status) or {}
    except OptbenchError as error:
        log.warning("%s", error.what)
        return {}


def _state(folder: JobFolder) -> str | None:
    return _status(folder).get("state")
