import math

import numpy as np
import pytest
from scipy import stats
from stats.blocks import made

from optbench.statistics.compare import over_all, pairs_of
from optbench.statistics.ranks import friedman, groups, means, normalised, ranks, record


@pytest.mark.parametrize(
    ("k", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)]
)  # Demsar 2006, table 5
def test_critical_difference_of_the_published_table(k: int, q: float) -> None:
    scores = np.random.default_rng(0).uniform(size=(30, k))
    expected = q * math.sqrt(k * (k + 1) / (6 * 30))
    assert friedman(scores)["critical_difference"] == pytest.approx(expected, rel=1e-3)


def test_friedman_is_that_of_scipy_where_n_is_large() -> None:
    scores = np.random.default_rng(1).uniform(size=(20, 4)).round(1)
    found = friedman(scores)
    theirs = stats.friedmanchisquare(*scores.T)
    assert (found["statistic"], found["p"]) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_friedman_is_exact_where_n_is_small() -> None:
    # Three units that agree wholly: (3!)**2 arrangements beside the first row, 6 of 6**3 as far.
    found = friedman(np.array([[0.9, 0.5, 0.1]] * 3))
    assert found["method"] == "Friedman, exact"
    assert found["p"] == pytest.approx(1 / 36)
    assert found["p"] == pytest.approx(0.028, abs=0.001)  # the printed tables, k 3, N 3
    assert "few" in found["note"]


def test_friedman_with_too_little_says_so() -> None:
    assert "too few" in friedman(np.array([[0.1, 0.2, 0.3, 0.4, 0.5]]))["note"]
    two = friedman(np.array([[0.1, 0.2], [0.3, 0.2], [0.1, 0.4]]))
    assert math.isnan(two["p"])
    assert friedman(np.full((6, 3), 0.5))["p"] == 1.0
    holes = friedman(np.array([[0.1, math.nan, 0.3], [0.1, 0.2, 0.3]]))
    assert holes["n_units"] == 1


def test_ranks_share_and_skip() -> None:
    scores = np.array([[0.9, 0.5, 0.5, math.nan]])
    assert ranks(scores)[0, :3].tolist() == [1.0, 2.5, 2.5]
    assert math.isnan(ranks(scores)[0, 3])
    assert normalised(scores)[0, :3].tolist() == [1.0, 0.0, 0.0]
    assert normalised(np.full((1, 3), 0.4)).tolist() == [[0.5, 0.5, 0.5]]


def test_letters_join_what_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(11)
    truth = {"best": 0.8, "near": 0.8, "middle": 0.6, "worst": 0.2}
    blocks = [made(rng, truth, seeds=6, dataset=f"d{n}") for n in range(3)]
    found = groups(list(truth), over_all(blocks, 0.05))
    assert found == {"best": "a", "near": "a", "middle": "b", "worst": "c"}
    assert groups(["x", "y", "z"], []) == {"x": "a", "y": "a", "z": "a"}
    many = [f"o{n}" for n in range(40)]
    assert set(groups(many, []).values()) == {"a"}


def test_wins_ties_and_losses() -> None:
    rng = np.random.default_rng(5)
    block = made(rng, {"good": 0.9, "same": 0.9, "poor": 0.3}, seeds=8)
    pairs = pairs_of(block, 0.05, (0.0, 1.0))
    assert record("good", pairs) == (1, 1, 0)
    assert record("poor", pairs) == (0, 0, 2)
    assert means([block], ["good", "nobody"]).shape == (1, 2)
    assert math.isnan(means([block], ["good", "nobody"])[0, 1])
