"""Ctrl-C and its like: a task ends with its files written."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType


@contextlib.contextmanager
def ending_well(cancelled: threading.Event, signals: Sequence[int]) -> Iterator[None]:
    """Signals end the task with its files written: rollouts stop, then it unwinds.

    Args:
        cancelled: Set when one comes.
        signals: Which; outside the main thread none can be taken.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        cancelled.set()
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
