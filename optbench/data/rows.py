"""Transforms of the built-in datasets: from a row as the hub has it to what prompts and metrics read.

Each takes a row and returns a new one with the columns added that its docstring names; a dataset of your
own names its function the same way, in ``dataset.source.transform``. Whatever they raise is told with
split and row. Chance is drawn from the row itself, so a row is the same in every process and slice.
"""

from __future__ import annotations

import ast
import json
import random
import string
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]

HOVER = ("NOT_SUPPORTED", "SUPPORTED")
"""HoVer's labels, by the number that the hub's rows have for them."""
_YES = ("1", "true", "yes", "relevant")
_NO = ("0", "false", "no", "irrelevant", "not relevant")


def ai2_arc(row: Row) -> Row:
    """``options``: the choices, a line each, under the row's own labels (A-D, or 1-4)."""
    labels, texts = row["choices"]["label"], row["choices"]["text"]
    return {**row, "options": _lettered(texts, labels)}


def hotpot(row: Row) -> Row:
    """``paragraphs``: the context as text, each paragraph under its title; ``context`` stays."""
    told = row["context"]
    paragraphs = zip(told["title"], told["sentences"], strict=True)
    text = "\n\n".join(f"{title}\n{''.join(sentences).strip()}" for title, sentences in paragraphs)
    return {**row, "paragraphs": text}


def hover(row: Row) -> Row:
    """``label`` as a word, SUPPORTED or NOT_SUPPORTED, whether the row has the word or its number."""
    label = row["label"]
    told = str(int(label) if isinstance(label, bool) else label).strip()
    if told.removeprefix("-").isdecimal():  # a number, or the text of one as CSV files have it
        if told not in ("0", "1"):
            raise ValueError(f"label {told} is none of 0 and 1")
        told = HOVER[int(told)]
    return {**row, "label": told.upper().replace(" ", "_")}


def medhallu(row: Row) -> Row:
    """``answer`` and ``label``: the row's true or its hallucinated answer, and which of them it is.

    A coin decides that is the question's own, so each question is asked once and neither label says
    anything about the others. ``knowledge`` becomes one text.
    """
    true = random.Random(f"medhallu {row['question']}").random() < 0.5
    knowledge = row["knowledge"]
    return {
        **row,
        "knowledge": knowledge if isinstance(knowledge, str) else "\n".join(knowledge),
        "answer": row["true_answer" if true else "hallucinated_answer"],
        "label": "factual" if true else "hallucinated",
    }


def ragbench(row: Row) -> Row:
    """``label`` as a word, relevant or irrelevant, whether the row has a word, a number or a truth."""
    told = str(row["label"]).strip().casefold()
    if told not in (*_YES, *_NO):
        raise ValueError(f"label {row['label']!r} is neither relevant nor irrelevant")
    return {**row, "label": "relevant" if told in _YES else "irrelevant"}


def truthful_qa(row: Row) -> Row:
    """``mc1``, ``mc2``: choices with labels, 1 for a true one; ``*_options`` as text, ``*_answer``.

    mc1 has the best answer among the incorrect ones, mc2 all answers, as in the benchmark's own
    multiple choice (https://github.com/sylinrl/TruthfulQA). They are made from the row's answers, since
    the rows of the benchmark's other file come in another order and close each answer with a full
    stop. An answer that a row lists as both right and wrong is right here (2 of 257 rows compared; the
    others are the same). There the true ones come first, which a prompt that shows them would give
    away: here the question's own chance puts them in order.
    """
    correct, incorrect = row["correct_answers"], row["incorrect_answers"]
    known = {_bare(answer) for answer in (*correct, row["best_answer"])}
    wrong = [answer for answer in incorrect if _bare(answer) not in known]
    made: Row = {}
    for name, right in (("mc1", [row["best_answer"]]), ("mc2", correct)):
        told = [(text, 1) for text in right] + [(text, 0) for text in wrong]
        random.Random(f"{name} {row['question']}").shuffle(told)
        letters = string.ascii_uppercase[: len(told)]
        made[name] = {"choices": [text for text, _ in told], "labels": [true for _, true in told]}
        made[f"{name}_options"] = _lettered([text for text, _ in told], letters)
        made[f"{name}_answer"] = ", ".join(
            letter for letter, (_, true) in zip(letters, told, strict=True) if true
        )
    return {**row, **made}


def instructions(row: Row) -> Row:
    """``prompt``, ``instruction_id_list``, ``kwargs``: IFEval, IFBench, and the set IFBench trains on.

    The latter (allenai/IF_multi_constraints_upto5) holds them in ``messages`` and, as text, in
    ``ground_truth``. A row has many arguments that are null, since the hub's columns are the same for
    all; they are left out.
    """
    if "ground_truth" in row:
        row = _of_training_set(row)
    return {
        **row,
        "kwargs": [
            {name: value for name, value in (given or {}).items() if value is not None}
            for given in row["kwargs"]
        ],
    }


def _of_training_set(row: Row) -> Row:
    asked = [message["content"] for message in row["messages"] if message["role"] == "user"]
    if len(asked) != 1:
        raise ValueError(f"{len(asked)} user messages, expected one")
    told = row["ground_truth"]
    told = ast.literal_eval(told) if isinstance(told, str) else told
    first = told[0] if isinstance(told, Sequence) else told
    first = json.loads(first) if isinstance(first, str) else first
    if not isinstance(first, Mapping):
        raise TypeError("ground_truth holds no instructions")
    return {
        **row,
        "prompt": asked[0],
        "instruction_id_list": list(first["instruction_id"]),
        "kwargs": list(first["kwargs"]),
    }


def _lettered(texts: Sequence[str], labels: Sequence[str]) -> str:
    return "\n".join(f"{label}. {text}" for label, text in zip(labels, texts, strict=True))


def _bare(text: str) -> str:
    return text.strip().rstrip(".").casefold()
