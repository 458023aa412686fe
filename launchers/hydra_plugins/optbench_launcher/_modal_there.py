"""What of a sweep is at Modal, as its journal tells; without Modal's client."""

from __future__ import annotations

import logging
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optbench.errors import ConfigError
from optbench.layout import SharedFolder
from optbench.wording import counted
from optbench_jobs.job import Job, Outcome
from optbench_modal.journal import Journal

log = logging.getLogger(__name__)


def collects(options: Mapping[str, Any]) -> bool:
    """Whether a launch only brings home what is there, as ``optbench-modal collect`` asks it to."""
    return bool((options.get("modal") or {}).get("collect"))


def key_of(job: Job) -> str:
    """What a job goes by in the journal and on the volume."""
    return job.identity or f"job-{job.number}"


def left_there(sweep: Path, jobs: Sequence[Job]) -> list[Job]:
    """The jobs that Modal may be at work on; every other one is left out, which is said.

    Args:
        sweep: The sweep's folder.
        jobs: Those without a result.
    """
    journal = Journal(SharedFolder(sweep).modal)
    there = {entry.key for entry in journal.open()}
    others = [job for job in jobs if key_of(job) not in there]
    if others:
        how = Counter(_why(journal, job) for job in others)
        log.warning(
            "%s not at Modal (%s), and not run by collecting: optbench resume=%s runs %s",
            f"{counted(len(others), 'job')} {'is' if len(others) == 1 else 'are'}",
            ", ".join(f"{count} {why}" for why, count in sorted(how.items())),
            shlex.quote(str(sweep)),
            "it" if len(others) == 1 else "them",
        )
    for job in others:
        job.outcome = Outcome("skipped")
    return [job for job in jobs if key_of(job) in there]


def refuse_unless_there(folder: Path, job: Job) -> None:
    """The same for a task that stands alone.

    Raises:
        ConfigError: When it is not there.
    """
    journal = Journal(SharedFolder(folder).modal)
    if key_of(job) in {entry.key for entry in journal.open()}:
        return
    raise ConfigError(
        f"the job of '{folder}' is not at Modal ({_why(journal, job)}), and collecting runs none",
        key="RUN",
        mend=f"optbench resume={shlex.quote(str(folder))}",
    )


def how_to_return(there: int, folder: Path) -> str:
    """What is said by a launch that leaves.

    Args:
        there: How many jobs it leaves at Modal.
        folder: The sweep's, or that of the one job.
    """
    where = shlex.quote(str(folder))
    return (
        f"{counted(there, 'job')} {'goes' if there == 1 else 'go'} on at Modal; bring the results "
        f"home: optbench-modal collect {where}; or end them: optbench-modal cancel {where}"
    )


def _why(journal: Journal, job: Job) -> str:
    entry = journal.entries.get(key_of(job))
    if entry is None:
        return "never handed over"
    return "cancelled" if entry.state == "cancelled" else str(entry.result or "ended")
