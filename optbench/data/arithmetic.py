"""Word problems from a seed: any number of them, each with a whole number as the answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

_NAMES = ("Ada", "Ben", "Chen", "Dana", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jonas", "Kofi")
_THINGS = ("apples", "stamps", "marbles", "books", "candles", "tickets", "shells", "pencils")
_PLACES = ("market", "library", "harbour", "school fair", "workshop", "garden")

_OFFSETS = {"train": 0, "validation": 1, "test": 2}


def generate(*, split: str, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """The first ``count`` problems of a split.

    The k-th problem of a split is a function of seed, split and k alone, so a longer slice begins
    with the shorter one; no problem stands in two splits, and none twice in one.

    Args:
        split: ``train``, ``validation`` or ``test``.
        count: How many.
        seed: Another seed gives other problems.

    Returns:
        Rows ``id``, ``question``, ``answer`` (a whole number, 0 or more) and ``steps`` (1 to 3).

    Raises:
        TypeError: For another split.
    """
    if split not in _OFFSETS:
        raise TypeError(f"split '{split}' is none of {', '.join(_OFFSETS)}")
    rows: list[dict[str, Any]] = []
    for index in range(count):
        rng = random.Random(f"{seed}:{index * len(_OFFSETS) + _OFFSETS[split]}")
        kind = _KINDS[index % len(_KINDS)]
        question, answer, steps = kind(rng, index * len(_OFFSETS) + _OFFSETS[split])
        rows.append(
            {
                "id": f"{split}-{index}",
                "question": question,
                "answer": str(answer),
                "steps": steps,
            }
        )
    return rows


def _first_number(number: int) -> int:
    """Numbers that never repeat within a kind keep every problem unlike every other."""
    return 20 + number


def _total(rng: random.Random, number: int) -> tuple[str, int, int]:
    name, other = rng.sample(_NAMES, 2)
    thing, first, second = rng.choice(_THINGS), _first_number(number), rng.randint(11, 98)
    text = (
        f"{name} brings {first} {thing} to the {rng.choice(_PLACES)} and {other} brings "
        f"{second} more. How many {thing} are there altogether?"
    )
    return text, first + second, 1


def _rows(rng: random.Random, number: int) -> tuple[str, int, int]:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    each, rows, lost = _first_number(number), rng.randint(3, 9), rng.randint(2, 19)
    text = (
        f"{name} packs {rows} boxes with {each} {thing} each. On the way {lost} {thing} are lost. "
        f"How many {thing} arrive?"
    )
    return text, rows * each - lost, 2


def _change(rng: random.Random, number: int) -> tuple[str, int, int]:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    price, bought, gift = rng.randint(2, 9), rng.randint(3, 8), rng.randint(1, 15)
    paid = price * bought + _first_number(number)
    text = (
        f"At the {rng.choice(_PLACES)} {name} buys {bought} {thing} for {price} euros each, pays "
        f"with {paid} euros, and then finds {gift} euros on the ground. How many euros does {name} "
        "hold after the change?"
    )
    return text, paid - price * bought + gift, 3


_KINDS: tuple[Callable[[random.Random, int], tuple[str, int, int]], ...] = (_total, _rows, _change)
