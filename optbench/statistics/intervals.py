"""Intervals of means over seeds and items."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .noise import Spread, spread
from .table import Matrix

RESAMPLES = 2_000
"""Enough for the shape of a distribution whose width comes from elsewhere."""
BOOTSTRAP = "bootstrap over seeds x items"
ITEMS_ALONE = "bootstrap over items"
SEEDS_ALONE = "bootstrap over seeds"
BOUND = "exact bound, no spread"
NONE = "none"
ONE_SEED = "one seed: says nothing about another run of the optimizer"


@dataclass(frozen=True)
class Interval:
    """A mean, and where it may be.

    Attributes:
        mean: Of all scores.
        low: Lower end; NaN where it cannot be told.
        high: Upper end.
        p_positive: Confidence, 0 to 1, that the mean of other seeds and items is above zero.
        n_seeds: S.
        n_items: I.
        spread: Its noise.
        method: How the ends were found.
        note: What a reader must know; empty mostly.
    """

    mean: float
    low: float
    high: float
    p_positive: float
    n_seeds: int
    n_items: int
    spread: Spread
    method: str
    note: str


def interval(
    scores: Matrix,
    *,
    alpha: float = 0.05,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Interval:
    """The mean of a matrix, seeds x items, with an interval for other seeds and other items.

    Both margins are resampled, each seed and each item as a whole (the pigeonhole bootstrap of Owen,
    Ann. Appl. Stat. 1, 2007), which keeps the shape. Its width is then made that of the crossed
    random-effects error with Student's t (see :mod:`.noise`): resampling five seeds alone gives
    intervals that are too short. Coverage is tested by simulation.

    Args:
        scores: Scores or differences of paired scores, S x I.
        alpha: One less the confidence.
        bounds: Between which each value must be; None: anywhere.
        seed: Of the resampling.
    """
    from scipy import stats

    n_seeds, n_items = scores.shape
    noise = spread(scores)
    mean = float(scores.mean())
    notes = [ONE_SEED] if n_seeds == 1 and n_items > 1 else []
    if math.isnan(noise.se):
        said = "one score: nothing can be said of its error"
        return Interval(mean, math.nan, math.nan, math.nan, n_seeds, n_items, noise, NONE, said)
    if noise.se < 1e-12:
        return _without_spread(scores, mean, noise, alpha, bounds, notes)
    draws = _draws(scores, seed)
    of_draws = float(draws.std())
    z, t = stats.norm.ppf(1 - alpha / 2), stats.t.ppf(1 - alpha / 2, noise.df)
    wider = t * noise.se / (z * of_draws) if of_draws else math.nan
    ends = mean + wider * (np.quantile(draws, [alpha / 2, 1 - alpha / 2]) - mean)
    low, high = ends if bounds is None else np.clip(ends, *bounds)
    method = ITEMS_ALONE if n_seeds == 1 else SEEDS_ALONE if n_items == 1 else BOOTSTRAP
    return Interval(
        mean,
        float(low),
        float(high),
        float(stats.t.cdf(mean / noise.se, noise.df_tail)),
        n_seeds,
        n_items,
        noise,
        method,
        "; ".join(notes),
    )


def _draws(scores: Matrix, seed: int) -> Matrix:
    """Means of resampled seeds x resampled items."""
    n_seeds, n_items = scores.shape
    by_seed, by_item = _weights(n_seeds, seed), _weights(n_items, seed + 1)
    means: Matrix = np.einsum("bi,bi->b", by_seed @ scores, by_item)
    return means


@lru_cache(maxsize=8)
def _weights(n: int, seed: int) -> Matrix:
    """How often each of n is drawn, as shares; kept, since all matrices of a block have one shape."""
    rng = np.random.default_rng(seed)
    weights: Matrix = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
    return weights


def _without_spread(
    scores: Matrix,
    mean: float,
    noise: Spread,
    alpha: float,
    bounds: tuple[float, float] | None,
    notes: list[str],
) -> Interval:
    """All values are the same: another item may still have another one.

    That none of n items differed bounds the share that does: ``1 - (alpha / 2) ** (1 / n)``
    (Clopper and Pearson, Biometrika 26, 1934); those may be as far off as the bounds allow.
    """
    n_seeds, n_items = scores.shape
    independent = n_items if n_items > 1 else n_seeds  # seeds of one item are no new items
    low = high = math.nan
    if bounds is not None:
        share = 1 - (alpha / 2) ** (1 / independent)
        low = mean - share * (mean - bounds[0])
        high = mean + share * (bounds[1] - mean)
    return Interval(
        mean,
        low,
        high,
        0.5 if mean == 0 else 1 - 0.5**independent if mean > 0 else 0.5**independent,
        n_seeds,
        n_items,
        noise,
        NONE if bounds is None else BOUND,
        "; ".join([*notes, "no spread: all values are the same"]),
    )
