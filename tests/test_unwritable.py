"""A folder that takes no more writes is said in one clear error, whoever met it first."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from optbench.errors import OptbenchError
from optbench.task import _unwritable


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (sqlite3.OperationalError("database or disk is full"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), "cannot be written to"),
        (
            sqlite3.OperationalError("attempt to write a readonly database"),
            "cannot be written to",
        ),
    ],
)
def test_one_clear_error(error: Exception, said: str) -> None:
    told = _unwritable(error)
    assert isinstance(told, OptbenchError)
    assert said in told.what
    assert told.mend


def test_another_error_stays_itself() -> None:
    error = OSError(errno.EIO, "Input/output error")
    assert _unwritable(error) is error
