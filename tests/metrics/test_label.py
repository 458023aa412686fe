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
        ("The verdict is: SUPPORTED, not 'not supported'.", None),
        ("SUPPORTED or NOT_SUPPORTED", None), ("unsupported", None), ("supporting", None),
        ("not refuted", None), ("isn't supported", None), ("", None), ("lacks evidence", None),
        ("10", None), ("NOTSUPPORTED", None),
    ],
)  # fmt: skip
def test_hover(output: str, names: int | None) -> None:
    metric = Label("label", HOVER)
    for value in (0, 1):
        score = metric.score(output, {"label": value})
        assert score.value == float(names == value), (value, score.reason)
        assert HOVER[value][0] in score.reason


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
