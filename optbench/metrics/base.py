"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from optbench.chat import ChatReply, ChatRequest

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


class UnitMetric:
    """What most metrics are: from 0 to 1, more is better, one column that holds what is right.

    Args:
        target: That column.
    """

    direction: Direction = "maximize"
    low = 0.0
    high = 1.0

    def __init__(self, target: str) -> None:
        self.target = target
        self.columns: tuple[str, ...] = (target,)


@runtime_checkable
class Exemplary(Protocol):
    """A metric whose target column is not itself a right answer in words."""

    def example(self, row: Mapping[str, Any]) -> str:
        """An output that scores best or nearly so; what a simulated model takes for right."""
        ...


@runtime_checkable
class Checking(Protocol):
    """A metric that can tell of a row, without any output, that it cannot be scored."""

    def check(self, row: Mapping[str, Any]) -> None:
        """Looks at a row; preflight does so with every row of every slice.

        Raises:
            ValueError: When the row cannot be scored; says why.
        """
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


def allows_empty(metric: Metric) -> bool:
    """Whether an empty target is fine: the metric's ``empty_allowed``, False where it has none."""
    return bool(getattr(metric, "empty_allowed", False))


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, blank text, an empty list; 0 and False are values."""
    if value is None or value != value:
        return True
    return not value.strip() if isinstance(value, str) else value in ([], {}, ())


def example_of(metric: Metric, row: Mapping[str, Any]) -> str:
    """A right answer to a row, in words; the target as it stands where the metric has no say."""
    if isinstance(metric, Exemplary):
        return metric.example(row)
    return str(row[metric.columns[0]]) if metric.columns else ""


def oriented(metric: Metric, value: float) -> float:
    """A value turned so that more is better, within the metric's range."""
    return value if metric.direction == "maximize" else metric.high + metric.low - value


def mean(values: list[float]) -> float:
    """The mean of at least one value."""
    return sum(values) / len(values)
