"""Multiple choice: every form a reply takes, and what is not to be taken for an option."""

from __future__ import annotations

import pytest

from optbench.metrics.choice import Choice
from optbench.metrics.letters import chosen

ROW = {
    "answerKey": "B",
    "choices": {
        "label": ["A", "B", "C", "D"],
        "text": ["a dry palm", "wet palms", "palms covered with oil", "oil"],
    },
}


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("B", 1), ("b", 1), ("(B)", 1), ("B.", 1), ("**B**", 1), ("[b]", 1), (" B\n", 1),
        ("Answer: B", 1), ("Answer:\n\nB", 1), ("**Answer:** (B)", 1), ("answer - b.", 1),
        ("The answer is B because water conducts.", 1), ("The correct answer is option B.", 1),
        ("The best choice is (B) wet palms", 1), (r"so \boxed{B}", 1), (r"\boxed{\text{B}}", 1),
        ("B) wet palms", 1), ("B: wet palms", 1), ("I would choose B.", 1), ("It must be (b).", 1),
        ("wet palms", 1), ("Wet palms.", 1), ("Answer: wet palms, as they conduct", 1),
        ("It is wet palms that do it.", 1),
        ("Option A is tempting, and C too. The answer is B.", 1), ("A dog would say B.", 1),
        ("It is not A. B", 1),
        ("A", 0), ("The answer is C", 0), ("dry", 0), ("", 0), ("E", 0), ("I don't know", 0),
        ("A dog barks at a cat", 0), ("Answer: A dry palm", 0), ("a dry palm", 0),
        ("A or B", 0), ("Answer: A and B", 0), ("Answer: A. No, wait. Answer: B", 0),
        ("(A) (B)", 0), ("wet palms or palms covered with oil", 0), ("It is not B.", 0),
        ("2", 0), ("vitamin C and wet weather", 0),
    ],
)  # fmt: skip
def test_choice(output: str, value: float) -> None:
    score = Choice("answerKey").score(output, ROW)
    assert score.value == value, score.reason
    assert "B ('wet palms')" in score.reason


def test_of_two_texts_the_longer_counts() -> None:
    row = {**ROW, "answerKey": "C"}
    assert Choice("answerKey").score("They are palms covered with oil.", row).value == 1
    assert Choice("answerKey").score("They are palms covered with oil.", ROW).value == 0
    assert Choice("answerKey").score("It is oil.", {**ROW, "answerKey": "D"}).value == 1


@pytest.mark.parametrize(
    ("output", "value"),
    [("3", 1), ("(3)", 1), ("Answer: 3", 1), ("3. copper", 1), ("copper", 1),
     ("It has 3 parts, so the answer is 1", 0), ("It takes 3 hours", 0), ("C", 0)],
)  # fmt: skip
def test_labels_may_be_numbers(output: str, value: float) -> None:
    row = {
        "answerKey": "3",
        "choices": {"label": ["1", "2", "3", "4"], "text": ["tin", "iron", "copper", "lead"]},
    }
    assert Choice("answerKey").score(output, row).value == value


