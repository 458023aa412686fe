"""A task that is no part of a sweep, on the engine that a sweep would run on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from optbench.layout import JobFolder
from optbench.task import Task, run_task
from optbench_jobs import worker
from optbench_jobs.job import Job, Outcome

from . import _modal_there, _resume
from ._drive import (
    again,
    check,
    ctrl_c,
    has_this_environment,
    is_inprocess,
    is_on_this_machine,
    open_backend,
)
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
    screen = is_on_this_machine(options)
    if not screen and JobFolder(folder).read_result() is not None:
        return run_task(task, folder)  # which says that there is nothing to do
    job = job_of(task, folder, name=folder.name, leaves=not has_this_environment(options))
    if _modal_there.collects(options):
        _modal_there.refuse_unless_there(folder, job)
    outcome = _run(options, job, task, None if screen else folder)
    _resume.note_end(job, outcome)
    if outcome.error is not None:
        raise outcome.failure()
    if outcome.state == "submitted":
        print(_modal_there.how_to_return(1, folder))
        return outcome.value
    if outcome.state in ("interrupted", "cancelled"):
        print(f"to go on: optbench resume={shlex.quote(str(folder))}", file=sys.stderr)
        raise KeyboardInterrupt
    if not screen:  # there it was printed where nobody looks
        _show(folder)
    return outcome.value


def _show(folder: Path) -> None:
    from optbench.summary import show

    result = JobFolder(folder).read_result()
    if result is not None:
        show(result, folder, Console(file=sys.stdout, highlight=False))


def _run(options: dict[str, Any], job: Job, task: Task, shared: Path | None) -> Outcome:
    work = worker.run_optbench, task, str(job.folder), None if shared is None else str(shared)
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
                if outcome.state == "submitted":
                    if signals:
                        raise KeyboardInterrupt
                    continue
                view.ended(job, outcome)
    finally:
        backend.close(kill=sys.exc_info()[0] is not None)
    return outcome
