"""Many jobs at once: read by threads, and their names put beside their rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from optbench.results.job import Job

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

T = TypeVar("T")
R = TypeVar("R")
NAMES = ("identity", "dataset", "model", "optimizer")


def each(function: Callable[[T], R], of: Sequence[T]) -> list[R]:
    """A function's value for each, in order, by as many threads as there are cores and two more.

    Decoding leaves the interpreter free, and so does waiting for a slow disk.
    """
    with ThreadPoolExecutor((os.cpu_count() or 1) + 2) as pool:
        return list(pool.map(function, of))


def repeated(jobs: Sequence[Job], number: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Identity, dataset, model, optimizer (categoricals) and seed of the job of each row.

    Args:
        jobs: All.
        number: Which of them, by row.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in NAMES:
        values = pd.Categorical(pd.array([job.row.get(name) for job in jobs], dtype="str"))
        columns[name] = values.take(number)
    columns["seed"] = pd.array([job.row.get("seed") for job in jobs], dtype="Int64").take(number)
    return columns


def categorical(column: pa.ChunkedArray) -> pd.Categorical:
    """A column of dictionary-coded text, with the categories that occur."""
    import numpy as np
    import pandas as pd

    whole = column.unify_dictionaries().combine_chunks()
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    names = pd.Index(whole.dictionary.to_pylist(), dtype="str")
    used = np.bincount(codes + 1, minlength=len(names) + 1)[1:] > 0
    if not used.all():  # pandas would sort all rows for it
        renumbered = np.append(np.cumsum(used) - 1, -1)
        codes, names = renumbered[codes], names[used]
    return pd.Categorical.from_codes(codes, names)
