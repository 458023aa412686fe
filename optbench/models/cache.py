"""Replies that the tasks of a sweep share, so that what all of them ask is paid once.

One SQLite file for the replies; beside it a folder of lock files, one for each call in flight. The
kernel drops a lock when its process dies, so no dead job can hold another up.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from optbench.config.schema import CacheMode
from optbench.errors import ConfigError
from optbench.models.calls import REPLY_COLUMNS, Call

APPLICATION_ID = 0x6F707462
"""``optb``; SQLite keeps it in the file's header for programs to know their own files by."""
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 120.0
POLL_S = 0.02
"""Pause between two looks at a call that another job has in flight."""

_HEADER = b"SQLite format 3\x00"
_FILL = (
    f"INSERT OR IGNORE INTO replies (key, {', '.join(REPLY_COLUMNS)}) "
    f"VALUES (?{', ?' * len(REPLY_COLUMNS)})"
)


class Reply:
    """What the cache knows of a call.

    Attributes:
        found: Values of :class:`optbench.models.calls.Call` by name, None when nobody has paid yet.
    """

    def __init__(self, found: dict[str, object] | None, save: Callable[[Call], None]) -> None:
        self.found = found
        self.save = save
        """Keeps the call that was made instead."""


class SharedCache:
    """A cache file as one task sees it; thread-safe.

    Args:
        path: The file; made when it is not there.
        mode: ``read`` or ``readwrite``.

    Raises:
        ConfigError: When the file is no cache of optbench; it is left as it was.
    """

    def __init__(self, path: Path, mode: CacheMode) -> None:
        self.path = path
        self._writes = mode is CacheMode.readwrite
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._flights = path.with_name(f"{path.name}.flights")
        if not path.exists():
            if not self._writes:
                return  # nothing to read yet
            _create(path)
        check(path)
        with self._naming():
            self._db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
            )
            # A lost last reply after a power cut is one call paid again; half of one cannot be.
            self._db.execute("PRAGMA synchronous=NORMAL")

    @contextmanager
    def claim(self, key: str, wait: Callable[[float], None]) -> Iterator[Reply]:
        """The reply to a call, or the right to make it: of all jobs that ask, one does.

        Args:
            key: See :meth:`optbench.models.requests.Question.key`.
            wait: Pauses for some seconds; may raise to give up.
        """
        found = self.get(key)
        if found is not None or not self._writes:
            yield Reply(found, lambda _: None)
            return
        with self._flight(key, wait):
            # Whoever was in flight before has landed.
            yield Reply(self.get(key), lambda call: self.keep(key, call))

    def get(self, key: str) -> dict[str, object] | None:
        """What was paid for a key, None when nothing was."""
        if self._db is None:
            return None
        with self._naming(), self._lock:
            row = self._db.execute(
                f"SELECT {', '.join(REPLY_COLUMNS)} FROM replies WHERE key = ?", [key]
            ).fetchone()
        return dict(zip(REPLY_COLUMNS, row, strict=True)) if row else None

    def count(self, keys: Iterable[str]) -> int:
        """How many of some keys it holds."""
        return sum(self.get(key) is not None for key in keys)

    def close(self) -> None:
        """Closes the file."""
        if self._db is not None:
            with self._lock:
                self._db.close()
            with suppress(OSError):  # not empty: other jobs are in flight
                self._flights.rmdir()

    def keep(self, key: str, call: Call) -> None:
        """Keeps an answered call, unless one is there already or the cache is only read."""
        if self._db is None or not self._writes:
            return
        with self._naming(), self._lock:
            self._db.execute(_FILL, [key, *(getattr(call, name) for name in REPLY_COLUMNS)])

    @contextmanager
    def _flight(self, key: str, wait: Callable[[float], None]) -> Iterator[None]:
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        lock = FileLock(self._flights / name, thread_local=False)
        while True:
            try:
                self._flights.mkdir(exist_ok=True)  # a job that ended may have removed it
                lock.acquire(blocking=False)
                break
            except FileNotFoundError:
                continue
            except FileExistsError:  # so mkdir says, too, when one removes it while it looks
                if self._flights.is_file():
                    raise
                continue
            except Timeout:
                wait(POLL_S)
        try:
            yield
        finally:
            # Unlinked while it is held: whoever opened it before looks the reply up again anyway.
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _refused(self.path, f"cannot be used: {error}") from error


def _create(path: Path) -> None:
    """Makes the file aside and then names it, so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with closing(sqlite3.connect(aside, isolation_level=None)) as db:
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            db.execute(
                f"CREATE TABLE replies (key TEXT PRIMARY KEY, {', '.join(REPLY_COLUMNS)}) "
                "WITHOUT ROWID"
            )
            db.execute("PRAGMA journal_mode=WAL")
        with suppress(FileExistsError):  # another job was quicker
            os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Looks at the header alone, so that a file which is not ours is not even opened by SQLite.

    Raises:
        ConfigError: When it is no cache of optbench.
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror})") from error
    if len(header) < 100 or not header.startswith(_HEADER):
        raise _refused(path, "is no SQLite file")
    application, version = (int.from_bytes(header[start : start + 4], "big") for start in (68, 60))
    if application != APPLICATION_ID:
        raise _refused(path, "is a SQLite file, but no cache of optbench")
    if version != SCHEMA_VERSION:
        raise _refused(path, f"is of schema {version}, not {SCHEMA_VERSION}")


def _refused(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"'{path}' {why}; it is left as it is",
        key="cache.path",
        mend="name another file, or move that one away",
    )
