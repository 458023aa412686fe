"""The same for many things on all cores, by processes that know all that this one does."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from optbench.models.hardware import cores
from optbench_jobs.worker import end_with

T = TypeVar("T")
R = TypeVar("R")


def on_all_cores(make: Callable[[T], R], items: Sequence[T], *, worth: int) -> list[R | None]:
    """What ``make`` makes of each item; None where it raised, or where no process was forked for it.

    So a caller does by itself what is None, and meets the error in its own process.

    Args:
        make: A function of this process, which need not be picklable; what it makes must be.
        items: Picklable too.
        worth: Fewer items than these are not worth the start of processes.
    """
    # Forked, a process has all that Hydra knows here; threads there are none yet.
    if len(items) < worth or sys.platform != "linux" or threading.active_count() > 1:
        return [None] * len(items)
    context = multiprocessing.get_context("fork")
    size = -(-len(items) // (4 * cores()))
    with ProcessPoolExecutor(cores(), context, _begin, (make, os.getpid())) as pool:
        try:
            return list(pool.map(_made, items, chunksize=size))
        except KeyboardInterrupt:  # else the pool would wait for what is under way
            # Its thread (Python 3.11) tells futures that are cancelled of the dead processes, and fails.
            threading.excepthook = lambda _: None
            for child in multiprocessing.active_children():
                child.terminate()
            raise


_make: Callable[[Any], Any] | None = None
"""In a forked process: what it does."""


def _begin(make: Callable[[Any], Any], parent: int) -> None:
    global _make
    _make = make
    end_with(parent)  # it waits for work in a pipe of which it holds both ends itself


def _made(item: Any) -> Any:
    assert _make is not None
    try:
        return _make(item)
    except Exception:
        return None
