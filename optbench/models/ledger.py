"""The account of every model call: who asked, in which phase, what it took, what came back.

It is the task's memory as well. A task that is started again in its folder is answered from here what
it has been answered before, and pays for the rest.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from optbench.config.redact import redacted
from optbench.errors import ConfigError, OptbenchError
from optbench.models.accounts import Account
from optbench.models.calls import COLUMNS, PHASES, Call, Phase, Role
from optbench.models.requests import Question
from optbench.sqlite import transaction

SCHEMA_VERSION = 2
_TABLES = (
    "task (identity TEXT)",
    # Prompts share most of their messages, so each message is kept once.
    "messages (hash TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID",
    "requests (digest TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID",
    f"calls (id INTEGER PRIMARY KEY, {', '.join(COLUMNS)})",
)
_INSERT = f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES ({', '.join('?' for _ in COLUMNS)})"

Calls = dict[tuple[str, int], list[Call]]
"""Recorded calls by question and occurrence: failed attempts first, the answered one last."""


class Ledger:
    """Thread-safe; each call is in ``calls.sqlite`` before its reply is used.

    Args:
        path: The file; calls that it holds already can be :meth:`recall`-ed.
        identity: Of the task; a file of another task is refused.

    Raises:
        ConfigError: When the file belongs to another task, is of another schema version, or cannot
            be read; it is left as it was.
    """

    def __init__(self, path: Path, identity: str = "") -> None:
        self.used, self.paid = Account(), Account()
        self.recalled = 0
        """How many replies came from an earlier start of this task."""
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._known: set[str] = set()
        self._recorded = read_calls(path, identity) if path.exists() else {}
        for calls in self._recorded.values():
            for call in calls:
                self._pay(call)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        with transaction(self._db):
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            for table in _TABLES:
                self._db.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            if self._db.execute("SELECT count(*) FROM task").fetchone()[0] == 0:
                self._db.execute("INSERT INTO task VALUES (?)", [identity])

    def add(self, question: Question, call: Call) -> None:
        """Writes one call down."""
        values = [getattr(call, name) for name in COLUMNS]
        with self._lock:
            with transaction(self._db):
                if question.digest not in self._known:
                    self._describe(question)
                self._db.execute(_INSERT, values)
            self._known.add(question.digest)
            self._calls.append(call)
            self.used.add(call)
            self._pay(call)

    def recall(self, question: Question, occurrence: int) -> Call | None:
        """The answered call that an earlier start of this task recorded; it counts as used again."""
        key = (question.digest, occurrence)
        with self._lock:
            calls = self._recorded.get(key, [])
            if not calls or not calls[-1].answered:
                return None
            del self._recorded[key]
            self.recalled += 1
            for call in calls:
                self._calls.append(call)
                self.used.add(call)
            return calls[-1]

    def calls(self, phase: Phase | None = None, role: Role | None = None) -> list[Call]:
        """The calls this task has used so far, in the order in which they ended."""
        with self._lock:
            return [
                call
                for call in self._calls
                if phase in (None, call.phase) and role in (None, call.role)
            ]

    def summary(self) -> dict[str, Any]:
        """What was used and what was paid, by phase and role, and in all; for ``result.json``."""
        by_phase: dict[str, Any] = {
            phase: {role: self._both(phase, role) for role in sorted(roles)}
            for phase in PHASES
            if (roles := self.used.roles(phase) | self.paid.roles(phase))
        }
        return {**by_phase, "total": self._both()}

    def close(self) -> None:
        """Folds the write-ahead log into the file and closes it."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()

    def _both(self, phase: Phase | None = None, role: Role | None = None) -> dict[str, Any]:
        return {
            "used": self.used.total(phase, role).to_json(),
            "paid": self.paid.total(phase, role).to_json(),
        }

    def _pay(self, call: Call) -> None:
        if call.source == "model":
            self.paid.add(call)

    def _describe(self, question: Question) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO messages VALUES (?, ?)",
            [(name, redacted(text)) for name, text in question.messages],
        )
        self._db.execute(
            "INSERT OR IGNORE INTO requests VALUES (?, ?)",
            [question.digest, redacted(json.dumps(question.body, default=str))],
        )


def read_calls(path: Path, identity: str) -> Calls:
    """All calls of a ledger's file.

    Raises:
        ConfigError: See :class:`Ledger`.
    """
    try:
        with closing(_opened(path)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version == 0 and tables == 0:
                return {}  # killed before its first line
            if version != SCHEMA_VERSION:
                raise _refused(path, f"is of schema {version}, not {SCHEMA_VERSION}")
            owner = db.execute("SELECT identity FROM task").fetchone()
            if owner and owner[0] != identity:
                raise _refused(path, f"belongs to another task ({owner[0][:6]})")
            rows = db.execute(f"SELECT {', '.join(COLUMNS)} FROM calls ORDER BY id").fetchall()
    except sqlite3.DatabaseError as error:
        raise _refused(path, f"cannot be read: {error}") from error
    calls: Calls = {}
    for row in rows:
        call = Call(*row)
        calls.setdefault((call.request, call.occurrence), []).append(call)
    return calls


def read_bodies(path: Path) -> list[dict[str, Any]]:
    """What was asked in a ledger's file, as :attr:`Question.body`."""
    with closing(_opened(path)) as db:
        return [json.loads(body) for (body,) in db.execute("SELECT body FROM requests")]


def _opened(path: Path) -> sqlite3.Connection:
    """A ledger's file, for reading.

    Where a killed process left a write-ahead log, it is folded in; else nothing is written, not even
    SQLite's own files beside it, so that a recording can lie where nobody may write.
    """
    if path.with_name(f"{path.name}-wal").exists():
        return sqlite3.connect(path)
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _refused(path: Path, why: str) -> OptbenchError:
    return ConfigError(
        f"'{path}' {why}",
        key="hydra.run.dir",
        mend="choose another folder, or move that file away to pay its calls anew",
    )
