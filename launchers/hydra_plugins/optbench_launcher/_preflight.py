"""A look at all tasks of a launch before the first of its jobs starts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

from optbench import environment
from optbench.errors import OptbenchError
from optbench.preflight import PreflightError
from optbench.preflight.together import Spoiled, TasksError, look
from optbench_jobs.job import Job

from . import _modal_there, _resume
from ._drive import has_this_environment
from ._forks import on_all_cores
from ._prepare import Preparation

if TYPE_CHECKING:
    from optbench.plan import Expected

    from .launcher import OptbenchLauncher

log = logging.getLogger(__name__)

OTHERWISE = "hydra.launcher.preflight=false"

Groups = Mapping[str, Mapping[str, Sequence[Job]]]
"""Jobs with the same inputs, and of these those that differ in their seed alone."""


def refuse(launcher: OptbenchLauncher, preparation: Preparation, jobs: Sequence[Job]) -> None:
    """Stops a launch in which a task could not work; a plan does so by itself.

    Args:
        launcher: Hydra's view of the launch.
        preparation: Of its jobs.
        jobs: All of them.

    Raises:
        TasksError: With everything that is wrong with any of those that are to run.
    """
    options = launcher.options
    if not options.get("preflight", True) or launcher.config.get("plan") is True:
        return
    if _modal_there.collects(options):  # starts nothing
        return
    only_failed = bool(options.get("only_failed"))
    left = {
        job.identity: job for job in reversed(jobs) if _resume.is_left(job, only_failed=only_failed)
    }
    left.pop(None, None)  # of another app
    starting = has_this_environment(options)

    def looked(group: Sequence[Job]) -> list[list[OptbenchError]]:
        environment.quiet()
        return look([preparation.task(job).config for job in group], starting=starting)

    grouped = _grouped(list(reversed(left.values())))
    found = _each(looked, [[some[0] for some in group.values()] for group in grouped.values()])
    spoiled = [
        Spoiled(_title(some[0], launcher.places), len(some), problems)
        for group, told in zip(grouped.values(), found, strict=True)
        for some, problems in zip(group.values(), told, strict=True)
        if problems
    ]
    if spoiled:
        raise TasksError(spoiled, len(left), OTHERWISE)


def planned(
    jobs: Sequence[Job], preparation: Preparation, sweep: Path, places: Sequence[str]
) -> list[Expected]:
    """What each task is expected to take.

    Args:
        jobs: Each task once.
        preparation: Of the jobs.
        sweep: The sweep's folder.
        places: Where the jobs of the launch stand in a manifest.

    Raises:
        TasksError: With everything that is wrong with any of them.
    """
    from optbench.plan import Planner

    planner = Planner()
    expected: dict[int, Expected] = {}
    spoiled: list[Spoiled] = []
    # Those with one dataset after one another: its rows are read once, and kept until then.
    for job in (
        job for group in _grouped(jobs).values() for some in group.values() for job in some
    ):
        try:
            expected[job.number] = planner.expect(preparation.task(job), job.folder, sweep)
        except PreflightError as error:
            spoiled.append(Spoiled(_title(job, places), 1, error.problems))
    if spoiled:
        raise TasksError(spoiled, len(jobs))
    return [expected[job.number] for job in jobs]


def _grouped(jobs: Sequence[Job]) -> Groups:
    grouped: dict[str, dict[str, list[Job]]] = {}
    for job in jobs:
        assert job.marks is not None
        inputs, settings = job.marks
        grouped.setdefault(inputs, {}).setdefault(settings, []).append(job)
    return grouped


def _each(
    looked: Callable[[Sequence[Job]], list[list[OptbenchError]]], groups: Sequence[Sequence[Job]]
) -> list[list[list[OptbenchError]]]:
    """Looks at groups in processes of their own: rows and libraries are gone with these, and code of
    the user's that takes its process with it harms no launch.
    """
    try:
        found = on_all_cores(looked, groups, worth=1)
    except BrokenProcessPool:
        log.warning(
            "preflight: a process died while it read the datasets; each job looks for itself"
        )
        return [[[] for _ in group] for group in groups]
    return [
        looked(group) if told is None else told for group, told in zip(groups, found, strict=True)
    ]


def _title(job: Job, places: Sequence[str]) -> str:
    place = places[job.number] if job.number < len(places) else ""
    return f"{place} ({job.name})" if place else job.name
