"""Whether one optimizer is better than another, and whether the runs at hand could have shown it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np

from .intervals import ONE_SEED, Interval, interval
from .table import Block, Cell, Matrix

Verdict = Literal["a", "b", "tie", "too few"]
ALL = "all"

EXACT_UP_TO = 16
"""Units of which all sign flips are tried; of more, :data:`FLIPS` random ones."""
FLIPS = 20_000
PERMUTATION = "paired permutation of {unit}"
T_TEST = "t test, seeds and items random"
T_TEST_OF_RUNS = "t test of runs"


@dataclass(frozen=True)
class Pair:
    """Two optimizers on the same items with the same seeds; see ``Conclusions.pairs``.

    Attributes:
        dataset: Where; ``all``: over all blocks.
        model: With which.
        a: One.
        b: The other.
        n_units: What the test swaps: seeds, or items where there is one seed.
        difference: Mean of a less b, with its interval.
        p: That there is no difference, two-sided; NaN where no test is possible.
        p_holm: The same, for all pairs of the block.
        smallest_p: The smallest that the permutation test could give with so many units.
        method: What gave ``p``.
        verdict: What follows.
        note: What a reader must know.
    """

    dataset: str
    model: str
    a: str
    b: str
    n_units: int
    difference: Interval
    p: float
    p_holm: float
    smallest_p: float
    method: str
    verdict: Verdict = "tie"
    note: str = ""


def pairs_of(block: Block, alpha: float, bounds: tuple[float, float] | None) -> list[Pair]:
    """All pairs of a block, Holm-corrected.

    The exact test swaps the two names within a seed, a whole run at a time: swapping items would find
    two runs of the very same optimizer different, since runs differ. Where so few seeds cannot reach
    the level (five give 2/32 at best), and only there, a t test with the error of
    :mod:`.noise` is taken, with the degrees of freedom of the seeds; which of them is decided by counts
    alone, before any score is seen.
    """
    names = sorted(block.cells)
    count = math.comb(len(names), 2)
    found = []
    for a, b in combinations(names, 2):
        differences, note = _paired(block.cells[a], block.cells[b])
        if differences is None:
            continue
        within = interval(differences, alpha=alpha, bounds=bounds and of_differences(bounds))
        test = _test(differences, within, alpha / count)
        found.append(Pair(block.dataset, block.model, a, b, *test, note=note))
    return _judged(found, alpha, block.sign)


def over_all(blocks: Sequence[Block], alpha: float) -> list[Pair]:
    """All pairs over all blocks: is there any difference on these datasets, with these models?

    Swapped are whole runs, dataset by dataset. Scores count as they are where all are within 0 and 1,
    or all within 0 and 100; else as shares of each block's scale (see :func:`scale_of`). Where some
    metrics are better higher and others lower, differences are turned to "more is better". Whether
    other datasets would say the same is for ranks to tell (:mod:`.ranks`).
    """
    names = sorted({one for block in blocks for one in block.cells})
    count = math.comb(len(names), 2)
    weights, sign, told = _weights(blocks)
    found = []
    for a, b in combinations(names, 2):
        units: list[float] = []
        one_seed = False
        for block, weight in zip(blocks, weights, strict=True):
            if a not in block.cells or b not in block.cells:
                continue
            differences, _ = _paired(block.cells[a], block.cells[b])
            if differences is not None:
                units.extend(weight * differences.mean(axis=1))
                one_seed = one_seed or differences.shape[0] == 1
        if units:
            matrix = np.array(units)[:, None]
            within = interval(matrix, alpha=alpha)
            test = _test(matrix, within, alpha / count, unit="runs")
            notes = [*told, *(["some with one seed, which stands for its dataset"] * one_seed)]
            found.append(Pair(ALL, ALL, a, b, *test, note="; ".join(notes)))
    return _judged(found, alpha, sign)


def scale_of(block: Block) -> float:
    """How far its scores may lie apart: 1, or 100 of a percentage; else the largest magnitude.

    A constant of the block, whatever the optimizers' names, so that swapping these stays a fair test.
    """
    highest = max(float(np.abs(cell.score).max()) for cell in block.cells.values())
    lowest = min(float(cell.score.min()) for cell in block.cells.values())
    if lowest >= 0 and highest <= 100:
        return 1.0 if highest <= 1 else 100.0
    return highest


def _weights(blocks: Sequence[Block]) -> tuple[list[float], int, list[str]]:
    """By which differences of each block count, the sign of better, and what is to be said."""
    told = []
    scales = [scale_of(block) for block in blocks]
    weights = [1.0] * len(blocks)
    if len(set(scales)) > 1:
        weights = [1 / scale for scale in scales]
        told.append("differences are shares of each dataset's scale")
    signs = {block.sign for block in blocks}
    if len(signs) == 1:
        return weights, signs.pop(), told
    told.append("differences are turned so that more is better")
    turned = [block.sign * weight for block, weight in zip(blocks, weights, strict=True)]
    return turned, 1, told


def smallest_p(units: int) -> float:
    """The smallest two-sided p that swapping so many units can give: ``2 / 2**units``."""
    return min(1.0, 2.0 / 2.0**units)


def seeds_needed(alpha: float, comparisons: int = 1) -> int:
    """Seeds from which on the permutation test can reach a level, Holm's correction included."""
    return math.ceil(math.log2(2 * comparisons / alpha))


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm, Scand. J. Stat. 6, 1979); NaN stays, and counts as no test."""
    order = sorted((one, at) for at, one in enumerate(p) if not math.isnan(one))
    adjusted = [math.nan] * len(p)
    highest = 0.0
    for done, (one, at) in enumerate(order):
        highest = max(highest, min(1.0, one * (len(order) - done)))
        adjusted[at] = highest
    return adjusted


def _paired(a: Cell, b: Cell) -> tuple[Matrix | None, str]:
    """Differences by seed and item, over the seeds that both have."""
    seeds = [one for one in a.seeds if one in b.seeds]
    if not seeds:
        return None, ""
    rows_a = [a.seeds.index(one) for one in seeds]
    rows_b = [b.seeds.index(one) for one in seeds]
    lost = len(a.seeds) + len(b.seeds) - 2 * len(seeds)
    note = f"{lost} runs have no partner of the same seed and were left out" if lost else ""
    return a.score[rows_a] - b.score[rows_b], note


def _test(
    differences: Matrix, within: Interval, level: float, unit: str = "seeds"
) -> tuple[int, Interval, float, float, float, str]:
    """Units, interval, p, p (uncorrected yet), smallest p and method."""
    n_seeds, n_items = differences.shape
    by_seed = n_seeds > 1 or n_items == 1
    values = differences.mean(axis=1) if by_seed else differences[0]
    least = smallest_p(len(values))
    unit = unit if by_seed else "items"
    no_spread = not within.spread.se > 1e-12  # then only the exact test has something to say
    if least <= level or not by_seed or n_seeds < 2 or no_spread:
        p, method = permuted(values), PERMUTATION.format(unit=unit)
    else:
        p, method = _t(within), T_TEST if unit == "seeds" else T_TEST_OF_RUNS
    return len(values), within, p, p, least, method


def permuted(values: Matrix) -> float:
    """Two-sided sign-flip test of the mean of paired differences; NaN for fewer than two.

    All ``2**n`` flips up to :data:`EXACT_UP_TO` values; else random ones, of which the observed one
    counts as one (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010).
    """
    n = len(values)
    if n < 2:
        return math.nan
    sums = np.abs(_signs(n) @ values)
    observed = abs(float(values.sum()))
    as_far = int(
        (sums >= observed * (1 - 1e-9) - 1e-12).sum()
    )  # sums of one value may differ by ulps
    return as_far / len(sums) if n <= EXACT_UP_TO else (as_far + 1) / (len(sums) + 1)


@lru_cache(maxsize=4)
def _signs(n: int) -> Matrix:
    if n <= EXACT_UP_TO:
        bits = np.arange(2**n)[:, None] >> np.arange(n)[None, :] & 1
    else:
        bits = np.random.default_rng(0).integers(0, 2, size=(FLIPS, n))
    signs: Matrix = 1.0 - 2.0 * bits
    return signs


def _t(within: Interval) -> float:
    from scipy import stats

    return float(2 * stats.t.sf(abs(within.mean) / within.spread.se, within.spread.df_tail))


def _judged(found: list[Pair], alpha: float, sign: int) -> list[Pair]:
    corrected = holm([pair.p for pair in found])
    return [
        _verdict(replace(pair, p_holm=p), alpha, len(found), sign)
        for pair, p in zip(found, corrected, strict=True)
    ]


def _verdict(pair: Pair, alpha: float, comparisons: int, sign: int) -> Pair:
    notes = [pair.note] if pair.note else []
    between_runs = pair.difference.n_seeds > 1 or pair.difference.n_items == 1
    permuted = pair.method.startswith("paired")
    verdict: Verdict = "tie"
    if math.isnan(pair.p):
        verdict = "too few"
        notes.append("no test with so few runs")
    elif not between_runs:
        verdict = "too few"
        notes.append(f"{ONE_SEED}; p is of these two prompts alone")
    elif pair.p_holm <= alpha:
        verdict = "a" if sign * pair.difference.mean > 0 else "b"
    elif permuted and pair.smallest_p * comparisons > alpha:
        verdict = "too few"
        needed = seeds_needed(alpha, comparisons)
        notes.append(f"the test cannot reach {alpha:g} with {pair.n_units} runs; {needed} could")
    return replace(pair, verdict=verdict, note="; ".join(notes))


def of_differences(bounds: tuple[float, float]) -> tuple[float, float]:
    """Where differences of two scores are between, given where the scores are."""
    width = bounds[1] - bounds[0]
    return -width, width


def bounds_of(block: Block) -> tuple[float, float] | None:
    """Where its scores are between: 0 and 1 where all of them are, baselines too; else not known."""
    known = [cell.score for cell in block.cells.values()]
    known += [cell.baseline for cell in block.cells.values() if cell.baseline is not None]
    inside = all(scores.min() >= 0 and scores.max() <= 1 for scores in known)
    return (0.0, 1.0) if inside else None
