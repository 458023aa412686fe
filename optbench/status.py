"""``status.json``: what a person, or another process, sees of a task from outside."""

from __future__ import annotations

import contextlib
import os
import platform
import time
import traceback
from typing import Any

from optbench.errors import NoProposalsError, OptbenchError
from optbench.layout import JobFolder, read_json, write_json


class Status:
    """``status.json``: what a person, or another process, sees of a task from outside."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._started = time.time()
        self._phase: str | None = None
        self._phase_began = self._started
        self._progress: dict[str, Any] = {}
        self._previous = self._earlier_error()

    def enter(self, phase: str, progress: dict[str, Any]) -> None:
        """A phase begins."""
        self._phase, self._phase_began = phase, time.time()
        self.beat(progress)

    def beat(self, progress: dict[str, Any]) -> None:
        """A sign of life, with how far the task is."""
        self._progress = progress
        self.write("running")

    def write(self, state: str, error: BaseException | None = None) -> None:
        """Replaces the file.

        Args:
            state: ``running``, ``success``, ``failed`` or ``interrupted``.
            error: Why it failed.
        """
        trace = None if error is None else "".join(traceback.format_exception(error))
        _write(
            self._folder,
            {
                "state": state,
                "reason": _reason(error),
                "phase": self._phase,
                "pid": os.getpid(),
                "host": platform.node(),
                "started_at": self._started,
                "phase_began_at": self._phase_began,
                "written_at": time.time(),
                "error": _told(error, trace),
                # Kept until an attempt succeeds.
                "previous_error": None if state == "success" else self._previous,
                "progress": self._progress,
            },
        )

    def _earlier_error(self) -> Any:
        """What a former attempt failed with."""
        before = _read(self._folder)
        return before.get("error") or before.get("previous_error")


def amend(
    folder: JobFolder, state: str, error: BaseException | None = None, trace: str | None = None
) -> None:
    """Says how a job has ended that could not do so itself; the rest of its status stays.

    Args:
        folder: The job's; no process is at work in it.
        state: ``success``, ``failed`` or ``interrupted``.
        error: Why it failed.
        trace: The traceback that came with it, from another process.
    """
    kept = _read(folder)
    kept.pop("schema_version", None)
    told = {"state": state, "reason": _reason(error), "error": _told(error, trace)}
    _write(folder, {**kept, **told, **({"previous_error": None} if state == "success" else {})})


def _write(folder: JobFolder, told: dict[str, Any]) -> None:
    # A full disk must not hide the error that is being reported.
    with contextlib.suppress(OSError):
        write_json(folder.status, told)


def _read(folder: JobFolder) -> dict[str, Any]:
    try:
        return read_json(folder.status) or {}
    except OptbenchError:
        return {}  # a file that nobody can read says nothing


def _told(error: BaseException | None, trace: str | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"type": type(error).__name__, "message": str(error), "traceback": trace}


def _reason(error: BaseException | None) -> str | None:
    if isinstance(error, NoProposalsError):
        return "no proposals"
    return type(error).__name__ if error else None
