"""The number at the end of the output is the right one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.numbers import final_number


class Numeric(UnitMetric):
    """1 when the output's final number equals the target's, else 0.

    The final number is the one that the text states as its answer (``#### 72`` in gsm8k's worked
    solutions, ``the answer is 72``), else the last one in it; :mod:`optbench.metrics.numbers` says how
    it is read.

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
