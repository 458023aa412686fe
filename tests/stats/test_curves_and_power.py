import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stats.blocks import made

from optbench.statistics.compare import pairs_of
from optbench.statistics.curves import area_under, curves
from optbench.statistics.power import power


def one_run(identity: str, **changes: Any) -> dict[str, Any]:
    return {
        "identity": identity, "dataset": "d", "model": "m", "optimizer": "o", "seed": 1,
        "state": "success", "direction": "maximize", "initial_validation": 0.2,
        "n_validation": 10, **changes,
    }  # fmt: skip


def trials(identity: str, *scored: tuple[float, float, int]) -> pd.DataFrame:
    return pd.DataFrame([
        {"identity": identity, "slice": "validation", "items": items, "index": at, "score": score,
         "rollouts": spent, "tokens": spent * 10.0, "cost_usd": spent / 1000, "seconds": spent}
        for at, (spent, score, items) in enumerate(scored)
    ])  # fmt: skip


def test_a_curve_keeps_the_best_and_ignores_minibatches() -> None:
    found = curves(
        pd.DataFrame([one_run("x")]),
        trials("x", (10, 0.5, 10), (20, 0.4, 10), (25, 1.0, 3), (30, 0.7, 10)),
    )
    by_rollouts = found[found["axis"] == "rollouts"]
    at = dict(zip(by_rollouts["x"].round(3), by_rollouts["mean"], strict=True))
    assert at[0.0] == 0.2
    assert at[30.0] == 0.7
    assert max(y for x, y in at.items() if x < 30) == 0.5
    assert set(found["axis"]) == {"rollouts", "tokens", "cost_usd", "seconds"}
    assert found[found["axis"] == "tokens"]["x"].max() == 300.0


def test_test_scores_stand_at_the_ends_alone() -> None:
    tasks = pd.DataFrame([
        one_run("x", initial=0.1, final=0.5), one_run("y", seed=2, initial=0.3, final=0.7),
    ])  # fmt: skip
    found = curves(tasks, trials("x", (10, 0.6, 10)))
    test = found[found["axis"] == "rollouts"]["test"]
    assert test.iloc[0] == pytest.approx(0.2)
    assert test.iloc[-1] == pytest.approx(0.6)
    assert test.iloc[1:-1].isna().all()


def test_less_is_better_where_the_metric_says_so() -> None:
    found = curves(
        pd.DataFrame([one_run("x", direction="minimize", initial_validation=0.9)]),
        trials("x", (10, 0.5, 10), (20, 0.8, 10)),
    )
    assert found[found["axis"] == "rollouts"]["mean"].iloc[-1] == 0.5


def test_a_band_is_over_seeds_and_a_run_that_ended_keeps_its_best() -> None:
    tasks = pd.DataFrame([one_run("x"), one_run("y", seed=2), one_run("z", seed=3)])
    both = pd.concat(
        [trials("x", (10, 0.6, 10)), trials("y", (40, 0.8, 10)), trials("z", (40, 0.7, 10))]
    )
    end = curves(tasks, both)
    end = end[end["axis"] == "rollouts"].iloc[-1]
    assert end["mean"] == pytest.approx(0.7)
    assert end["low"] < 0.6 < 0.8 < end["high"]
    assert end["n_seeds"] == 3


def test_two_runs_make_a_band_and_one_makes_none() -> None:
    ended = trials("x", (10, 0.6, 10)), trials("y", (10, 0.8, 10))
    two = curves(pd.DataFrame([one_run("x"), one_run("y", seed=2)]), pd.concat(ended)).iloc[-1]
    assert (two["low"], two["high"]) == pytest.approx((0.7 - 12.7062 * 0.1, 0.7 + 12.7062 * 0.1))
    one = curves(pd.DataFrame([one_run("x")]), ended[0]).iloc[-1]
    assert math.isnan(one["low"])


def test_area_by_hand() -> None:
    curve = pd.DataFrame({"x": [0.0, 10.0, 20.0], "mean": [0.2, 0.5, 0.7]})
    assert area_under(curve, 40.0) == pytest.approx((10 * 0.2 + 10 * 0.5 + 20 * 0.7) / 40)
    assert area_under(curve, 15.0) == pytest.approx((10 * 0.2 + 5 * 0.5) / 15)
    assert math.isnan(area_under(curve, 0.0))


def test_the_detectable_difference_is_detected_four_times_in_five() -> None:
    planned = power(8, 100, seed_sd=0.05, differing=0.4)
    rng = np.random.default_rng(0)
    n, found = 300, 0
    for _ in range(n):
        means = {"a": 0.5 + planned.detectable / 2, "b": 0.5 - planned.detectable / 2}
        (pair,) = pairs_of(made(rng, means, seeds=8, items=100, seed_sd=0.05), 0.05, (0.0, 1.0))
        found += pair.verdict == "a"
    # The plan takes item noise as shared by all seeds, the worst case; so at least that often.
    assert found / n >= 0.8 - 3 * math.sqrt(0.16 / n)


def test_more_of_anything_finds_smaller_differences() -> None:
    base = power(5, 80).detectable
    assert power(10, 80).detectable < base
    assert power(5, 300).detectable < base
    assert power(5, 80, comparisons=10).detectable > base
    assert power(5, 80).smallest_p == 0.0625
    assert power(5, 80).seeds_needed == 6
    assert math.isnan(power(1, 10).detectable)  # no verdict from one seed
    assert math.isnan(power(2, 5, comparisons=10).detectable)  # it would be more than all


def test_what_is_said_to_be_detectable_gets_a_verdict() -> None:
    for seeds in (3, 5):
        planned = power(seeds, 80, seed_sd=0.03, differing=0.3)
        means = {"a": 0.5 + planned.detectable / 2, "b": 0.5 - planned.detectable / 2}
        rng = np.random.default_rng(seeds)
        verdicts = [
            pairs_of(made(rng, means, seeds=seeds, seed_sd=0.03), 0.05, (0.0, 1.0))[0].verdict
            for _ in range(60)
        ]
        assert verdicts.count("a") >= 40
