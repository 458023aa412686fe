"""What a simulated model is told of a dataset; no other model ever sees it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from optbench.data.items import Data, Item
from optbench.models.simulated import AnswerKey, difficulty_of

WRONG_ANSWERS = 4
"""Plausible wrong answers an item gets, drawn from the other items' right ones."""


def answer_keys(data: Data, columns: Sequence[str], target: str) -> list[AnswerKey]:
    """A key for each item of all slices.

    Args:
        data: The task's items.
        columns: Columns that the prompt shows; the longest text among them finds the item again.
        target: Column of the right answer, the objective's.
    """
    items = [item for part in data for item in part]
    answers = sorted({str(item.row[target]) for item in items})
    return [_key(item, columns, str(item.row[target]), answers) for item in items]


def _key(item: Item, columns: Sequence[str], answer: str, answers: Sequence[str]) -> AnswerKey:
    others = [other for other in answers if other != answer]
    wrong = random.Random(item.id).sample(others, min(WRONG_ANSWERS, len(others)))
    shown = max((str(item.row[column]) for column in columns), key=len)
    return AnswerKey(
        text=shown, answer=answer, wrong=tuple(wrong), difficulty=difficulty_of(item.id)
    )
