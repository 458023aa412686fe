"""Items and slices: what a dataset is once it has been read."""

from __future__ import annotations

import functools
import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

SliceName = Literal["train", "validation", "test"]
SLICES: tuple[SliceName, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Item:
    """One row of a slice, with an id that never changes."""

    id: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Slice:
    """The items of one of the three roles, in their fixed order."""

    name: SliceName
    items: tuple[Item, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def reordered(self, seed: int) -> Slice:
        """The same items in an order that the seed alone decides."""
        items = list(self.items)
        random.Random(seed).shuffle(items)
        return Slice(self.name, tuple(items))

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 of ids and rows, in order: the same fingerprint means the very same rows."""
        digest = hashlib.sha256()
        for item in self.items:
            digest.update(canonical({"id": item.id, "row": dict(item.row)}).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Data:
    """The three slices of a task."""

    train: Slice
    validation: Slice
    test: Slice

    def __iter__(self) -> Iterator[Slice]:
        return iter((self.train, self.validation, self.test))


def canonical(value: Any) -> str:
    """JSON with sorted keys; values JSON does not know (dates ...) as their text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
