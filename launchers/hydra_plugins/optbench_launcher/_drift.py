"""What has changed since the jobs in a sweep folder ran: results of both kinds are no one sweep."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from optbench.data.load import load
from optbench.errors import ConfigError, OptbenchError
from optbench.results.layout import JobFolder, read_json
from optbench.task import Task
from optbench.versions import versions

from ._jobs import Job

log = logging.getLogger(__name__)


def refuse(jobs: Sequence[Job]) -> None:
    """Compares what jobs that were begun or finished ran with, and what there is now.

    Raises:
        ConfigError: When packages or rows are others.
    """
    recorded = list(_recorded(jobs))
    changed = [*_packages(recorded), *_rows(recorded)]
    if changed:
        raise ConfigError(
            "jobs in this folder ran with " + "; ".join(changed),
            key="hydra.sweep.dir",
            mend="bring those back, choose a new folder, or go on with "
            "hydra.launcher.resume_anyway=true",
        )


def _recorded(jobs: Sequence[Job]) -> Iterator[tuple[Task, dict[str, Any]]]:
    for job in jobs:
        try:
            told = read_json(JobFolder(job.folder).task)
        except OptbenchError as error:
            log.warning("%s", error.what)
            continue
        if told is not None and job.task is not None:
            yield job.task, told


def _packages(recorded: Sequence[tuple[Task, dict[str, Any]]]) -> Iterator[str]:
    now = versions()
    changed: dict[str, set[str]] = {}
    for _, told in recorded:
        then = told.get("versions") or {}
        for package in sorted({*then, *now}):
            if then.get(package) != now.get(package):
                changed.setdefault(package, set()).add(str(then.get(package)))
    if changed:
        yield "other packages: " + ", ".join(
            f"{package} ({'/'.join(sorted(before))} then, {now.get(package)} now)"
            for package, before in changed.items()
        )


def _rows(recorded: Sequence[tuple[Task, dict[str, Any]]]) -> Iterator[str]:
    """Datasets whose rows are others now, each read once."""
    now: dict[str, dict[str, str]] = {}
    changed: dict[str, str] = {}
    for task, told in recorded:
        config = task.config
        key = json.dumps([task.plain["dataset"], config.test_mode], sort_keys=True, default=str)
        if key not in now:
            now[key] = _fingerprints(task)
        for name, then in (told.get("fingerprints") or {}).items():
            if now[key].get(name, then) != then:
                changed[f"{config.dataset.name}.{name}"] = (
                    f"{then[:6]} then, {now[key][name][:6]} now"
                )
    if changed:
        yield "other rows: " + ", ".join(f"{name} ({how})" for name, how in changed.items())


def _fingerprints(task: Task) -> dict[str, str]:
    try:
        data = load(task.config.dataset, test_mode=task.config.test_mode)
    except OptbenchError as error:  # the jobs that need it will fail with it
        log.warning("rows cannot be compared: %s", error)
        return {}
    return {part.name: part.fingerprint for part in data}
