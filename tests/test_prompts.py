"""Rendering: one pass, only the allowed columns."""

from __future__ import annotations

from optbench.prompts import Prompt

PROMPT = Prompt(
    ({"role": "system", "content": "Answer {answer}."}, {"role": "user", "content": "{question}"})
)


def test_a_candidate_cannot_see_the_answer() -> None:
    row = {"question": "2 + 2?", "answer": "4"}
    assert PROMPT.render(row, {"question"})[0]["content"] == "Answer {answer}."


def test_braces_in_a_value_stay() -> None:
    row = {"question": "what is {answer}?", "answer": "4"}
    assert PROMPT.render(row, {"question", "answer"})[1]["content"] == "what is {answer}?"


def test_fingerprint_is_of_content() -> None:
    assert PROMPT.fingerprint == Prompt(tuple(dict(m) for m in PROMPT.messages)).fingerprint
    assert PROMPT.fingerprint != Prompt(PROMPT.messages, {"temperature": 1.0}).fingerprint
