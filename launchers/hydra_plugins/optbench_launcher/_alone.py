"""A task that is no part of a sweep, on the engine that a sweep would run on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from optbench.task import Task, run_task

from . import _resume, _worker
from ._drive import (
    again,
    check,
    ctrl_c,
    has_this_environment,
    is_inprocess,
    is_on_this_machine,
    open_backend,
)
from ._jobs import Job, Outcome
from ._prepare import job_of
from ._view import View


def run(options: dict[str, Any], task: Task, folder: Path) -> Any:
    """Runs a task; on this machine what it prints goes to the screen.

    Args:
        options: Of the launcher.
        task: What to run.
        folder: Its folder.

    Returns:
        What :func:`optbench.task.run_task` returns; of another machine the figures that are shown.

    Raises:
        Exception: What the task failed with, or why it did not come to its end.
        KeyboardInterrupt: After Ctrl-C, with everything so far on disk.
    """
    check(options)
    if is_inprocess(options):
        return run_task(task, folder)
    job = job_of(task, folder, name=folder.name, pack=not has_this_environment(options))
    screen = is_on_this_machine(options)
    outcome = _run(options, job, task, None if screen else folder)
    _resume.note_end(job, outcome)
    if outcome.error is not None:
        raise outcome.failure()
    if outcome.state == "submitted":
        return outcome.value
    if outcome.state == "interrupted":
        print(f"to go on: optbench resume={shlex.quote(str(folder))}", file=sys.stderr)
        raise KeyboardInterrupt
    return outcome.value


def _run(options: dict[str, Any], job: Job, task: Task, shared: Path | None) -> Outcome:
    work = _worker.run_optbench, task, str(job.folder), None if shared is None else str(shared)
    backend = open_backend(options, [job], job.folder, lambda _: work)
    backend.submit(job)
    view = View([job] if shared else [], before=0)
    outcome = Outcome("interrupted")
    try:
        with ctrl_c(backend) as signals, view.shown():
            for ended in backend.results():
                view.look(backend.running())
                if ended is None:
                    continue
                outcome = ended[1]
                if again(job, outcome, options):
                    view.say(f"{outcome.error}; tried again")
                    backend.submit(job)
                    continue
                if outcome.state == "submitted" and signals:
                    raise KeyboardInterrupt
                view.ended(job, outcome)
    finally:
        backend.close(kill=sys.exc_info()[0] is not None)
    return outcome
