"""What has changed since the jobs in a sweep folder ran: results of both kinds are no one sweep."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from optbench.data.load import load
from optbench.errors import ConfigError, OptbenchError
from optbench.imports import Allowed
from optbench.layout import JobFolder, read_json
from optbench.task import Task
from optbench.versions import versions
from optbench_jobs.job import Job

from ._prepare import Preparation

log = logging.getLogger(__name__)


def refuse(jobs: Sequence[Job], preparation: Preparation) -> None:
    """Compares what jobs that were begun or finished ran with, and what there is now.

    Args:
        jobs: Those that were.
        preparation: Of the jobs.

    Raises:
        ConfigError: When packages or rows are others.
    """
    recorded = list(_recorded(jobs))
    changed = [*_packages(recorded), *_rows(recorded, preparation)]
    if changed:
        raise ConfigError(
            "jobs in this folder ran with " + "; ".join(changed),
            key="hydra.sweep.dir",
            mend="bring those back, choose a new folder, or go on with "
            "hydra.launcher.resume_anyway=true",
        )


def _recorded(jobs: Sequence[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
    for job in jobs:
        try:
            told = read_json(JobFolder(job.folder).task)
        except OptbenchError as error:
            log.warning("%s", error.what)
            continue
        if told is not None and told.get("identity") == job.identity:
            kept = {key: told.get(key) or {} for key in ("versions", "fingerprints")}
            config = told.get("config") or {}
            kept["rows"] = json.dumps([config.get("dataset"), config.get("test_mode")])
            yield job, kept


def _packages(recorded: Sequence[tuple[Job, dict[str, Any]]]) -> Iterator[str]:
    now = versions()
    changed: dict[str, set[str]] = {}
    for _, told in recorded:
        then = told["versions"]
        for package in sorted({*then, *now}):
            # One that was not there then, or is not there now, a finished job did without.
            if None not in (then.get(package), now.get(package)) and then[package] != now[package]:
                changed.setdefault(package, set()).add(str(then.get(package)))
    if changed:
        yield "other packages: " + ", ".join(
            f"{package} ({'/'.join(sorted(before))} then, {now.get(package)} now)"
            for package, before in changed.items()
        )


def _rows(
    recorded: Sequence[tuple[Job, dict[str, Any]]], preparation: Preparation
) -> Iterator[str]:
    """Datasets whose rows are others now, each read once."""
    now: dict[str, dict[str, str]] = {}
    changed: dict[str, str] = {}
    for job, told in recorded:
        if told["rows"] not in now:
            now[told["rows"]] = _fingerprints(preparation.task(job))
        for name, then in told["fingerprints"].items():
            found = now[told["rows"]].get(name, then)
            if found != then:
                dataset = job.name.partition("/")[0]
                changed[f"{dataset}.{name}"] = f"{then[:6]} then, {found[:6]} now"
    if changed:
        yield "other rows: " + ", ".join(f"{name} ({how})" for name, how in changed.items())


def _fingerprints(task: Task) -> dict[str, str]:
    try:
        config = task.config
        allowed = Allowed.of(config.allow_imports)
        data = load(config.dataset, test_mode=config.test_mode, allowed=allowed)
    except OptbenchError as error:  # the jobs that need it will fail with it
        log.warning("rows cannot be compared: %s", error)
        return {}
    return {part.name: part.fingerprint for part in data}
