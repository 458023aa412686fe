"""What must hold after every round, whatever happened in it."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

COMPARED = ("identity", "scores", "lift", "prompts", "trials", "rollouts", "finish_reason")
_CLEAR = ("WorkerDiedError", "JobTimeoutError")
LEFTOVER = re.compile(r"\.tmp$|-wal$|-shm$|-journal$|\.flights$")


def processes(mark: str) -> list[int]:
    """The processes with a mark in their environment: children, and whoever they left behind."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            environment = (place / "environ").read_bytes()
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in environment and state not in "ZX":
            found.append(int(place.name))
    return found


def workers(mark: str) -> list[int]:
    """Those of :func:`processes` that are not loky's own keeper of semaphores."""
    return [pid for pid in processes(mark) if "resource_tracker" not in _command_line(pid)]


def gone(mark: str, seconds: float = 20.0) -> None:
    """Waits until no process is left; fails with their command lines."""
    until = time.monotonic() + seconds
    while left := processes(mark):
        if time.monotonic() > until:
            said = [_command_line(pid) for pid in left]
            raise AssertionError(f"leaked processes: {said}")
        time.sleep(0.05)


def no_shared_memory(pids: list[int]) -> None:
    """No semaphore and no shared memory of these processes is left."""
    left = [
        file.name
        for file in Path("/dev/shm").iterdir()
        if any(re.search(rf"[-_]{pid}[-_]", file.name) for pid in pids)
    ]
    assert left == []


def results(sweep: Path) -> dict[Path, str]:
    """The digest of each result there is."""
    return {
        file: hashlib.sha256(file.read_bytes()).hexdigest() for file in sweep.rglob("result.json")
    }


def failures(sweep: Path) -> list[str]:
    """What the failed jobs say of themselves.

    Each must be an error that a person can act on: of optbench's own, with a mend, or the launcher's
    on a process that ended.
    """
    found = []
    for file in sweep.rglob("status.json"):
        try:
            error = json.loads(file.read_text())["error"]
        except OSError:
            continue
        if error is not None:
            clear = error["type"] in _CLEAR or "mend:" in error["message"]
            assert clear, f"{file}: {error['traceback'] or error['message']}"
            found.append(f"job failed with {error['type']}")
    return found


def said(job: Path) -> dict[str, Any]:
    """What must be equal in a calm sweep and in a torn one."""
    result = json.loads((job / "result.json").read_text())
    lines = (job / "trials.jsonl").read_text().splitlines()
    trials = [json.loads(line)["scores"] for line in lines]
    return {**{key: result[key] for key in COMPARED}, "scores of trials": trials}


def whole(sweep: Path, calm: dict[str, dict[str, Any]]) -> None:
    """Every job ended well, says what the calm one said, and left nothing behind.

    Args:
        sweep: The folder.
        calm: What the calm jobs said, by identity.
    """
    for file in sweep.rglob("status.json"):
        status = json.loads(file.read_text())
        assert (status["state"], status["error"]) == ("success", None), file
        told = said(file.parent)
        expected = calm[told["identity"]]
        assert told == expected, {
            key: (value, expected[key]) for key, value in told.items() if value != expected[key]
        }
        _paid_once(file.with_name("calls.sqlite"))
    left = [str(file) for file in sweep.rglob("*") if LEFTOVER.search(file.name)]
    assert left == []


def _paid_once(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        paid = db.execute(
            "SELECT request, occurrence FROM calls WHERE source = 'model' AND reply IS NOT NULL"
        ).fetchall()
    assert max(Counter(paid).values(), default=0) <= 1, ledger


def _command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        words = "gone now"
    return f"{pid}: {words[:200]}"
