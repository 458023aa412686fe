"""How much scores vary over seeds, over items, and beyond both.

Runs (seeds) and items are crossed: each run answers every item. The two-way random-effects model
without replication is ``y = mean + seed + item + residual`` (Searle, Casella and McCulloch, Variance
Components, 1992, ch. 4). The same design is known from readers x cases studies; as there (Hillis, Stat.
Med. 33, 2014), degrees of freedom come from Satterthwaite's approximation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .table import Matrix


@dataclass(frozen=True)
class Spread:
    """The noise of a mean over S seeds and I items.

    Attributes:
        se: Standard error of the mean, for other seeds and other items; NaN where it cannot be told.
        df: Degrees of freedom of ``se``, for intervals.
        df_tail: Those for small probabilities: of the seeds alone, where there are several.
            Satterthwaite's are estimated, and where the seeds differ little by luck they are far too
            many: with five names of one optimizer, three seeds and Holm's correction 27 % of sweeps
            then had a false winner in simulations. What they cover at 95 % is right all the same.
        seed_sd: Standard deviation between seeds; NaN with one seed.
        item_sd: Between items; NaN with one item.
        residual_sd: What neither explains; NaN with one seed or one item.
    """

    se: float
    df: float
    df_tail: float
    seed_sd: float
    item_sd: float
    residual_sd: float


def spread(scores: Matrix) -> Spread:
    """Of the mean of a matrix, seeds x items.

    With one seed the error is that of the items alone, with one item that of the seeds alone.
    """
    seeds, items = scores.shape
    nan = math.nan
    if seeds == 1 and items == 1:
        return Spread(nan, nan, nan, nan, nan, nan)
    if seeds == 1 or items == 1:
        n = seeds * items
        sd = float(scores.std(ddof=1))
        by = (sd, nan) if items == 1 else (nan, sd)
        return Spread(sd / math.sqrt(n), n - 1, n - 1, *by, nan)
    mean, of_seed, of_item = scores.mean(), scores.mean(axis=1), scores.mean(axis=0)
    ms_seed = items * float(((of_seed - mean) ** 2).sum()) / (seeds - 1)
    ms_item = seeds * float(((of_item - mean) ** 2).sum()) / (items - 1)
    left = scores - of_seed[:, None] - of_item[None, :] + mean
    ms_left = float((left**2).sum()) / ((seeds - 1) * (items - 1))
    var_seed = max(0.0, (ms_seed - ms_left) / items)
    var_item = max(0.0, (ms_item - ms_left) / seeds)
    # A component that comes out below zero is no reason to believe in less noise than was seen.
    squares = max(ms_seed + ms_item - ms_left, ms_seed, ms_item)
    n = seeds * items
    weights = (
        ((ms_seed, seeds - 1), (ms_item, items - 1), (ms_left, (seeds - 1) * (items - 1)))
        if squares == ms_seed + ms_item - ms_left
        else ((squares, seeds - 1 if squares == ms_seed else items - 1),)
    )
    below = sum(one**2 / df for one, df in weights)
    return Spread(
        math.sqrt(squares / n),
        squares**2 / below if below else nan,
        seeds - 1,
        math.sqrt(var_seed),
        math.sqrt(var_item),
        math.sqrt(ms_left),
    )
