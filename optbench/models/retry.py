"""When a failed model call is tried again, and after which pause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tenacity

from optbench.chat import ModelCallError

TRANSIENT = frozenset({"rate_limit", "timeout", "connection", "server"})
"""Failures that another attempt may mend."""
FIRST_WAIT_S = 0.5
"""Scale of the exponential pause: the first is at most this long, each further one twice as long."""
MAX_WAIT_S = 60.0
"""Longest pause that is not the server's own wish, in seconds."""
SPREAD = 0.1
"""Share by which a pause the server asked for is lengthened at random, so that jobs do not return
all at once."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and for how long.

    Attributes:
        retries: Further attempts after a transient failure.
        for_s: No attempt begins later than this after the first, in seconds.
    """

    retries: int
    for_s: float

    def attempts(self, wait: Callable[[float], None]) -> tenacity.Retrying:
        """The attempts at one call; the last failure comes through as it is.

        Args:
            wait: Pauses for some seconds; may raise to give up.
        """
        return tenacity.Retrying(
            stop=tenacity.stop_after_attempt(1 + self.retries)
            | tenacity.stop_before_delay(self.for_s),
            wait=_pause,
            retry=tenacity.retry_if_exception(_is_transient),
            sleep=wait,
            reraise=True,
        )


_backoff = tenacity.wait_random_exponential(multiplier=FIRST_WAIT_S, max=MAX_WAIT_S)
_spread = tenacity.wait_random(0.0, SPREAD)


def _pause(state: tenacity.RetryCallState) -> float:
    """What the server asked for, else an exponential pause with full jitter, in seconds."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, ModelCallError) else None
    if asked is None:
        return float(_backoff(state))
    return asked * (1.0 + float(_spread(state)))


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, ModelCallError) and error.kind in TRANSIENT
