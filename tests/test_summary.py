"""The paired interval behaves, against simulation."""

from __future__ import annotations

import numpy as np

from optbench.summary import paired_lift


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(120):
        before = (rng.random(80) < 0.3).astype(float)
        after = (rng.random(80) < 0.5).astype(float)
        lift = paired_lift(list(before), list(after), seed=trial)
        covered += lift["low"] <= 0.2 <= lift["high"]
    assert 0.88 <= covered / 120 <= 1.0


def test_no_change_is_no_interval() -> None:
    lift = paired_lift([1.0, 0.0], [1.0, 0.0], seed=1)
    assert (lift["mean"], lift["low"], lift["high"], lift["n"]) == (0, 0, 0, 2)
