"""Figures of the statistics against the formulas that they name, to the last digit."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from optbench.statistics.compare import (
    PERMUTATION,
    Pair,
    bounds_of,
    of_differences,
    over_all,
    pairs_of,
    permuted,
    scale_of,
)
from optbench.statistics.curves import area_under, curves
from optbench.statistics.intervals import NONE, SEEDS_ALONE, interval
from optbench.statistics.noise import spread
from optbench.statistics.power import DIFFERING, POWER, SEED_SD, power
from optbench.statistics.ranks import friedman, groups, means, normalised, record
from optbench.statistics.table import Block, Cell


def block(sign: int = 1, dataset: str = "d", baseline: Any = None, **scores: Any) -> Block:
    cells = {}
    for name, rows in scores.items():
        matrix = np.array(rows, dtype=float)
        seeds, items = (tuple(range(n)) for n in matrix.shape)
        base = None if baseline is None else np.full(matrix.shape, float(baseline))
        cells[name] = Cell(seeds, items, matrix, base)
    return Block(dataset, "m", "score", sign, cells)


def test_the_detectable_difference_is_the_formula() -> None:
    found = power(8, 100, comparisons=3, alpha=0.01, seed_sd=0.04, differing=0.4)
    se = math.sqrt(2 * 0.04**2 / 8 + 0.4 / 100)
    wanted = (stats.t.ppf(1 - 0.01 / 6, 7) + stats.t.ppf(0.8, 7)) * se
    assert found.detectable == pytest.approx(wanted)
    assert (found.n_seeds, found.n_items, found.comparisons, found.alpha) == (8, 100, 3, 0.01)
    assert (found.smallest_p, found.seeds_needed) == (2 / 2**8, 10)
    assert math.isnan(power(2, 2, comparisons=1).detectable)  # 1.9 of a score: there is none such
    plain = power(2, 1000)
    assert plain.comparisons == 1
    assert plain.alpha == 0.05
    assert (POWER, SEED_SD, DIFFERING) == (0.8, 0.05, 0.3)
    se = math.sqrt(2 * 0.05**2 / 2 + 0.3 / 1000)
    wanted = (stats.t.ppf(0.975, 1) + stats.t.ppf(0.8, 1)) * se
    assert plain.detectable == pytest.approx(wanted)


def runs_and_trials(**finals: list[tuple[float, float]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    tasks = pd.DataFrame([
        {"identity": name, "dataset": "d", "model": "m", "optimizer": "o", "state": "success",
         "direction": "maximize", "initial_validation": 0.2, "n_validation": 10} for name in finals
    ])  # fmt: skip
    trials = pd.DataFrame([
        {"identity": name, "slice": part, "items": 10, "index": at, "score": score,
         "rollouts": spent, "tokens": spent, "cost_usd": math.nan, "seconds": spent}
        for name, steps in finals.items() for at, (spent, score) in enumerate(steps)
        for part in ("validation", "train")
    ])  # fmt: skip
    return tasks, trials


def test_a_curves_points_and_its_band() -> None:
    found = curves(*runs_and_trials(x=[(10.0, 0.5)], y=[(20.0, 0.8), (59.0, 0.9)], z=[]), alpha=0.1)
    one = found[found["axis"] == "rollouts"].reset_index(drop=True)
    assert one["x"].tolist() == [float(x) for x in range(60)]
    assert one["mean"].tolist() == pytest.approx([0.2] * 10 + [0.3] * 10 + [0.5] * 39 + [1.6 / 3])
    low, high = stats.t.interval(0.9, 2, loc=0.5, scale=0.3 / math.sqrt(3))
    assert (one["low"][30], one["high"][30]) == pytest.approx((low, high))
    assert set(one["n_seeds"]) == {3}
    unpriced = found[found["axis"] == "cost_usd"]
    assert unpriced[["x", "mean"]].to_numpy() == pytest.approx(np.array([[0.0, 0.2]]))


def test_one_run_has_no_band_and_a_score_that_is_no_number_is_no_step() -> None:
    found = curves(*runs_and_trials(x=[(10.0, math.nan), (20.0, 0.1), (30.0, 0.5)]))
    one = found[found["axis"] == "tokens"]
    assert one["low"].isna().all()
    assert one["high"].isna().all()
    assert sorted(set(one["mean"])) == [0.2, 0.5]
    assert one["x"].max() == 30.0
    assert area_under(one, 30.0) == pytest.approx(0.2, abs=1e-9)  # its last step is at the end
    assert math.isnan(area_under(one.iloc[:0], 5.0))


def test_runs_that_have_not_finished_make_no_curve() -> None:
    tasks, trials = runs_and_trials(x=[(10.0, 0.5)], y=[(10.0, 0.9)])
    tasks.loc[1, "state"] = "failed"
    found = curves(tasks, trials)
    assert found["mean"].max() == 0.5
    tasks["initial_validation"] = math.nan
    assert curves(tasks, trials).empty


@pytest.mark.parametrize("shape", [(4, 30), (1, 30), (6, 1)])
def test_an_intervals_width_is_students_and_its_tail_of_the_seeds(shape: tuple[int, int]) -> None:
    scores = np.random.default_rng(1).normal(0.1, 1.0, size=shape)
    found, noise = interval(scores, alpha=0.1), spread(scores)
    wanted = 2 * stats.t.ppf(0.95, noise.df) * noise.se
    assert found.high - found.low == pytest.approx(wanted, rel=0.1)  # the shape is the bootstrap's
    assert found.low < found.mean < found.high
    assert found.p_positive == pytest.approx(stats.t.cdf(found.mean / noise.se, noise.df_tail))
    assert (found.n_seeds, found.n_items) == shape
    if shape[1] == 1:
        assert (found.method, found.note) == (SEEDS_ALONE, "")


def test_all_alike_and_above_zero_is_probably_above_zero() -> None:
    for shape, n in (((3, 4), 4), ((3, 1), 3)):
        up, down = interval(np.full(shape, 0.5), bounds=(-1.0, 1.0)), interval(np.full(shape, -0.5))
        assert up.p_positive == 1 - 0.5**n
        assert down.p_positive == 0.5**n
        share = 1 - 0.025 ** (1 / n)
        assert (up.low, up.high) == pytest.approx((0.5 - share * 1.5, 0.5 + share * 0.5))
        assert down.method == NONE
        assert math.isnan(down.high)
    assert "one seed" in interval(np.full((1, 4), 0.5)).note
    assert "one seed" not in interval(np.full((2, 4), 0.5)).note


def test_mean_squares_by_hand() -> None:
    scores = np.array([[0.0, 2.0, 1.0], [3.0, 4.0, 8.0]])
    found = spread(scores)
    ms_seed, ms_item, ms_left = 24.0, 4.5, 3.5
    assert found.seed_sd == pytest.approx(math.sqrt((ms_seed - ms_left) / 3))
    assert found.item_sd == pytest.approx(math.sqrt((ms_item - ms_left) / 2))
    assert found.residual_sd == pytest.approx(math.sqrt(ms_left))
    total = ms_seed + ms_item - ms_left
    assert found.se == pytest.approx(math.sqrt(total / 6))
    assert found.df == pytest.approx(total**2 / (ms_seed**2 + ms_item**2 / 2 + ms_left**2 / 2))
    assert found.df_tail == 1


def test_where_one_component_is_below_zero_the_larger_mean_square_stands() -> None:
    seeds = np.array([[0.0, 1.0], [5.0, 4.0], [9.0, 10.0]])  # items differ less than their noise
    found = spread(seeds)
    assert found.item_sd == 0.0
    means_ = seeds.mean(axis=1)
    assert found.se == pytest.approx(means_.std(ddof=1) / math.sqrt(3))
    assert found.df == 2
    turned = spread(seeds.T)
    assert turned.seed_sd == 0.0
    assert turned.se == pytest.approx(found.se)
    assert (turned.df, turned.df_tail) == (2, 1)


def test_scales_and_bounds() -> None:
    assert scale_of(block(a=[[0.2, 1.0]], b=[[0.0, 0.5]])) == 1.0
    assert scale_of(block(a=[[0.2, 1.01]], b=[[0.0, 0.5]])) == 100.0
    assert scale_of(block(a=[[0.2, 100.0]])) == 100.0
    assert scale_of(block(a=[[0.2, 101.0]])) == 101.0
    assert scale_of(block(a=[[-0.2, 0.1]])) == 0.2
    assert bounds_of(block(a=[[0.0, 1.0]])) == (0.0, 1.0)
    assert bounds_of(block(a=[[0.0, 1.0]], b=[[0.0, 1.1]])) is None
    assert bounds_of(block(a=[[-0.1, 1.0]])) is None
    assert bounds_of(block(a=[[0.0, 1.0]], baseline=1.5)) is None
    assert of_differences((-1.0, 3.0)) == (-4.0, 4.0)


def test_up_to_sixteen_units_all_flips_are_tried() -> None:
    assert permuted(np.full(16, 0.1)) == 2 / 2**16
    assert 1 <= permuted(np.full(17, 0.1)) * 20_001 < 10
    assert permuted(np.array([3.0, -1.0])) == 1.0
    assert permuted(np.array([2.0, 1.0, -0.5])) == 4 / 8


def test_one_seed_swaps_its_items() -> None:
    a, b = [[1.0] * 9 + [0.0]], [[0.0] * 9 + [0.5]]
    (pair,) = pairs_of(block(a=a, b=b), 0.05, (0.0, 1.0))
    assert (pair.n_units, pair.method) == (10, PERMUTATION.format(unit="items"))
    assert pair.p == permuted(np.array([1.0] * 9 + [-0.5]))
    (both,) = over_all([block(a=a, b=b, dataset=name) for name in "xy"], 0.05)
    assert both.n_units == 2
    assert "some with one seed" in both.note


def test_over_all_blocks_runs_are_swapped_where_they_suffice() -> None:
    a, b = [[0.5], [0.6], [0.7]], [[0.1], [0.3], [0.2]]
    (pair,) = over_all([block(a=a, b=b), block(dataset="e", a=a, b=b)], 0.05)
    assert (pair.n_units, pair.method) == (6, PERMUTATION.format(unit="runs"))
    assert pair.p == pair.p_holm == pair.smallest_p == 2 / 2**6
    assert (pair.verdict, pair.note) == ("a", "")
    assert pair.difference.mean == pytest.approx(0.4)
    (turned,) = over_all([block(-1, a=a, b=b), block(-1, dataset="e", a=a, b=b)], 0.05)
    assert turned.verdict == "b"


@pytest.mark.parametrize(("n", "word"), [(4, "few for ranks"), (5, "")])
def test_from_five_units_on_ranks_are_not_called_few(n: int, word: str) -> None:
    found = friedman(np.array([[0.9, 0.5, 0.1]] * n))
    assert word in found["note"]
    assert bool(found["note"]) == bool(word)
    assert (found["n_units"], found["n_optimizers"]) == (n, 3)
    assert found["statistic"] == pytest.approx(2 * n)


def test_friedman_is_exact_up_to_its_limit() -> None:
    rng = np.random.default_rng(0)
    assert friedman(rng.uniform(size=(7, 3)))["method"] == "Friedman, exact"  # 6**6 arrangements
    assert friedman(rng.uniform(size=(8, 3)))["method"] == "Friedman, chi-square"
    assert friedman(np.array([[0.1], [0.2]]))["method"] == "none"
    loose, strict = (
        friedman(rng.uniform(size=(8, 3)), a)["critical_difference"] for a in (0.1, 0.01)
    )
    assert loose < strict


def test_less_is_turned_and_what_is_missing_stays_so() -> None:
    found = means([block(-1, a=[[1.0, 2.0]]), block(a=[[3.0, 5.0]], b=[[0.0, 1.0]])], ["a", "b"])
    assert found[0, 0] == -1.5
    assert math.isnan(found[0, 1])
    assert found[1].tolist() == [4.0, 0.5]
    alike = normalised(np.array([[2.0, math.nan, 2.0], [1.0, 3.0, 2.0]]))
    assert alike[0, [0, 2]].tolist() == [0.5, 0.5]
    assert math.isnan(alike[0, 1])
    assert alike[1].tolist() == [0.0, 1.0, 0.5]


def judged(a: str, b: str, verdict: Any) -> Pair:
    nothing = interval(np.array([[0.1]]))
    return Pair("d", "m", a, b, 1, nothing, 0.5, 0.5, 0.5, "none", verdict)


def test_letters_and_records_by_hand() -> None:
    chain = [judged("x", "z", "a"), judged("x", "y", "tie"), judged("y", "z", "too few")]
    assert groups(["x", "y", "z"], chain) == {"x": "a", "y": "ab", "z": "b"}
    assert groups(["z", "y", "x"], chain) == {"z": "a", "y": "ab", "x": "b"}
    assert record("x", chain) == (1, 1, 0)
    assert record("z", chain) == (0, 1, 1)
    assert record("y", chain) == (0, 2, 0)
    assert record("nobody", chain) == (0, 0, 0)
    names = [f"o{n:02}" for n in range(28)]
    all_apart = [judged(a, b, "b") for at, a in enumerate(names) for b in names[at + 1 :]]
    letters = groups(names, all_apart)
    assert [letters[name] for name in ("o00", "o25", "o26", "o27")] == ["a", "z", "(27)", "(28)"]
