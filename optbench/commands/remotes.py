"""Runs that are elsewhere, asked for by whoever knows the place.

A package that takes jobs elsewhere names a module in the entry point group ``optbench.remotes``. It has
two functions: ``describe(folder, ask)`` gives lines about what of a sweep is there still, without a
network unless ``ask``; ``collect(folder)`` brings home what has ended, and gives lines about that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from .sweeps import Sweep
from .text import visible

GROUP = "optbench.remotes"


def lines(folder: Path, *, ask: bool = False) -> list[str]:
    """What is to be said of a sweep's jobs that are elsewhere; nothing where none are.

    Args:
        folder: Of the sweep.
        ask: Ask there how they are; else only what is known here is told.
    """
    told: list[str] = []
    for name, remote in _remotes():
        try:
            told += remote.describe(folder, ask)
        except Exception as error:  # whoever it is: a view must not end by it
            told.append(f"{name}: {type(error).__name__}: {visible(error, 200)}")
    return told


def collect(sweeps: Sequence[Sweep]) -> None:
    """Brings home what has ended.

    Raises:
        OptbenchError: What the remote says.
    """
    for sweep in sweeps:
        for _, remote in _remotes():
            for line in remote.collect(sweep.folder):
                print(visible(line), file=sys.stderr)


@cache
def _loaded() -> tuple[tuple[str, Any], ...]:
    return tuple((one.name, one.load()) for one in entry_points(group=GROUP))


def _remotes() -> Iterator[tuple[str, Any]]:
    yield from _loaded()
