"""A task that is no part of a sweep, on the engine that a sweep would run on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from optbench.task import Task, run_task

from . import _resume, _worker
from ._drive import again, ctrl_c, is_inprocess, open_backend
from ._jobs import Job, Outcome


def run(options: dict[str, Any], task: Task, folder: Path) -> Any:
    """Runs a task; what it prints goes to the screen.

    Args:
        options: Of the launcher.
        task: What to run.
        folder: Its folder.

    Returns:
        What :func:`optbench.task.run_task` returns.

    Raises:
        Exception: What the task failed with, or why it did not come to its end.
        KeyboardInterrupt: After Ctrl-C, with everything so far on disk.
    """
    if is_inprocess(options):
        return run_task(task, folder)
    job = Job(0, folder.name, folder, task=task)
    outcome = _run(options, job)
    _resume.note_end(job, outcome)
    if outcome.error is not None:
        raise outcome.failure()
    if outcome.state == "interrupted":
        print(f"to go on: optbench resume={shlex.quote(str(folder))}", file=sys.stderr)
        raise KeyboardInterrupt
    return outcome.value


def _run(options: dict[str, Any], job: Job) -> Outcome:
    backend = open_backend(options, [job], job.folder)
    arguments = (_worker.run_optbench, job.task, str(job.folder), None)
    backend.submit(job, *arguments)
    outcome = Outcome("interrupted")
    try:
        with ctrl_c(backend):
            for ended in backend.results():
                if ended is None:
                    continue
                outcome = ended[1]
                if again(job, outcome, options):
                    print(f"{outcome.error}; tried again", file=sys.stderr)
                    backend.submit(job, *arguments)
    finally:
        backend.close(kill=sys.exc_info()[0] is not None)
    return outcome
