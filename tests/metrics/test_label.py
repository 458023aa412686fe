"""Classes: no class hides in another's name, and naming two is naming none."""

from __future__ import annotations

from typing import Any

import pytest

from optbench.config.schema import MetricConf
from optbench.errors import ConfigError
from optbench.metrics.label import Label
from optbench.metrics.registry import build

HOVER = {0: ["NOT_SUPPORTED", "refuted"], 1: ["SUPPORTED"]}


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("SUPPORTED", 1), ("supported.", 1), ("The claim is Supported", 1), ("1", 1),
        ("NOT_SUPPORTED", 0), ("not supported", 0), ("Not-Supported", 0), ("**NOT SUPPORTED**", 0),
        ("The claim is refuted.", 0), ("0", 0), ("not\nsupported", 0),
        ("It may look supported. Answer: NOT_SUPPORTED", 0),
        ("The verdict is: SUPPORTED, not 'not supported'.", 1),
        ("SUPPORTED or NOT_SUPPORTED", None), ("unsupported", None), ("supporting", None),
        ("not refuted", None), ("isn't supported", 0), ("", None), ("lacks evidence", None),
        ("10", None), ("NOTSUPPORTED", None),
    ],
)  # fmt: skip
def test_hover(output: str, names: int | None) -> None:
    metric = Label("label", HOVER)
    for value in (0, 1):
        score = metric.score(output, {"label": value})
        assert score.value == float(names == value), (value, score.reason)
        assert HOVER[value][0] in score.reason


SETS = {
    "hover": {
        "SUPPORTED": ["supported"],
        "NOT_SUPPORTED": ["not supported", "unsupported", "refuted"],
    },
    "harm": {"Harmful": ["harmful"], "Harmless": ["harmless", "not harmful"]},
    "halu": {"yes": ["yes", "hallucinated"], "no": ["no", "not hallucinated"]},
    "truth": {"true": ["true"], "false": ["false"]},
    "three": {"yes": ["yes"], "no": ["no"], "maybe": ["maybe"]},
}


@pytest.mark.parametrize(
    ("labels", "output", "names"),
    [
        # A negator that is not direct: unclear.
        ("hover", "The claim is not fully supported by the passages.", None),
        ("hover", "not in any way supported", None),
        ("hover", "It is not, in my view, supported.", None),
        ("hover", "It is not, per U.S. law, supported.", None),
        ("hover", "There is no passage by which the claim is supported.", None),
        ("hover", "The claim is never supported.", None),
        ("hover", "It would be wrong to say that it is supported.", None),
        ("hover", "The passages fail to show that it is supported.", None),
        ("hover", "The claim is far from supported.", None),
        ("hover", "It is neither proven nor supported", None),
        ("hover", "un-supported", None),
        ("hover", "It is unclear whether it is supported", None),
        ("hover", "There's insufficient evidence that it is supported", None),
        ("hover", "I doubt that it is supported", None),
        ("hover", "I do not think the answer is supported", None),
        ("hover", "The answer is not really supported", None),
        ("hover", "It looks supported. Answer: not fully supported", None),
        ("hover", "Supported by none of the passages.", None),
        ("hover", "The claim is supported by no passage", None),
        ("hover", "Supported? No.", None),
        ("hover", "Supported: no", None),
        ("hover", "Supported: not at all.", None),
        ("hover", '{"supported": false}', None),
        ("hover", "Is the claim supported?", None),
        ("hover", "Supported it is not", None),
        ("hover", "not unsupported", None),
        ("hover", "It isn't true that it is not supported", None),
        ("hover", "SUPPORTED, NOT_SUPPORTED", None),
        ("hover", "SUPPORTED. Or NOT_SUPPORTED.", None),
        ("hover", "SUPPORTED. No, wait: it is refuted.", None),
        ("hover", "SUPPORTED/NOT_SUPPORTED", None),
        ("harm", "not really harmful", None),
        ("harm", "I do not think it is harmful", None),
        ("harm", "I don’t think it's harmful.", None),
        ("harm", "It doesnt seem harmful", None),
        ("harm", "anything but harmful", None),
        ("harm", "Harmful, no.", None),
        ("harm", "not harmless", None),
        ("halu", "There is no evidence for this.", None),
        ("halu", "No evidence that it is hallucinated", None),
        ("halu", "yes and no", None),
        ("halu", "Yes. No.", None),
        ("halu", "No, it is hallucinated.", None),
        ("truth", "not true", None),
        ("truth", "The claim isn't false", None),
        # The direct negation of a class that is a class.
        ("hover", "The claim cannot be supported.", "NOT_SUPPORTED"),
        ("hover", "The claim can't be supported.", "NOT_SUPPORTED"),
        ("hover", "It is **not** supported", "NOT_SUPPORTED"),
        ("hover", "is NOT *supported*", "NOT_SUPPORTED"),
        ("hover", 'not "supported"', "NOT_SUPPORTED"),
        ("hover", "it's not ‘supported’", "NOT_SUPPORTED"),
        ("hover", "<b>not</b> supported", "NOT_SUPPORTED"),
        ("hover", "It isn’t supported.", "NOT_SUPPORTED"),
        ("harm", "It would not be harmful to answer.", "Harmless"),
        ("harm", "non-harmful", "Harmless"),
        # A label, however it is dressed, and an explanation behind it.
        ("hover", "`SUPPORTED`.", "SUPPORTED"),
        ("hover", '"Not supported."', "NOT_SUPPORTED"),
        ("hover", "<answer>SUPPORTED</answer>", "SUPPORTED"),
        ("hover", '{"label": "NOT_SUPPORTED"}', "NOT_SUPPORTED"),
        ("hover", "SUPPORTED. The passages do not contradict it.", "SUPPORTED"),
        ("hover", "SUPPORTED - it is not refuted by any passage", "SUPPORTED"),
        ("hover", "SUPPORTED\nNo passage denies it.", "SUPPORTED"),
        ("hover", "**SUPPORTED**\n\nNot refuted.", "SUPPORTED"),
        ("hover", "Supported, because he was not born there", "SUPPORTED"),
        ("hover", "NOT_SUPPORTED. The first half is supported by passage 1.", "NOT_SUPPORTED"),
        ("hover", "Answer: SUPPORTED (not refuted)", "SUPPORTED"),
        ("hover", "It is not clear at first. Answer: SUPPORTED", "SUPPORTED"),
        ("hover", "No date is given. The claim is supported.", "SUPPORTED"),
        ("hover", "Since no passage denies it, the claim is supported.", "SUPPORTED"),
        ("hover", "He was not born there, so the claim is refuted.", "NOT_SUPPORTED"),
        ("hover", "There is no doubt that the claim is supported.", "SUPPORTED"),
        ("hover", "It is supported and not refuted.", "SUPPORTED"),
        ("harm", "It is not harmless but harmful.", "Harmful"),
        ("harm", "It is harmless, not harmful.", "Harmless"),
        ("halu", "Yes, there is no evidence for this.", "yes"),
        ("halu", "Yes. The answer has no source.", "yes"),
        ("halu", "There is no evidence, so yes", "yes"),
        ("halu", "No, it is not hallucinated", "no"),
        ("halu", "No the reply is fine", "no"),
        ("halu", "The reply is fine: no.", "no"),
        ("three", "Maybe, there is no telling.", "maybe"),
    ],
)  # fmt: skip
def test_what_is_denied_never_counts(labels: str, output: str, names: str | None) -> None:
    metric = Label("label", SETS[labels])
    for value in SETS[labels]:
        score = metric.score(output, {"label": value})
        assert score.value == float(names == value), (value, score.reason)
        assert score.reason


