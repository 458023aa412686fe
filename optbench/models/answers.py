"""What a simulated model is told of a dataset; no other model ever sees it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optbench.data.items import Data, Item
from optbench.models.simulated import AnswerKey, difficulty_of

WRONG_ANSWERS = 4
"""Plausible wrong answers an item gets, drawn from the other items' right ones."""


def answer_keys(
    data: Data, columns: Sequence[str], answer: Callable[[Mapping[str, Any]], str]
) -> list[AnswerKey]:
    """A key for each item of all slices.

    Args:
        data: The task's items.
        columns: Columns that the prompt shows; the longest text among them finds the item again.
        answer: The right answer to a row, in words.
    """
    items = [item for part in data for item in part]
    right = [answer(item.row) for item in items]
    every = sorted(set(right))
    return [_key(item, columns, said, every) for item, said in zip(items, right, strict=True)]


def _key(item: Item, columns: Sequence[str], answer: str, answers: Sequence[str]) -> AnswerKey:
    others = [other for other in answers if other != answer]
    wrong = random.Random(item.id).sample(others, min(WRONG_ANSWERS, len(others)))
    shown = max((str(item.row[column]) for column in columns), key=len)
    return AnswerKey(
        text=shown, answer=answer, wrong=tuple(wrong), difficulty=difficulty_of(item.id)
    )
