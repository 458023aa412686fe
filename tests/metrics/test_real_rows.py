"""Every real row at hand can be scored, and its own answer scores best."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from optbench.config.schema import MetricConf
from optbench.metrics.base import Checking, example_of
from optbench.metrics.registry import build

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HOVER = {0: ["NOT_SUPPORTED"], 1: ["SUPPORTED"]}


def rows(file: str) -> list[dict[str, Any]]:
    path = Path(os.environ.get("OPTBENCH_TEST_DATA", "../shared/data"), f"{file}.jsonl")
    if not path.exists():
        pytest.skip("no real rows here: set OPTBENCH_TEST_DATA")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("name", "target", "params", "file"),
    [
        ("numeric", "answer", {}, "gsm8k/train"),
        ("choice", "answerKey", {}, "ai2_arc/train"),
        ("choice", "answerKey", {}, "ai2_arc/test"),
        ("label", "label", {"labels": HOVER}, "hover/validation"),
        ("squad_exact_match", "answer", {}, "hotpot_qa/validation"),
        ("squad_f1", "answer", {}, "hotpot_300/train"),
        ("mc2", "mc2_targets", {}, "truthful_qa/multiple_choice.validation"),
        ("rouge", "context", {}, "tiny_test/train"),
    ],
)
def test_every_row_and_its_answer(
    name: str, target: str, params: dict[str, Any], file: str
) -> None:
    metric = build([MetricConf(name=name, target=target, params=params)])[name]
    told = rows(file)
    for row in told:
        if isinstance(metric, Checking):
            metric.check(row)
        assert metric.score(example_of(metric, row), row).value == 1, row
        assert metric.score("", row).value == 0, row


def test_arcs_options_are_told_apart_by_letter_and_by_text() -> None:
    metric = build([MetricConf(name="choice", target="answerKey")])["choice"]
    for row in rows("ai2_arc/test"):
        for label, text in zip(row["choices"]["label"], row["choices"]["text"], strict=True):
            right = float(label == row["answerKey"])
            replies = [label, f"({label}) {text}", f"Answer: {label}", text]
            replies += [f"The answer is {label}. {text}", f"The answer is {text}"]
            for reply in replies:
                score = metric.score(reply, row)
                assert score.value == right, (reply, row["choices"], score.reason)
        every = zip(row["choices"]["label"], row["choices"]["text"], strict=True)
        lines = [f"{label}. {text}" for label, text in every]
        for reply in ("\n".join(lines), "\n".join(lines[:2]), "Answer:\n" + "\n".join(lines[:2])):
            assert metric.score(reply, row).value == 0, reply
        assert metric.score(f"It cannot be {row['answerKey']}.", row).value == 0


@pytest.mark.parametrize("target", ["mc1_targets", "mc2_targets"])
def test_truthful_qas_letters(target: str) -> None:
    metric = build([MetricConf(name="mc1", target=target)])["mc1"]
    for row in rows("truthful_qa/multiple_choice.validation"):
        first, last = row[target]["labels"][0], row[target]["labels"][-1]
        assert metric.score("A", row).value == first
        letter = LETTERS[len(row[target]["labels"]) - 1]
        assert metric.score(f"Answer: {letter}", row).value == last


def test_truthful_qas_lists() -> None:
    metric = build([MetricConf(name="mc2", target="mc2_targets")])["mc2"]
    for row in rows("truthful_qa/multiple_choice.validation"):
        told = zip(
            row["mc2_targets"]["choices"], row["mc2_targets"]["labels"], LETTERS, strict=False
        )
        true = [(letter, text) for text, label, letter in told if label]
        replies = [mark.join(letter for letter, _ in true) for mark in (", ", " ", " and ", "\n")]
        replies += ["\n".join(f"{letter}{mark} {text}" for letter, text in true) for mark in ".):"]
        replies += [", ".join(f"{letter}: true" for letter, _ in true), replies[0].lower()]
        for reply in replies:
            assert metric.score(reply, row).value == 1, reply


def test_gsm8ks_numbers_in_every_form() -> None:
    metric = build([MetricConf(name="numeric", target="answer")])["numeric"]
    for file in ("gsm8k/train", "gsm8k/test"):
        for row in rows(file):
            steps, _, number = row["answer"].partition("#### ")
            replies = [
                number,
                f"{steps}The answer is {number}.",
                f"Answer: **{number}**\n\nSee 3 more",
            ]
            replies += [f"{steps}\\boxed{{{number}}}", f"#### Step 1\n{steps}#### Answer\n{number}"]
            replies += [
                f"So it is ${number}.",
                f"The answer is {number}. Check: 1+2.",
                steps + number,
            ]
            replies += [f"{steps}**Answer:** {number} in all", f"{steps}#### {number}\n2 steps"]
            for reply in replies:
                assert metric.score(reply, row).value == 1, reply
            for reply in (f"-{number}", f"Answer: 1{number}", f"{number}1", f"-${number}"):
                assert metric.score(reply, row).value == 0 or number == "0", reply
