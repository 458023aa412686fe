"""Rendering: one pass, only the allowed columns."""

from __future__ import annotations

import pytest

from optbench.prompts import Prompt, could_be_column, fill, stays

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


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ('Reply as {"answer": 1}. {q}', 'Reply as {"answer": 1}. 2 + 2?'),
        ('{"question": "{q}", "n": {1, 2}}', '{"question": "2 + 2?", "n": {1, 2}}'),
        ("{{q}}", "{2 + 2?}"),
        ("{ q } {} {\nq} {q", "{ q } {} {\nq} {q"),
        (r"\boxed{42} {odd: (name)?}", r"\boxed{42} odd"),
    ],
)
def test_braces_around_anything_but_a_column_are_text(content: str, shown: str) -> None:
    row = {"q": "2 + 2?", "odd: (name)?": "odd"}
    prompt = Prompt(({"role": "user", "content": content},))
    assert prompt.render(row, prompt.placeholders())[0]["content"] == shown
    assert fill(content, row) == shown


def test_what_is_meant_as_a_column() -> None:
    for name in ("q", "Q u", "final-answer", "meta.text", "_x", "frage_\u00fc", "q1"):
        assert could_be_column(name), name
    for name in ('"answer": 1', "1, 2", "42", " q ", "q: 1", "a, b", "$x", "'a'", "..."):
        assert not could_be_column(name), name


def test_a_demonstration_may_hold_braces() -> None:
    assert stays('{"a": {x}}', {"q"})
    assert not stays('{"a": {q}}', {"q"})
