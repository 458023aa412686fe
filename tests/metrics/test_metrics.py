"""Each metric on right, wrong and odd outputs."""

from __future__ import annotations

import pytest

from optbench.config.schema import MetricConf
from optbench.errors import ConfigError
from optbench.metrics.base import oriented
from optbench.metrics.contains import Contains
from optbench.metrics.exact_match import ExactMatch
from optbench.metrics.numeric import Numeric
from optbench.metrics.registry import build


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("Aurora Kettle", 1),
        (" aurora kettle.\n", 1),
        ("The Aurora Kettle", 0),
        ("", 0),
        ("Kettle", 0),
    ],
)
def test_exact_match(output: str, value: float) -> None:
    score = ExactMatch("p").score(output, {"p": "Aurora Kettle"})
    assert score.value == value
    assert "Aurora Kettle" in score.reason


@pytest.mark.parametrize(
    ("output", "value"), [("It is the Nova.", 1), ("It is the Novalis.", 0), ("NOVA", 1), ("", 0)]
)
def test_contains_whole_words(output: str, value: float) -> None:
    assert Contains("p").score(output, {"p": "Nova"}).value == value


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("72", 1), ("She sold 48+24 = 72 clips.", 1), ("#### 72", 1), ("#### 72\n(of 100)", 1),
        ("1,072", 0), ("72.0", 1), ("−72", 0), ("none", 0), ("72 or 73", 0),
    ],
)  # fmt: skip
def test_numeric(output: str, value: float) -> None:
    assert Numeric("a").score(output, {"a": "48/2 = 24\n#### 72"}).value == value


def test_numeric_target_without_number_raises() -> None:
    with pytest.raises(ValueError, match="holds no number"):
        Numeric("a").score("1", {"a": "none"})


def test_minimised_metric_is_turned() -> None:
    metric = ExactMatch("p")
    metric.direction = "minimize"
    assert oriented(metric, 1.0) == 0.0


def test_registry_names_the_close_one() -> None:
    with pytest.raises(ConfigError, match="Did you mean exact_match"):
        build([MetricConf(name="exact_mach", target="p")])
    with pytest.raises(ConfigError, match=r"dataset\.metrics\.0\.params"):
        build([MetricConf(name="numeric", target="p", params={"tolerence": 1})])
    assert list(build([MetricConf(name="optbench.metrics.contains.Contains", target="p")])) == [
        "Contains"
    ]
