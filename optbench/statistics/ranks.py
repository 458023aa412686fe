"""Optimizers over several datasets: ranks, normalised scores, and who cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations, product
from string import ascii_lowercase
from typing import Any

import numpy as np

from .compare import Pair
from .table import Block, Matrix

EXACT_UP_TO = 50_000
"""Arrangements of ranks of which all are tried for Friedman's test."""
FEW_UNITS = 5
"""Below that, ranks are said to be too few: Nemenyi's test needs some five to ten of them."""


def means(blocks: Sequence[Block], optimizers: Sequence[str]) -> Matrix:
    """Mean scores, blocks x optimizers, turned so that more is better; NaN where there are none."""
    return np.array(
        [
            [
                block.sign * float(block.cells[one].score.mean())
                if one in block.cells
                else math.nan
                for one in optimizers
            ]
            for block in blocks
        ]
    )


def normalised(scores: Matrix) -> Matrix:
    """Each row from 0, its worst, to 1, its best; 0.5 where all are equal."""
    low, high = np.nanmin(scores, axis=1), np.nanmax(scores, axis=1)
    width = np.where(high > low, high - low, 1.0)[:, None]
    shares = (scores - low[:, None]) / width
    shares[(high <= low)[:, None] & ~np.isnan(scores)] = 0.5
    done: Matrix = shares
    return done


def ranks(scores: Matrix) -> Matrix:
    """Ranks within each row, 1 for the best; ties share their mean rank."""
    from scipy import stats

    found: Matrix = stats.rankdata(-scores, axis=1, nan_policy="omit")
    return found


def friedman(scores: Matrix, alpha: float = 0.05) -> dict[str, Any]:
    """Whether ranks differ over rows more than by chance, and Nemenyi's critical difference.

    Friedman (JASA 32, 1937) with ties; exact where all arrangements of the ranks can be tried, else
    by chi-square. The critical difference of two mean ranks is ``q sqrt(k (k + 1) / (6 N))`` with q the
    studentized range over infinite degrees of freedom divided by sqrt(2) (Demsar, JMLR 7, 2006).

    Args:
        scores: Rows (units) x optimizers, more is better; rows with holes are left out.
        alpha: Level of the critical difference.
    """
    from scipy import stats

    whole = scores[~np.isnan(scores).any(axis=1)]
    n, k = whole.shape
    told: dict[str, Any] = {
        "statistic": math.nan, "p": math.nan, "n_units": n, "n_optimizers": k,
        "critical_difference": math.nan, "method": "none", "note": "",
    }  # fmt: skip
    if k < 2 or n < 1:
        return {**told, "note": "ranks need two optimizers on the same datasets"}
    q = float(stats.studentized_range.ppf(1 - alpha, k, math.inf)) / math.sqrt(2)
    told["critical_difference"] = q * math.sqrt(k * (k + 1) / (6 * n))
    if told["critical_difference"] > k - 1:
        told["note"] = f"{n} units are too few: no two mean ranks of {k} can be that far apart"
    elif n < FEW_UNITS:
        told["note"] = f"{n} units are few for ranks"
    if k < 3:
        return {**told, "note": told["note"] or "two optimizers: see their pair"}
    ranked = ranks(whole)
    if not np.ptp(ranked):
        return {**told, "statistic": 0.0, "p": 1.0, "method": "all tied"}
    told["statistic"], chi_p = (float(one) for one in stats.friedmanchisquare(*whole.T))
    if math.factorial(k) ** (n - 1) <= EXACT_UP_TO:
        return {**told, "p": _exact(ranked), "method": "Friedman, exact"}
    return {**told, "p": chi_p, "method": "Friedman, chi-square"}


def _exact(ranked: Matrix) -> float:
    """Share of all arrangements whose rank sums differ as much; the first row may stand as it is."""
    centre = len(ranked) * (ranked.shape[1] + 1) / 2

    def far(sums: Any) -> float:
        return float(((sums - centre) ** 2).sum())

    observed = far(ranked.sum(axis=0))
    rows = [[np.array(one) for one in permutations(row)] for row in ranked[1:]]
    sums = [far(ranked[0] + sum(chosen)) for chosen in product(*rows)]
    return sum(one >= observed - 1e-9 for one in sums) / len(sums)


def groups(optimizers: Sequence[str], pairs: Sequence[Pair]) -> dict[str, str]:
    """Letters by optimizer: two that share a letter cannot be told apart.

    Args:
        optimizers: In the order in which letters are to be given.
        pairs: Judged pairs of all of them; a pair that is not there counts as not told apart.
    """
    apart = {frozenset((one.a, one.b)) for one in pairs if one.verdict in ("a", "b")}
    alike = {
        one: {other for other in optimizers if other != one and {one, other} not in apart}
        for one in optimizers
    }
    cliques = _cliques(set(), set(optimizers), set(), alike)
    place = {one: at for at, one in enumerate(optimizers)}
    cliques.sort(key=lambda clique: sorted(place[one] for one in clique))
    letters: dict[str, str] = dict.fromkeys(optimizers, "")
    for at, clique in enumerate(cliques):
        for one in clique:
            letters[one] += _letter(at)
    return letters


def _letter(at: int) -> str:
    return ascii_lowercase[at] if at < 26 else f"({at + 1})"


def _cliques(
    taken: set[str], left: set[str], done: set[str], alike: Mapping[str, set[str]]
) -> list[set[str]]:
    """All largest sets of which no two are apart (Bron and Kerbosch, CACM 16, 1973)."""
    if not left and not done:
        return [taken]
    found = []
    pivot = max(left | done, key=lambda one: (len(left & alike[one]), one))
    for one in sorted(left - alike[pivot]):
        found += _cliques(taken | {one}, left & alike[one], done & alike[one], alike)
        left = left - {one}
        done = done | {one}
    return found


def record(optimizer: str, pairs: Sequence[Pair]) -> tuple[int, int, int]:
    """Wins, ties and losses of an optimizer in pairs of single blocks; what is undecided is a tie."""
    wins = losses = played = 0
    for pair in pairs:
        if optimizer not in (pair.a, pair.b):
            continue
        played += 1
        mine = "a" if pair.a == optimizer else "b"
        wins += pair.verdict == mine
        losses += pair.verdict in ("a", "b") and pair.verdict != mine
    return wins, played - wins - losses, losses
