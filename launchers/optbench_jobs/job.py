"""A job as the parent has it: what is to be done, and what came of it, as plain values."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from optbench.models.llamacpp import Opening
from optbench.preflight.together import Marks
from optbench.wording import printable

LONGEST_LINE = 300
"""Characters of an error on the screen; all of it is in the job's log."""

State = Literal["success", "failed", "interrupted", "skipped", "submitted", "cancelled"]


class RemoteJobError(RuntimeError):
    """Stands for an exception that cannot cross a process boundary, by its name and text."""


class RemoteTraceback(Exception):  # noqa: N818  it is no error of its own
    """A traceback of another process, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class WorkerDiedError(RuntimeError):
    """A job took its whole process with it: ``os._exit``, a crash, or the kernel's OOM killer."""


class JobTimeoutError(RuntimeError):
    """A job took longer than ``hydra.launcher.timeout_s``."""


class NotStartedError(RuntimeError):
    """A job that was given up before it began, since others had failed or Ctrl-C was pressed."""


class JobExitError(RuntimeError):
    """A job tried to end the whole program."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended; crosses process boundaries.

    Attributes:
        state: ``skipped`` where there was nothing to do; ``submitted``: it goes on elsewhere, and
            nobody waits for it here; ``cancelled``: its user took it back from there.
        value: What the task function returned.
        error: Why it failed.
        traceback: The worker's traceback, as text.
    """

    state: State
    value: Any = None
    error: BaseException | None = None
    traceback: str = ""

    def failure(self) -> BaseException:
        """The error, with the worker's traceback as its cause, for whoever asks for it."""
        assert self.error is not None
        if self.traceback:
            self.error.__cause__ = RemoteTraceback(self.traceback)
        return self.error


@dataclass
class Job:
    """One job of a launch; what it is made of is made when it is needed.

    Attributes:
        number: Hydra's ``job.num``.
        name: What a person knows it by.
        folder: Its output folder.
        words: Its overrides; none for a task that stands alone.
        identity: Of its task; None for a job of any other app.
        marks: Of its task, what it has in common with others; None for a job of any other app.
        models: The embedded models that it asks, each with its short name.
        modules: Top-level modules that its config names code of, each with what it names.
        keys: Environment variables that must hold a key where it runs.
        limits: Keys of limits that it keeps together with the other jobs.
        files: Those of this machine that go along with it.
        attempts: How often it was started in this launch.
    """

    number: int
    name: str
    folder: Path
    words: tuple[str, ...] = ()
    identity: str | None = None
    marks: Marks | None = None
    models: tuple[tuple[Opening, str], ...] = ()
    modules: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    attempts: int = 0
    outcome: Outcome | None = None


Payload = Callable[[Job], tuple[Any, ...]]
"""What a worker is to do for a job: a function and its arguments, as plain data."""


def portable(error: BaseException) -> BaseException:
    """The error itself where it survives pickling, which exceptions of HTTP libraries do not."""
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:
        return RemoteJobError(f"{type(error).__name__}: {error}")
    if type(again) is type(error):
        return error
    return RemoteJobError(f"{type(error).__name__}: {error}")


def ordinary(error: BaseException) -> BaseException:
    """An error that ``except Exception`` catches: one that is none would end the launch with its job."""
    if isinstance(error, SystemExit):
        return JobExitError(f"the job called sys.exit({error.code!r})")
    if isinstance(error, Exception | KeyboardInterrupt):
        return error
    return RemoteJobError(f"{type(error).__name__}: {error}")


def first_line(error: BaseException) -> str:
    """What an error says in a line of the screen, with the next one where the first only leads to it.

    Untrusted: cut where it is long, and without what would steer a terminal.
    """
    text = str(error)[: 4 * LONGEST_LINE].strip()
    lines = text.splitlines() or [type(error).__name__]
    said = " ".join(line.strip() for line in lines[: 2 if lines[0].endswith(":") else 1])
    return printable(said, LONGEST_LINE)
