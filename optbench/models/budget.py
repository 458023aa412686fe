"""What the optimise phase may spend, enforced where calls and rollouts are made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from optbench.errors import BudgetExhausted
from optbench.models.accounts import Spent


@dataclass(frozen=True)
class Limits:
    """Upper bounds of the optimise phase; None is without limit. See ``BudgetConf``."""

    rollouts: int | None = None
    llm_calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None


class Meter:
    """Counts the optimise phase against its limits; thread-safe.

    Rollouts and calls are counted when they begin, so they are never exceeded; tokens, USD and
    seconds are known afterwards, so what is in flight when they are reached still completes. Once a
    limit is hit every further request is refused, also to an optimizer that swallows the refusal.

    Args:
        limits: The bounds.
        spent: What the phase has used so far.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        limits: Limits,
        spent: Callable[[], Spent],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.exhausted: str | None = None
        """The key of the limit that was hit, None before."""
        self.rollouts = 0
        self._spent = spent
        self._calls = 0
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()

    def start(self) -> None:
        """The phase begins now."""
        self._began = self._clock()

    def elapsed(self) -> float:
        """Seconds of the phase."""
        return self._clock() - self._began

    def advance(self, at_s: float) -> None:
        """Sets the clock on to at least ``at_s`` seconds, which an earlier start of the task took."""
        with self._lock:
            self._began = min(self._began, self._clock() - at_s)

    def time_left(self) -> float:
        """Seconds until the phase's limit; infinite without one."""
        limit = self.limits.seconds
        return float("inf") if limit is None else limit - self.elapsed()

    def out_of_time(self) -> BudgetExhausted:
        """What is raised where the limit is reached while nothing is in flight."""
        with self._lock:
            self.exhausted = self.exhausted or "seconds"
            return BudgetExhausted(self.exhausted)

    def begin_rollout(self) -> None:
        """Asks for one rollout.

        Raises:
            BudgetExhausted: When a limit is reached.
        """
        with self._lock:
            self._check({"rollouts": self.rollouts})
            self.rollouts += 1

    def begin_call(self) -> None:
        """Asks for one call, which counts until :meth:`forgive`.

        Raises:
            BudgetExhausted: When a limit is reached.
        """
        with self._lock:
            self._check({"llm_calls": self._calls})
            self._calls += 1

    def forgive(self) -> None:
        """A call brought no reply: a busy server is not the optimizer's spending."""
        with self._lock:
            self._calls -= 1

    def share(self) -> float:
        """How much of the limit that is nearest has been used, 0 to 1; 0 without limits."""
        with self._lock:
            used = self._used({"rollouts": self.rollouts, "llm_calls": self._calls})
        limits = ((value, getattr(self.limits, name)) for name, value in used.items())
        return min(1.0, max((value / limit for value, limit in limits if limit), default=0.0))

    def _used(self, counted: dict[str, int]) -> dict[str, float]:
        spent = self._spent()
        return {
            **counted,
            "tokens": spent.tokens,
            "usd": spent.known_usd,
            "seconds": self.elapsed(),
        }

    def _check(self, counted: dict[str, int]) -> None:
        if self.exhausted is None:
            reached = self._used(counted)
            self.exhausted = next(
                (
                    name
                    for name, value in reached.items()
                    if (limit := getattr(self.limits, name)) is not None and value >= limit
                ),
                None,
            )
        if self.exhausted is not None:
            raise BudgetExhausted(self.exhausted)
