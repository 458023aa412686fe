"""What a sweep could find, before it is run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .compare import seeds_needed, smallest_p

POWER = 0.8
"""Chance to find what is there, as studies are planned with (Cohen, Psychol. Bull. 112, 1992)."""
SEED_SD = 0.05
"""Assumed between runs of one optimizer, in points of a score of 0 to 1; real ones may differ more."""
DIFFERING = 0.3
"""Assumed share of items on which two optimizers' prompts differ, one right and one wrong."""


@dataclass(frozen=True)
class Power:
    """What can be found with so many seeds and items.

    Attributes:
        n_seeds: S.
        n_items: I.
        comparisons: Pairs that are corrected for.
        detectable: Smallest difference of two optimizers on one dataset that is found with
            probability :data:`POWER`, in points of a score of 0 to 1; NaN where none is: with one
            seed, or where it would have to be larger than 1.
        smallest_p: Of the exact test on one dataset.
        seeds_needed: From which on the exact test can reach the level.
        alpha: Level.
    """

    n_seeds: int
    n_items: int
    comparisons: int
    detectable: float
    smallest_p: float
    seeds_needed: int
    alpha: float


def power(
    n_seeds: int,
    n_items: int,
    *,
    comparisons: int = 1,
    alpha: float = 0.05,
    seed_sd: float = SEED_SD,
    differing: float = DIFFERING,
) -> Power:
    """The minimum detectable difference of two optimizers with the same seeds and items.

    ``(t(1 - alpha / 2m) + t(0.8)) se`` for m comparisons, with ``se**2 = 2 seed_sd**2 / S +
    differing / I`` and the S - 1 degrees of freedom that the test has: runs differ by ``seed_sd`` each,
    and ``differing`` is the variance of the difference of two answers that are 0 or 1, taken as shared
    by all seeds, the worst case. Checked against simulation.

    Args:
        n_seeds: Runs of each optimizer.
        n_items: Test items.
        comparisons: Pairs that are corrected for (m).
        alpha: Level, two-sided.
        seed_sd: See :data:`SEED_SD`.
        differing: See :data:`DIFFERING`.
    """
    from scipy.special import stdtrit  # scipy.stats alone would take a plan half a second

    detectable = math.nan
    if n_seeds > 1:
        se = math.sqrt(2 * seed_sd**2 / n_seeds + differing / n_items)
        df = n_seeds - 1
        needed = float(stdtrit(df, 1 - alpha / 2 / comparisons) + stdtrit(df, POWER)) * se
        detectable = needed if needed < 1 else math.nan
    return Power(
        n_seeds,
        n_items,
        comparisons,
        detectable,
        smallest_p(n_seeds),
        seeds_needed(alpha, comparisons),
        alpha,
    )