def test_reasons_say_what_to_mend() -> None:
    metric = Choice("answerKey")
    assert "must choose one" in metric.score("A or B", ROW).reason
    assert "A, B" in metric.score("A or B", ROW).reason
    assert "no option can be read from 'who knows'" in metric.score("who knows", ROW).reason
    assert "got C ('palms covered with oil')" in metric.score("C", ROW).reason


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROW, "answerKey": "E"}, "'E' in column 'answerKey' is none of the labels A, B, C, D"),
        ({**ROW, "choices": ["x"]}, "column 'choices' is not"),
        ({**ROW, "choices": {"label": ["A"], "text": []}}, "has 1 labels for 0 texts"),
    ],
)
def test_rows_that_cannot_be_scored(row: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Choice("answerKey").check(row)


@pytest.mark.parametrize(
    ("output", "letters"),
    [
        ("A, C and D", "ACD"), ("Answer: A, C, and D.", "ACD"), ("(A), (C)", "AC"),
        ("(A) (B)", "AB"), ("B) as A) fails", "B"),
        ("The correct answers are A and C because B is false", "AC"), ("A & D", "AD"),
        ("a, b", "AB"), ("ACD", ""), ("Answers: a, b", "AB"), ("D/A", "DA"), ("I think A", "A"),
        ("A cat", ""), ("A.", "A"),
    ],
)  # fmt: skip
def test_letters(output: str, letters: str) -> None:
    assert chosen(output, "ABCD") == list(letters)


@pytest.mark.parametrize(
    ("output", "letters"),
    [
        ("A. w\nB. x\nC. y\nD. z", "ABCD"), ("A) w\nC) y", "AC"), ("(A) w\n(C) y", "AC"),
        ("**A.** w\n**C.** y", "AC"), ("- A. w\n- C. y", "AC"), ("A. w, C. y", "AC"),
        ("(A) w (C) y", "AC"), ("a) w\nc) y", "AC"), ("Answer:\nA. w\nC. y", "AC"),
        ("A: true, C: true", "AC"), ("A: true\nB: false\nC: true\nD: false", "AC"),
        ("A: false\nB: false", ""), ("a, c", "AC"), ("a and c", "AC"), ("A C", "AC"),
        ("A\nC", "AC"), ("- A\n- C", "AC"), ("[A] [C]", "AC"), ("a dog and a cat", ""),
        ("(B) is right, because (A) is wrong", "B"), ("B. Roughly, i.e. e. coli", "B"),
        ("It isn't B", ""), ("It isn’t (B).", ""), ("The answer cannot be B", ""),
        ("The answer is not B.", ""), ("I do not think the answer is B", ""),
        ("I don't think it's B", ""), ("Neither A nor B", ""), ("It is not A, B or C", ""),
        ("The choice B is wrong", ""), ("Option B is incorrect.", ""), ("B isn't right", ""),
        ("B? No.", ""), ("(A) fails, so (C)", "C"), ("B rather than A", "B"),
        ("It's not A, it's B", "B"), ("It is not A but B.", "B"), ("B, not A", "B"),
        ("B not A", "B"), ("A is not right. The answer is B.", "B"),
        ("Since it does not rust, B", "B"), ("There is no doubt that it is B", "B"),
        ("B) not at all", "B"), ("No, B.", "B"),
    ],
)  # fmt: skip
def test_lists_and_refusals(output: str, letters: str) -> None:
    assert chosen(output, "ABCDE") == list(letters)


SUN = {
    "answerKey": "B",
    "choices": {
        "label": ["A", "B", "C", "D"],
        "text": ["the Sun", "vitamin C", "plan A", "it isn't known"],
    },
}


@pytest.mark.parametrize(
    ("output", "key"),
    [
        ("A. the Sun\nB. vitamin C", None), ("(A) the Sun (B) vitamin C", None),
        ("The answer is vitamin C or the Sun", None), ("Answer: the Sun, vitamin C", None),
        ("Answer: the Sun and the vitamin C", None), ("vitamin C and plan A", None),
        ("It is vitamin C, not the Sun", "B"), ("It is vitamin C rather than plan A.", "B"),
        ("It must be plan A", "C"), ("Plan A.", "C"), ("Answer: plan A", "C"),
        ("B. vitamin C", "B"), ("Vitamin  C\nis right", "B"), ("C. plan A", "C"),
        ("It isn't vitamin C", None), ("The answer is not vitamin C.", None),
        ("Vitamin C is wrong.", None), ("It cannot be the Sun, it is vitamin C", "B"),
        ("I do not think the answer is vitamin C", None), ("It isn't known", "D"),
        ("Answer: it isn't known", "D"), ("I say it isn’t known" , "D"),
    ],
)  # fmt: skip
def test_texts_that_hold_letters(output: str, key: str | None) -> None:
    for label in SUN["choices"]["label"]:
        score = Choice("answerKey").score(output, {**SUN, "answerKey": label})
        assert score.value == float(label == key), (label, score.reason)
