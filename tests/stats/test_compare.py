import math

import numpy as np
import pytest
from scipy import stats
from stats.blocks import made

from optbench.statistics.compare import (
    ALL,
    PERMUTATION,
    T_TEST,
    T_TEST_OF_RUNS,
    bounds_of,
    holm,
    over_all,
    pairs_of,
    permuted,
    seeds_needed,
    smallest_p,
)
from optbench.statistics.table import Block, Cell


@pytest.mark.parametrize("n", [2, 5, 9])
def test_sign_flips_are_those_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(0.3, 1.0, n)
    theirs = stats.permutation_test(
        (values, np.zeros(n)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert permuted(values) == pytest.approx(theirs.pvalue)


def test_many_units_are_flipped_at_random() -> None:
    values = np.random.default_rng(1).normal(0.5, 1.0, 40)
    assert permuted(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)
    assert permuted(np.full(40, 1.0)) == pytest.approx(1 / 20_001)


def test_no_p_for_one_unit_and_none_below_the_smallest() -> None:
    assert math.isnan(permuted(np.array([0.4])))
    assert permuted(np.full(5, 0.1)) == smallest_p(5) == 2 / 32
    assert permuted(np.zeros(6)) == 1.0


def test_how_many_seeds_could_reach_a_level() -> None:
    assert seeds_needed(0.05) == 6
    assert smallest_p(seeds_needed(0.05, 10)) <= 0.005 < smallest_p(seeds_needed(0.05, 10) - 1)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.5, math.nan, 0.9])
    assert corrected[0] == 1.0
    assert math.isnan(corrected[1])


@pytest.mark.parametrize(("seeds", "method"), [(5, T_TEST), (8, PERMUTATION.format(unit="seeds"))])
def test_a_large_difference_is_found(seeds: int, method: str) -> None:
    block = made(np.random.default_rng(2), {"good": 0.8, "poor": 0.4}, seeds=seeds)
    (pair,) = pairs_of(block, 0.05, bounds_of(block))
    assert (pair.a, pair.b, pair.verdict) == ("good", "poor", "a")
    assert pair.method == method
    assert pair.difference.low > 0.2


def test_less_is_better_where_the_metric_says_so() -> None:
    block = made(np.random.default_rng(2), {"good": 0.8, "poor": 0.4})
    turned = Block(block.dataset, block.model, "errors", -1, block.cells)
    (pair,) = pairs_of(turned, 0.05, (0.0, 1.0))
    assert pair.verdict == "b"
    assert over_all([turned, turned], 0.05)[0].verdict == "b"


@pytest.mark.parametrize(
    ("seeds", "names", "seed_sd"),
    [(5, 2, 0.05), (3, 2, 0.1), (8, 2, 0.05), (5, 5, 0.1), (3, 5, 0.1)],
)
def test_equal_optimizers_are_rarely_told_apart(seeds: int, names: int, seed_sd: float) -> None:
    """Family-wise: any verdict among the pairs of a block is a false one."""
    rng = np.random.default_rng(seeds * names)
    n = 250 if names == 2 else 100
    means = {f"o{one}": 0.6 for one in range(names)}
    single = together = 0
    for _ in range(n):
        two = [made(rng, means, seeds=seeds, seed_sd=seed_sd) for _ in range(2)]
        single += any(p.verdict in "ab" for p in pairs_of(two[0], 0.05, (0.0, 1.0)))
        together += any(p.verdict in "ab" for p in over_all(two, 0.05))
    # Level 5 % and three standard errors.
    assert single / n <= 0.05 + 3 * math.sqrt(0.0475 / n)
    assert together / n <= 0.05 + 3 * math.sqrt(0.0475 / n)


def test_a_tail_of_p_is_no_smaller_than_seeds_allow() -> None:
    """Holm looks at small levels, where an error that is small by luck does harm."""
    rng = np.random.default_rng(9)
    n = 400
    p = [pairs_of(made(rng, {"a": 0.6, "b": 0.6}, seeds=3, seed_sd=0.1), 0.05, (0.0, 1.0))[0].p
         for _ in range(n)]  # fmt: skip
    assert np.mean(np.array(p) < 0.005) <= 0.005 + 3 * math.sqrt(0.005 / n)


def test_items_alone_would_tell_two_runs_of_one_optimizer_apart() -> None:
    """Why runs are what is swapped: the test over items finds differences that are luck."""
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(100):
        block = made(rng, {"a": 0.6, "b": 0.6}, items=300, seed_sd=0.1)
        a, b = (block.cells[name].score.mean(axis=0) for name in "ab")
        found += permuted(a - b) <= 0.05
    assert found > 15


def test_few_seeds_are_said_to_be_few() -> None:
    rng = np.random.default_rng(2)
    (one,) = pairs_of(made(rng, {"a": 0.9, "b": 0.3}, seeds=1), 0.05, (0.0, 1.0))
    assert one.verdict == "too few"
    assert "one seed" in one.note
    assert one.p < 0.05  # of these two prompts, which is said
    (two,) = pairs_of(made(rng, {"a": 0.7, "b": 0.5}, seeds=2), 0.05, (0.0, 1.0))
    assert two.verdict == "tie"  # with one degree of freedom
    assert two.p > 0.05
    rows = {name: Cell((0, 1, 2), ("",), np.array([[x], [x + 0.1], [x * 0.9]]), None)
            for name, x in {"a": 0.5, "b": 0.55}.items()}  # fmt: skip
    (all_of_it,) = over_all([Block("d", "m", "score", 1, rows)], 0.05)
    assert all_of_it.method == T_TEST_OF_RUNS
    (bare,) = over_all(
        [
            Block(
                "d",
                "",
                "score",
                1,
                {k: Cell(("",), ("",), v.score[:1], None) for k, v in rows.items()},
            )
        ],
        0.05,
    )
    assert bare.verdict == "too few"
    assert math.isnan(bare.p)


def test_runs_without_a_partner_are_left_out_and_counted() -> None:
    block = made(np.random.default_rng(2), {"a": 0.6, "b": 0.6}, seeds=6)
    short = Cell((0, 1, 2, 3), block.cells["b"].items, block.cells["b"].score[:4], None)
    cells = {"a": block.cells["a"], "b": short}
    (pair,) = pairs_of(Block("d", "m", "x", 1, cells), 0.05, None)
    assert pair.difference.n_seeds == 4
    assert "2 runs have no partner" in pair.note


def test_scores_of_other_scales_are_brought_to_one() -> None:
    rng = np.random.default_rng(3)
    small = made(rng, {"a": 0.7, "b": 0.5}, seeds=6)
    large = {name: Cell(c.seeds, c.items, 1000 * c.score, None) for name, c in small.cells.items()}
    big = Block("big", "m", "points", 1, large)
    pair, alone = over_all([small, big], 0.05)[0], over_all([small], 0.05)[0]
    assert pair.dataset == ALL
    assert pair.n_units == 12
    assert "shares of each dataset's scale" in pair.note
    assert pair.difference.mean == pytest.approx(alone.difference.mean)
