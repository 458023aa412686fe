"""TruthfulQA's multiple choice in letters."""

from __future__ import annotations

import pytest

from optbench.metrics.truthful_mc import MC1, MC2

ONE = {"t": {"choices": ["no", "yes", "often"], "labels": [0, 1, 0]}}
TWO = {"t": {"choices": ["no", "never", "yes", "often"], "labels": [0, 1, 0, 1]}}


@pytest.mark.parametrize(
    ("output", "value"),
    [("B", 1), ("The answer is (B).", 1), ("A", 0), ("A, B", 0), ("D", 0), ("", 0),
     ("It isn't B", 0), ("A. no\nB. yes\nC. often", 0), ("B. yes", 1),
     ("B. yes\nA. no", 0), ("b", 1), ("B: true, A: false", 1)],
)  # fmt: skip
def test_mc1(output: str, value: float) -> None:
    assert MC1("t").score(output, ONE).value == value


@pytest.mark.parametrize(
    ("output", "value"),
    [("B, D", 1), ("D and B", 1), ("B", 1 / 2), ("A, B, D", 2 / 3), ("A, B", 1 / 3), ("A, C", 0),
     ("A, B, C, D", 1 / 2), ("", 0), ("B. never\nD. often", 1), ("B) never\nD) often", 1),
     ("B: true, D: true", 1), ("A: false\nB: true\nC: false\nD: true", 1), ("b, d", 1),
     ("b and d", 1), ("B D", 1), ("A. no\nB. never\nC. yes\nD. often", 1 / 2)],
)  # fmt: skip
def test_mc2(output: str, value: float) -> None:
    assert MC2("t").score(output, TWO).value == pytest.approx(value)


def test_reasons() -> None:
    assert MC1("t").score("C", ONE).reason == "Expected B ('yes'), got C ('often'), which is false."
    told = MC2("t").score("A, B", TWO).reason
    assert told == "Not all true options and no other: missing D ('often'); false A ('no')."


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"choices": ["a"], "labels": [0]}, "has no true option"),
        ({"choices": ["a"], "labels": [1, 0]}, "has 2 labels for 1 options"),
        (["a"], "is not {choices"),
        ({"choices": ["a"] * 27, "labels": [1] * 27}, "27 labels for 27 options"),
    ],
)
def test_rows_that_cannot_be_scored(told: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MC1("t").check({"t": told})
