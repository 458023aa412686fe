"""The built-in transforms, on rows of our own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from optbench.data import rows


def test_arc_options_keep_their_labels() -> None:
    row = {"question": "?", "choices": {"text": ["ice", "fog"], "label": ["1", "2"]}}
    assert rows.ai2_arc(row)["options"] == "1. ice\n2. fog"
    assert "options" not in row


def test_hotpot_paragraphs_stand_under_their_titles() -> None:
    context = {"title": ["Rhine", "Elbe"], "sentences": [["A river.", " Long."], ["Another."]]}
    found = rows.hotpot({"context": context})
    assert found["paragraphs"] == "Rhine\nA river. Long.\n\nElbe\nAnother."
    assert found["context"] == context


@pytest.mark.parametrize(
    ("label", "word"),
    [
        *((1, "SUPPORTED"), (0, "NOT_SUPPORTED"), (True, "SUPPORTED")),
        *(("1", "SUPPORTED"), ("0", "NOT_SUPPORTED"), ("not supported", "NOT_SUPPORTED")),
    ],
)
def test_hover_labels_are_words(label: Any, word: str) -> None:
    assert rows.hover({"label": label})["label"] == word


@pytest.mark.parametrize(
    ("label", "word"), [(1, "relevant"), (False, "irrelevant"), ("Irrelevant", "irrelevant")]
)
def test_ragbench_labels_are_words(label: Any, word: str) -> None:
    assert rows.ragbench({"label": label})["label"] == word


def test_labels_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        rows.ragbench({"label": 2})
    with pytest.raises(ValueError, match="none of 0 and 1"):
        rows.hover({"label": -1})
    with pytest.raises(ValueError, match="none of 0 and 1"):
        rows.hover({"label": "2"})


def test_medhallu_asks_each_question_once_and_names_the_answer_shown() -> None:
    found = [
        rows.medhallu(
            {
                "question": f"Does {i} help?",
                "knowledge": ["One.", "Two."],
                "true_answer": "yes",
                "hallucinated_answer": "no",
            }
        )
        for i in range(200)
    ]
    assert {row["answer"] for row in found if row["label"] == "factual"} == {"yes"}
    assert {row["answer"] for row in found if row["label"] == "hallucinated"} == {"no"}
    assert 70 < sum(row["label"] == "factual" for row in found) < 130
    assert found[0]["knowledge"] == "One.\nTwo."


def truthful(question: str = "Is it so?") -> dict[str, Any]:
    return {
        "question": question,
        "best_answer": "Nobody knows",
        "correct_answers": ["Nobody knows", "It is unclear"],
        "incorrect_answers": ["Yes", "No", "Nobody knows."],
    }


def test_truthful_choices_hold_the_right_ones_under_their_letters() -> None:
    found = rows.truthful_qa(truthful())
    assert sorted(found["mc1"]["choices"]) == ["No", "Nobody knows", "Yes"]
    assert sorted(found["mc2"]["choices"]) == ["It is unclear", "No", "Nobody knows", "Yes"]
    right = found["mc1"]["choices"][found["mc1"]["labels"].index(1)]
    assert right == "Nobody knows"
    assert f"{found['mc1_answer']}. Nobody knows" in found["mc1_options"].splitlines()
    letters = found["mc2_answer"].split(", ")
    assert letters == sorted(letters)
    shown = dict(line.split(". ", 1) for line in found["mc2_options"].splitlines())
    assert {shown[letter] for letter in letters} == {"Nobody knows", "It is unclear"}


def test_truthful_order_gives_nothing_away_and_never_changes() -> None:
    letters = [rows.truthful_qa(truthful(f"Is {i} so?"))["mc1_answer"] for i in range(60)]
    assert set(letters) == {"A", "B", "C"}
    assert rows.truthful_qa(truthful())["mc2"] == {
        "choices": ["Yes", "Nobody knows", "It is unclear", "No"],
        "labels": [0, 1, 1, 0],
    }


def test_instructions_leave_out_what_is_null() -> None:
    row = {"prompt": "p", "instruction_id_list": ["a", "b"], "kwargs": [{"n": None, "m": 1}, None]}
    assert rows.instructions(row)["kwargs"] == [{"m": 1}, {}]


@pytest.mark.parametrize("how", [repr, lambda told: repr([json.dumps(told[0])]), lambda told: told])
def test_instructions_of_the_training_set(how: Any) -> None:
    told = [{"instruction_id": ["a:b", "c:d"], "kwargs": [None, {"n": 2, "m": None}]}]
    row = {
        "key": "7",
        "messages": [{"role": "user", "content": "Write. No comma."}],
        "ground_truth": how(told),
        "constraint": "No comma.",
    }
    found = rows.instructions(row)
    assert found["prompt"] == "Write. No comma."
    assert found["instruction_id_list"] == ["a:b", "c:d"]
    assert found["kwargs"] == [{}, {"n": 2}]


def test_instructions_of_several_turns_are_refused() -> None:
    row = {"messages": [{"role": "user", "content": "a"}] * 2, "ground_truth": "[]"}
    with pytest.raises(ValueError, match="2 user messages"):
        rows.instructions(row)
