"""What ``status.json`` and ``job.log`` of a job say, both untrusted."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optbench.layout import JobFolder
from optbench.results.read import Document, UnreadableError, read_object

MOST = 200_000
"""Characters of an error that are looked at."""
TAIL_BYTES = 64 * 1024
_MEND = re.compile(r"\n\s*mend: (.*)", re.DOTALL)
_KEY = re.compile(r"([A-Za-z_][\w.\[\]/@-]*): (?=\S)")


@dataclass(frozen=True)
class Failure:
    """Why a job failed.

    Attributes:
        kind: Name of the exception.
        what: Its message, without key and mend.
        key: The config key that it concerns; empty where it names none.
        mend: What to do about it; empty where it does not say.
        traceback: As Python wrote it.
        reason: Of the status, such as ``no proposals``.
    """

    kind: str
    what: str
    key: str
    mend: str
    traceback: str
    reason: str

    @property
    def said(self) -> str:
        """What makes two failures the same."""
        return f"{self.kind}: {self.what}" if self.what else self.kind


def status_of(folder: Path) -> Document | None:
    """A job's status; None where there is none that can be read."""
    file = JobFolder(folder).status
    try:
        return None if file.is_symlink() else Document(read_object(file))
    except UnreadableError:
        return None


def failure_of(folder: Path) -> Failure | None:
    """Why a job failed; None where it does not say.

    Args:
        folder: Of the job.
    """
    status = status_of(folder)
    if status is None or not isinstance(status.at("error"), dict):
        return None
    kind, message, trace = (_text(status, "error", key) for key in ("type", "message", "traceback"))
    mend = _MEND.search(message)
    what = (message[: mend.start()] if mend else message).strip()
    # Only errors of ours begin with the key; of others a colon may stand anywhere.
    key = (
        _KEY.match(what) if mend or kind in ("ConfigError", "DataError", "OptbenchError") else None
    )
    return Failure(
        kind or "error",
        what[key.end() :] if key else what,
        key[1] if key else "",
        mend[1].strip() if mend else "",
        trace,
        _text(status, "reason"),
    )


def log_tail(folder: Path, lines: int) -> list[str]:
    """The last lines of a job's log; none where there is no log of its own.

    Args:
        folder: Of the job.
        lines: How many.
    """
    try:
        handle = os.open(JobFolder(folder).log, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return []
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or lines < 1:
            return []
        file.seek(max(0, found.st_size - TAIL_BYTES))
        text = file.read(TAIL_BYTES).decode("utf-8", "replace")
    return text.splitlines()[-lines:]


def _text(status: Document, *keys: str) -> str:
    found: Any = status.at(*keys)
    return found[:MOST] if isinstance(found, str) else ""
