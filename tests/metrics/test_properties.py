"""What holds of every metric that computes its value itself, whatever a model writes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optbench.config.schema import MetricConf
from optbench.metrics.base import Judged, Metric, example_of, oriented
from optbench.metrics.registry import NAMES, build

pytest.importorskip("nltk")
pytest.importorskip("if_verifiable", reason="pip install 'optbench[ifbench]'")

import nltk_tables

OPTIONS = {"label": ["A", "B", "C"], "text": ["a dog", "the sun", "12"]}
TRUTHS = {"choices": ["no", "yes", "often"], "labels": [1, 0, 1]}
ASKED = {"prompt": "Say something.", "names": [], "kwargs": []}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "exact_match": ({"y": "Nova"}, {}),
    "contains": ({"y": "Nova"}, {}),
    "numeric": ({"y": "#### 1,072.5"}, {}),
    "choice": ({"y": "B", "choices": OPTIONS}, {}),
    "label": ({"y": 1}, {"labels": {0: ["not supported"], 1: ["supported", "yes"]}}),
    "squad_exact_match": ({"y": "The Nova"}, {}),
    "squad_f1": ({"y": "The red Nova"}, {}),
    "ifbench": (
        {"prompt": "Go.", "y": ["format:no_whitespace", "words:last_first", "count:punctuation"],
         "kwargs": [{}, {}, {}]}, {},
    ),
    "ifeval": (
        {"prompt": "Go.", "y": ["punctuation:no_comma", "change_case:english_lowercase"],
         "kwargs": [{}, {}]}, {},
    ),
    "pupa_leakage": ({"y": "Ann||Berlin||12"}, {}),
    "rouge": ({"y": "Ann won.\nBob lost."}, {}),
    "mc1": ({"y": TRUTHS}, {}),
    "mc2": ({"y": TRUTHS}, {}),
    "levenshtein": ({"y": "Nova"}, {}),
}  # fmt: skip
"""A row and the parameters of each metric."""

WORDS = st.sampled_from(
    ["A", "B", "(C)", "Answer:", "the", "not", "supported", "Ann", "12", "-", "####", "won.", "\n"]
)
REPLIES = st.text(max_size=80) | st.lists(WORDS, max_size=12).map(" ".join)


@pytest.fixture(scope="module", autouse=True)
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with nltk_tables.in_place(tmp_path_factory.mktemp("nltk_data")):
        yield


@pytest.fixture(scope="module")
def metrics(tables: None) -> dict[str, Metric]:
    return {name: built(name, params) for name, (_, params) in CASES.items()}


def built(name: str, params: Mapping[str, Any]) -> Metric:
    return build([MetricConf(name=name, target="y", params=dict(params))])[name]


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=60)
@given(output=REPLIES)
def test_value_is_within_the_range(name: str, metrics: dict[str, Metric], output: str) -> None:
    metric, (row, _) = metrics[name], CASES[name]
    score = metric.score(output, row)
    assert metric.low <= score.value <= metric.high
    assert metric.low <= oriented(metric, score.value) <= metric.high
    assert score.reason
    assert score == metric.score(output, row)


@pytest.mark.parametrize("name", ["choice", "label", "mc2", "numeric", "pupa_leakage", "squad_f1"])
def test_endless_replies_are_read_in_time(name: str, metrics: dict[str, Metric]) -> None:
    """Four times the length takes about four times as long; sixteen times would be quadratic."""
    metric, (row, _) = metrics[name], CASES[name]

    def seconds(reply: str) -> float:
        taken = []
        for _ in range(2):
            started = time.process_time()
            metric.score(reply, row)
            taken.append(time.process_time() - started)
        return max(min(taken), 0.002)

    for word in ("answer is ", "not A (B) ", "B, ", "supported ", "1 ", "12,"):
        assert seconds(word * 4_000) < 10 * seconds(word * 1_000), word


@pytest.mark.parametrize("name", sorted(set(CASES) - {"ifbench", "ifeval"}))
def test_its_example_scores_best(name: str, metrics: dict[str, Metric]) -> None:
    metric, (row, _) = metrics[name], CASES[name]
    value = oriented(metric, metric.score(example_of(metric, row), row).value)
    # One letter is asked for, and two are true.
    assert value == (0.0 if name == "mc1" else 1.0)


def test_every_metric_is_here_or_judged(metrics: dict[str, Metric]) -> None:
    for name in NAMES:
        metric = metrics.get(name) or built(name, {})
        assert (name in CASES) != isinstance(metric, Judged), name
        assert metric.columns[0] == "y"
        assert metric.direction in ("maximize", "minimize")
        assert metric.low < metric.high
