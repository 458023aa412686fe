"""Many jobs at once: read by threads, and their names put beside their rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from optbench.results.job import Job

T = TypeVar("T")
R = TypeVar("R")
NAMES = ("identity", "dataset", "model", "optimizer")


def each(function: Callable[[T], R], of: Sequence[T]) -> list[R]:
    """A function's value for each, in order, by as many threads as there are cores and two more.

    Decoding leaves the interpreter free, and so does waiting for a slow disk.
    """
    with ThreadPoolExecutor((os.cpu_count() or 1) + 2) as pool:
        return list(pool.map(function, of))


def repeated(jobs: Sequence[Job], lengths: Sequence[int]) -> dict[str, Any]:
    """Identity, dataset, model, optimizer (categoricals) and seed of each job, for each of its rows.

    Args:
        jobs: In the order of their rows.
        lengths: How many rows each has.
    """
    import numpy as np
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in NAMES:
        values = pd.Categorical(pd.array([job.row.get(name) for job in jobs], dtype="str"))
        codes = np.repeat(values.codes, lengths)
        columns[name] = pd.Categorical.from_codes(codes, values.categories)
    seeds = pd.array([job.row.get("seed") for job in jobs], dtype="Int64")
    columns["seed"] = seeds.repeat(lengths)
    return columns
