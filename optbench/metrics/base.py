"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from optbench.models.types import ChatReply, ChatRequest

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


Ask = Callable[[ChatRequest], ChatReply]
"""The way to the judge's model: its budget, its cache and its ledger are the task's."""


@runtime_checkable
class Judged(Protocol):
    """A metric that a model scores, besides what every metric is."""

    calls: int
    """To the judge's model for one output, for the plan."""

    def judge_with(self, ask: Ask) -> None:
        """Called once before the first output is scored."""
        ...


def oriented(metric: Metric, value: float) -> float:
    """A value turned so that more is better, within the metric's range."""
    return value if metric.direction == "maximize" else metric.high + metric.low - value


def mean(values: list[float]) -> float:
    """The mean of at least one value."""
    return sum(values) / len(values)
