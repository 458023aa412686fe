"""The account of every model call: who asked, in which phase, what it took, how it ended."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

Phase = Literal["baseline", "optimise", "final"]
PHASES: tuple[Phase, ...] = ("baseline", "optimise", "final")
Role = Literal["task", "optimizer", "judge"]

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Call:
    """One attempt at one model call.

    Attributes:
        phase: Part of the task it belongs to.
        role: ``task`` runs the prompt on an item, ``optimizer`` reasons about prompts, ``judge``
            scores for a metric.
        model: Short name of the model.
        request: sha256 of the full request, 64 hex digits.
        attempt: 1 for the first try of a request.
        outcome: ``ok``; ``invalid`` for a structured reply that does not fit its schema; else the
            kind of failure.
        tokens_in: Tokens of the request, ``tokens_cached`` of them from a prompt cache.
        tokens_out: Tokens of the reply.
        cost_usd: None where no price is known.
        latency_s: Wall time in seconds.
        error: What failed, None when nothing did.
    """

    phase: Phase
    role: Role
    model: str
    request: str
    attempt: int
    outcome: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float | None
    latency_s: float
    error: str | None = None


_COLUMNS = tuple(field.name for field in fields(Call))


class Ledger:
    """Thread-safe; each call is in ``calls.sqlite`` before its reply is used."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        self._db.execute(
            f"CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY, {', '.join(_COLUMNS)})"
        )
        # A task that starts again in its folder starts its account again.
        self._db.execute("DELETE FROM calls")

    def add(self, call: Call) -> None:
        """Writes one call down."""
        values = asdict(call)
        marks = ", ".join("?" for _ in _COLUMNS)
        with self._lock:
            self._calls.append(call)
            self._db.execute(
                f"INSERT INTO calls ({', '.join(_COLUMNS)}) VALUES ({marks})",
                [values[name] for name in _COLUMNS],
            )

    def calls(self, phase: Phase | None = None, role: Role | None = None) -> list[Call]:
        """The calls so far, in the order in which they ended."""
        with self._lock:
            return [
                call
                for call in self._calls
                if phase in (None, call.phase) and role in (None, call.role)
            ]

    def summary(self) -> dict[str, Any]:
        """Totals by phase and role, and over all; plain data for ``result.json``."""
        grouped: dict[Phase, dict[Role, list[Call]]] = defaultdict(lambda: defaultdict(list))
        for call in self.calls():
            grouped[call.phase][call.role].append(call)
        by_phase: dict[str, Any] = {
            phase: {role: totals(grouped[phase][role]) for role in sorted(grouped[phase])}
            for phase in PHASES
            if phase in grouped
        }
        return {**by_phase, "total": totals(self.calls())}

    def close(self) -> None:
        """Folds the write-ahead log into the file and closes it."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()


def totals(calls: list[Call]) -> dict[str, Any]:
    """Sums over calls.

    ``cost_usd`` is the sum of the known prices, None when none is known; ``unpriced_calls`` says how
    many are missing from it, so that unknown never reads as free.
    """
    answered = [call for call in calls if call.outcome in ("ok", "invalid")]
    priced = [call.cost_usd for call in answered if call.cost_usd is not None]
    return {
        "calls": len(calls),
        "failed": len(calls) - len(answered),
        "invalid": sum(call.outcome == "invalid" for call in calls),
        "tokens_in": sum(call.tokens_in for call in calls),
        "tokens_out": sum(call.tokens_out for call in calls),
        "tokens_cached": sum(call.tokens_cached for call in calls),
        "cost_usd": round(sum(priced), 9) if priced or not answered else None,
        "unpriced_calls": len(answered) - len(priced),
    }
