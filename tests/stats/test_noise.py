import math

import numpy as np
import pytest

from optbench.statistics.noise import spread


def test_two_way_analysis_by_hand() -> None:
    # Row means 2, 4; column means 2, 3, 4; the residuals are all zero.
    found = spread(np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]))
    assert found.residual_sd == pytest.approx(0.0, abs=1e-12)
    assert found.seed_sd == pytest.approx(math.sqrt(2.0))  # of 2 and 4
    assert found.item_sd == pytest.approx(1.0)  # of 2, 3 and 4
    assert found.se == pytest.approx(math.sqrt(2.0 / 2 + 1.0 / 3))
    # (6 + 2)**2 / (6**2 / 1 + 2**2 / 2), with mean squares 6 and 2.
    assert found.df == pytest.approx(64 / 38)


def test_components_are_found_again() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        scores = (
            0.1 * rng.normal(size=(8, 1))
            + 0.2 * rng.normal(size=(1, 60))
            + 0.3 * rng.normal(size=(8, 60))
        )
        one = spread(scores)
        found.append((one.seed_sd**2, one.item_sd**2, one.residual_sd**2))
    assert np.mean(found, axis=0) == pytest.approx([0.01, 0.04, 0.09], rel=0.1)


def test_one_seed_or_one_item_is_an_ordinary_mean() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    for scores in (values[None, :], values[:, None]):
        found = spread(scores)
        assert found.se == pytest.approx(values.std(ddof=1) / math.sqrt(5))
        assert found.df == 4
    assert math.isnan(spread(values[None, :]).seed_sd)
    assert math.isnan(spread(np.array([[1.0]])).se)


def test_a_component_below_zero_promises_no_less_noise() -> None:
    # Items differ as always, runs less than items alone would make them.
    scores = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = spread(scores)
    assert found.seed_sd == 0.0
    assert found.se >= 0.0
    rng = np.random.default_rng(0)
    alike = np.repeat(rng.uniform(size=(1, 50)), 4, axis=0)
    assert spread(alike).se == pytest.approx(alike[0].std(ddof=1) / math.sqrt(50))
