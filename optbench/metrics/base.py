"""What a metric is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Score:
    """One metric's verdict on one output.

    Attributes:
        value: Within the metric's range.
        reason: Why, in words a reflective optimizer can learn from.
    """

    value: float
    reason: str


class Metric(Protocol):
    """Scores an output against the item's row; built as ``cls(target=..., **params)``."""

    direction: Direction
    low: float
    high: float
    columns: tuple[str, ...]
    """Columns of the row it reads."""

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """Scores one output; an exception ends the task, naming the item."""
        ...


def oriented(metric: Metric, value: float) -> float:
    """A value turned so that more is better, within the metric's range."""
    return value if metric.direction == "maximize" else metric.high + metric.low - value


def mean(values: list[float]) -> float:
    """The mean of at least one value."""
    return sum(values) / len(values)
