import math

import numpy as np
import pytest
from scipy import stats

from optbench.statistics.intervals import BOOTSTRAP, BOUND, ITEMS_ALONE, NONE, interval


@pytest.mark.parametrize(
    ("seeds", "items", "seed_sd"),
    [(5, 80, 0.05), (5, 80, 0.0), (3, 40, 0.1), (10, 20, 0.1), (5, 1, 0.1), (1, 60, 0.0)],
)
def test_coverage_of_normal_scores(seeds: int, items: int, seed_sd: float) -> None:
    rng = np.random.default_rng(7)
    n, hits = 400, 0
    for _ in range(n):
        scores = (
            0.6
            + seed_sd * rng.normal(size=(seeds, 1))
            + (0.2 * rng.normal(size=(1, items)) if items > 1 else 0.0)
            + (0.3 * rng.normal(size=(seeds, items)) if items > 1 else 0.0)
        )
        found = interval(scores)
        hits += found.low <= 0.6 <= found.high
    # 95 % of 400, give or take three standard errors.
    assert 0.95 - 0.033 <= hits / n <= 0.95 + 0.033


def test_coverage_of_answers_right_or_wrong() -> None:
    rng = np.random.default_rng(8)
    n, hits = 400, 0
    for _ in range(n):
        chance = 0.8 + 0.05 * rng.normal(size=(5, 1)) + rng.uniform(-0.2, 0.2, size=(1, 60))
        answers = (rng.uniform(size=(5, 60)) < chance).astype(float)
        found = interval(answers)
        hits += found.low <= 0.8 <= found.high
    assert 0.91 <= hits / n <= 0.99


def test_one_seed_is_the_bootstrap_over_items_that_scipy_has() -> None:
    rng = np.random.default_rng(3)
    scores = rng.uniform(size=(1, 200))
    found = interval(scores)
    theirs = stats.bootstrap(
        (scores[0],), np.mean, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert found.method == ITEMS_ALONE
    assert "one seed" in found.note
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_few_seeds_that_differ_give_a_wide_interval() -> None:
    """Items by the hundred do not make three runs more."""
    rng = np.random.default_rng(4)
    scores = np.array([[0.4], [0.5], [0.6]]) + 0.01 * rng.normal(size=(3, 500))
    found = interval(scores)
    students = stats.t.interval(0.95, 2, loc=0.5, scale=0.1 / math.sqrt(3))
    assert found.method == BOOTSTRAP
    assert found.high - found.low == pytest.approx(students[1] - students[0], rel=0.15)


def test_no_spread_has_the_exact_bound() -> None:
    found = interval(np.ones((3, 20)), bounds=(0.0, 1.0))
    exact = stats.binomtest(20, 20).proportion_ci(0.95, method="exact")
    assert found.method == BOUND
    assert (found.low, found.high) == pytest.approx((exact.low, 1.0))
    assert "no spread" in found.note
    difference = interval(np.zeros((3, 20)), bounds=(-1.0, 1.0))
    assert difference.low == -difference.high == pytest.approx(exact.low - 1)
    assert difference.p_positive == 0.5


def test_what_cannot_be_told_is_no_number() -> None:
    unbounded = interval(np.full((2, 5), 7.0))
    assert unbounded.method == NONE
    assert math.isnan(unbounded.low)
    single = interval(np.array([[0.3]]))
    assert math.isnan(single.high)
    assert "one score" in single.note


def test_the_same_scores_give_the_same_interval() -> None:
    scores = np.random.default_rng(5).uniform(size=(4, 30))
    assert interval(scores) == interval(scores.copy())


def test_an_interval_stays_where_scores_can_be() -> None:
    few = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    wide = interval(few)
    assert wide.high > 1
    kept = interval(few, bounds=(0.0, 1.0))
    assert (kept.low, kept.high) == (max(0.0, wide.low), 1.0)
