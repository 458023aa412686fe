"""Limits that all jobs of a sweep on this machine keep together: calls at once, calls a minute, USD.

Slots are lock files, which the kernel frees when a job dies; the rest is two small tables of SQLite.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from optbench.errors import Fatal, OptbenchError
from optbench.sqlite import transaction

BUSY_TIMEOUT_S = 120.0
CLOCK_SKEW_S = 1.0
"""So far may the clocks of a sweep's hosts be apart, in seconds."""
POLL_S = 0.02
"""Pause between two looks for a free slot."""


@dataclass(frozen=True)
class Rate:
    """What a model's server bears; None is without limit."""

    max_in_flight: int | None = None
    per_minute: float | None = None


class Throttle:
    """The sweep's shared limits as one job sees them; thread-safe.

    Args:
        folder: Shared by the jobs of the sweep; made when the first limit needs it.
        sweep_usd: Upper bound of what all jobs pay together, in USD; None is without limit.
    """

    def __init__(self, folder: Path, *, sweep_usd: float | None = None) -> None:
        self._folder = folder
        self._sweep_usd = sweep_usd
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def slot(self, model: str, rate: Rate, wait: Callable[[float], None]) -> Iterator[None]:
        """One call's right to go out now, kept for as long as the call lasts.

        Args:
            model: Fingerprint of the model; jobs that use the same one share its limits.
            rate: The limits.
            wait: Pauses for some seconds; may raise to give up.

        Raises:
            Fatal: When the sweep's money is spent.
        """
        lock = self._take(model, rate.max_in_flight, wait) if rate.max_in_flight else None
        try:
            if rate.per_minute:
                self._await_pace(model, 60.0 / rate.per_minute, wait)
            self._check_money()
            yield
        finally:
            if lock is not None:
                lock.release()

    def pay(self, usd: float | None) -> None:
        """Books what a call cost.

        Raises:
            Fatal: When there is a cap and the price is not known.
        """
        if self._sweep_usd is None:
            return
        if usd is None:
            raise Fatal(
                OptbenchError(
                    "the model gave a reply whose price is not known",
                    key="budget.sweep_usd",
                    mend="state model.price={input_per_million: ..., output_per_million: ...}",
                )
            )
        with self._lock:
            self._tables().execute("UPDATE money SET usd = usd + ?", [usd])

    def paid(self) -> float:
        """What the sweep has paid so far in USD, as far as it was booked."""
        with self._lock:
            return float(self._tables().execute("SELECT usd FROM money").fetchone()[0])

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    def _check_money(self) -> None:
        if self._sweep_usd is None or (spent := self.paid()) < self._sweep_usd:
            return
        raise Fatal(
            OptbenchError(
                f"the jobs of this sweep have paid {spent:.6g} USD, of {self._sweep_usd:g} allowed",
                key="budget.sweep_usd",
                mend="go on with budget.sweep_usd=<more>: what was paid is not paid again",
            )
        )

    def _take(self, model: str, slots: int, wait: Callable[[float], None]) -> FileLock:
        folder = self._folder / "slots" / model[:16]
        folder.mkdir(parents=True, exist_ok=True)
        first = random.randrange(slots)
        while True:
            for offset in range(slots):
                lock = FileLock(folder / f"{(first + offset) % slots}", thread_local=False)
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    continue
                return lock
            wait(POLL_S)

    def _await_pace(self, model: str, interval_s: float, wait: Callable[[float], None]) -> None:
        """Takes the next free moment of a model, calls evenly spaced.

        Nobody books further ahead than one interval: a later moment was written before the wall clock,
        which is all that the hosts of a sweep have in common, was set back, and means nothing.
        """
        while (left := self._until_free(model, interval_s)) > 0:
            wait(left)

    def _until_free(self, model: str, interval_s: float) -> float:
        """Books a model's moment, if it is now; else the seconds until it may be."""
        with self._lock, transaction(self._tables()) as db:
            now = time.time()  # here: others may have been waited for
            values = {"model": model, "now": now, "interval": interval_s, "skew": CLOCK_SKEW_S}
            booked = db.execute(
                "INSERT INTO pace VALUES (:model, :now + :interval) ON CONFLICT (model) DO UPDATE SET "
                # On from the last moment, so that who comes a little late delays nobody else.
                "free_at = iif(free_at BETWEEN :now - :interval AND :now, free_at, :now) + :interval "
                "WHERE free_at <= :now OR free_at > :now + :interval + :skew RETURNING 1",
                values,
            ).fetchall()
            if booked:
                return 0.0
            (free_at,) = db.execute("SELECT free_at FROM pace WHERE model = ?", [model]).fetchone()
        return max(0.001, float(free_at) - now)

    def _tables(self) -> sqlite3.Connection:
        if self._db is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self._folder / "limits.sqlite",
                timeout=BUSY_TIMEOUT_S,
                check_same_thread=False,
                isolation_level=None,
            )
            self._db.executescript(
                """
                BEGIN IMMEDIATE;
                CREATE TABLE IF NOT EXISTS pace (model TEXT PRIMARY KEY, free_at REAL);
                CREATE TABLE IF NOT EXISTS money (usd REAL);
                INSERT INTO money SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM money);
                COMMIT;
                """
            )
        return self._db
