"""Rows that no output could be scored on are found before anything is paid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import composed

from optbench import preflight
from optbench.preflight import PreflightError
from optbench.task import Task


def problems(folder: Path, answers: dict[str, list[Any]], metric: str) -> list[str]:
    """What preflight says of a dataset with these answers, by split."""
    file = folder / "{split}.jsonl"
    for split, values in answers.items():
        rows = [{"id": f"{split}{i}", "q": f"{split} {i}?", "a": v} for i, v in enumerate(values)]
        Path(str(file).format(split=split)).write_text("\n".join(map(json.dumps, rows)))
    slices = ",".join(
        f"{split}:{{split:{split},start:0,count:{len(v)}}}" for split, v in answers.items()
    )
    config = Task.from_config(
        composed(
            *("dataset=arithmetic", "model=simulated", "dataset.source.kind=file"),
            *("dataset.source.generator=null", "dataset.source.args={}"),
            *(f"dataset.source.path='{file}'", f"dataset.slices={{{slices}}}"),
            *("dataset.prompt=[{role:user,content:'{q}'}]", "dataset.demonstration='{a}'"),
            f"dataset.metrics=[{metric}]",
        )
    ).config
    try:
        preflight.check(config, preflight.read(config))
    except PreflightError as error:
        return [f"{one.key}: {one.what}" for one in error.problems]
    return []


FINE = {"train": ["1", "2"], "validation": ["3"], "test": ["4"]}
KEY = "dataset.metrics.0.target"


@pytest.mark.parametrize("empty", [None, "", "  \n", []])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_answer_is_named(split: str, empty: Any, tmp_path: Path) -> None:
    answers = {**FINE, split: ["5", empty]}
    assert problems(tmp_path, answers, "{name:exact_match,target:a}") == [
        f"{KEY}: item '{split}1' of the {split} slice has nothing in column 'a', the right answer of "
        "metric 'exact_match'"
    ]


def test_one_line_a_slice_says_how_many(tmp_path: Path) -> None:
    answers = {"train": ["1", "", "", ""], "validation": [""], "test": ["4"]}
    found = problems(tmp_path, answers, "{name:squad_f1,target:a}")
    assert len(found) == 2
    assert found[0].endswith("item 'train1' of the train slice has nothing in column 'a', the right "
                             "answer of metric 'squad_f1', and 2 more items")  # fmt: skip
    assert "'validation0' of the validation slice" in found[1]


@pytest.mark.parametrize("value", [0, False, 0.0])
def test_zero_is_an_answer(value: Any, tmp_path: Path) -> None:
    assert problems(tmp_path, {**FINE, "test": [value]}, "{name:contains,target:a}") == []


def test_a_metric_may_allow_it(tmp_path: Path) -> None:
    answers = {**FINE, "train": ["Ann||Bob", ""]}
    assert problems(tmp_path, answers, "{name:pupa_leakage,target:a}") == []
    assert problems(tmp_path, answers, "{name:hallucination,target:a,params:{request:q}}") == []
    found = problems(tmp_path, answers, "{name:truthfulness,target:a,params:{request:q}}")
    assert found[0].startswith(f"{KEY}: item 'train1' of the train slice has nothing")


def test_a_row_that_the_metric_refuses(tmp_path: Path) -> None:
    answers = {**FINE, "test": ["4", "none", "few"]}
    assert problems(tmp_path, answers, "{name:numeric,target:a}") == [
        f"{KEY}: metric 'numeric' cannot score item 'test1' of the test slice: column 'a' holds no "
        "number: 'none', and 1 more items"
    ]
    labels = "{name:label,target:a,params:{labels:{1:[one],2:[two],3:[three]}}}"
    assert problems(tmp_path, FINE, labels) == [
        f"{KEY}: metric 'label' cannot score item 'test0' of the test slice: '4' in column 'a' is "
        "none of the classes 1, 2, 3 of params.labels"
    ]


def test_columns_of_params_are_looked_for(tmp_path: Path) -> None:
    (found,) = {*problems(tmp_path, FINE, "{name:truthfulness,target:a}")[:1]}
    assert found == (
        f"{KEY}: metric 'truthfulness' needs column 'question', which rows of the train slice lack"
    )
