"""Which requests are the same question, and what is said of those that are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optbench.chat import ChatRequest
from optbench.models.requests import Question, difference, sampling_seed

BASE = ChatRequest(
    [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
    temperature=0.0,
    max_tokens=5,
    seed=1,
)
OTHER = {"role": "user", "content": "x"}
SAME = Question("m", BASE)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Question("n", BASE), "model (m recorded, n asked)"),
        (Question("m", replace(BASE, temperature=1.0)), "temperature (0.0 recorded, 1.0 asked)"),
        (Question("m", replace(BASE, max_tokens=6)), "max_tokens (5 recorded, 6 asked)"),
        (Question("m", replace(BASE, extra={"top_p": 0.5})), "extra"),
        (Question("m", replace(BASE, response_format={"type": "json_object"})), "response_format"),
        (Question("m", replace(BASE, messages=BASE.messages[:1])), "the number of messages"),
        (Question("m", replace(BASE, messages=[BASE.messages[0], OTHER])), "message 2 of 2"),
    ],
)  # fmt: skip
def test_another_question_is_named_by_its_difference(other: Question, named: str) -> None:
    assert other.digest != SAME.digest
    assert named in difference(other, [SAME.body])


def test_the_nearest_is_compared() -> None:
    far = Question("n", replace(BASE, temperature=1.0, max_tokens=9))
    asked = Question("m", replace(BASE, max_tokens=6))
    assert difference(asked, [far.body, SAME.body]).endswith("max_tokens (5 recorded, 6 asked)")
    assert difference(asked, []) == "nothing is recorded at all"
    assert "asked fewer times" in difference(SAME, [SAME.body])


def test_a_seed_is_not_part_of_the_question() -> None:
    assert Question("m", replace(BASE, seed=2)).digest == SAME.digest


@given(seed=st.integers(0, 2**31), occurrence=st.integers(1, 10**6))
def test_only_sampled_questions_have_keys_and_seeds_of_their_own(
    seed: int, occurrence: int
) -> None:
    hot = Question("m", replace(BASE, temperature=0.7))
    assert SAME.key(seed, occurrence) == SAME.digest
    assert hot.key(seed, occurrence) != hot.key(seed, occurrence + 1)
    assert hot.key(seed, occurrence) != hot.key(seed + 1, occurrence)
    assert 0 <= sampling_seed(hot, seed, occurrence) < 2**31
    unknown = Question("m", replace(BASE, temperature=None))
    assert not unknown.greedy  # a provider's own default may sample
