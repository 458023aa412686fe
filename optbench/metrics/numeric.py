"""The number at the end of the output is the right one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from optbench.metrics.base import Score, UnitMetric

_NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?|[-−]?\.\d+")
_MARKED = re.compile(r"####\s*(.+)")


class Numeric(UnitMetric):
    """1 when the output's final number equals the target's, else 0.

    The final number is the one after ``####`` where there is that mark (gsm8k's worked solutions),
    else the last number in the text. Thousands separators do not count.

    Args:
        target: Column of the right answer, a number or a text that ends in one.
        tolerance: Largest difference still right; 0 demands equality.
    """

    def __init__(self, target: str, tolerance: float = 0.0) -> None:
        super().__init__(target)
        self.tolerance = Decimal(str(tolerance))

    def check(self, row: Mapping[str, Any]) -> None:
        """Whether the target holds a number.

        Raises:
            ValueError: When it does not.
        """
        self._expected(row)

    def example(self, row: Mapping[str, Any]) -> str:
        """The number alone."""
        return str(self._expected(row))

    def _expected(self, row: Mapping[str, Any]) -> Decimal:
        expected = final_number(str(row[self.target]))
        if expected is None:
            raise ValueError(f"column '{self.target}' holds no number: {row[self.target]!r}")
        return expected

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class.

        Raises:
            ValueError: When the target itself holds no number.
        """
        expected = self._expected(row)
        got = final_number(output)
        if got is None:
            return Score(0.0, f"Expected the number {expected}, the reply holds none.")
        if abs(got - expected) <= self.tolerance:
            return Score(1.0, f"The number {expected} is right.")
        return Score(0.0, f"Expected the number {expected}, got {got}.")


def final_number(text: str) -> Decimal | None:
    """The number a text ends with; None where it holds none."""
    marked = _MARKED.findall(text)
    numbers = _NUMBER.findall(marked[-1]) if marked else []
    numbers = numbers[:1] or _NUMBER.findall(text)[-1:]
    try:
        return Decimal(numbers[0].replace(",", "").replace("−", "-")) if numbers else None
    except InvalidOperation:
        return None