def test_an_unclear_reply_is_told_so() -> None:
    metric = Label("label", SETS["harm"])
    assert metric.score("not really harmful", {"label": "Harmful"}).reason == (
        "Expected the label 'harmful'; 'not really harmful' denies or questions 'harmful', "
        "and says no class."
    )


def test_two_classes_are_told() -> None:
    reason = Label("label", HOVER).score("supported? refuted!", {"label": 1}).reason
    assert (
        reason
        == "Expected the label 'SUPPORTED' alone; the reply names 'SUPPORTED' and 'NOT_SUPPORTED'."
    )


@pytest.mark.parametrize("value", ["harmful", True, 1, "1", "True"])
def test_values_of_any_type(value: Any) -> None:
    labels = {value: ["harmful"], "other": ["harmless"]}
    metric = Label("label", labels)
    assert metric.score("harmful", {"label": value}).value == 1
    assert metric.score("It is harmless.", {"label": value}).value == 0
    assert metric.score("It is not harmless.", {"label": "other"}).value == 0
    assert metric.example({"label": value}) == "harmful"


def test_three_classes() -> None:
    metric = Label("y", {"yes": ["yes"], "no": ["no"], "maybe": ["maybe", "not sure"]})
    assert metric.score("Yes, of course", {"y": "yes"}).value == 1
    assert metric.score("I am not sure.", {"y": "maybe"}).value == 1
    assert metric.score("maybe not sure", {"y": "maybe"}).value == 1
    assert metric.score("yes and no", {"y": "yes"}).value == 0


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({0: ["no"]}, "at least two classes"), (["no", "yes"], "at least two classes"),
        ({0: ["no"], 1: []}, "class '1' of labels has no accepted words"),
        ({0: ["No_Way"], 1: ["no way"]}, "labels has 'no way' for two classes"),
    ],
)  # fmt: skip
def test_wrong_labels_are_a_config_error(labels: Any, said: str) -> None:
    conf = MetricConf(name="label", target="label", params={"labels": labels})
    with pytest.raises(ConfigError, match=rf"dataset\.metrics\.0\.params: .*{said}"):
        build([conf])


def test_a_value_outside_the_classes() -> None:
    with pytest.raises(ValueError, match="2 in column 'label' is none of the classes 0, 1"):
        Label("label", HOVER).check({"label": 2})
