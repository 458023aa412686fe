"""The output is the answer, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.text import normalised


class ExactMatch(UnitMetric):
    """1 when output and target are equal after normalisation, else 0."""

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class."""
        expected = str(row[self.target])
        if normalised(output) == normalised(expected):
            return Score(1.0, f"The answer '{expected}' is right.")
        if normalised(expected) in normalised(output):
            return Score(
                0.0, f"The answer '{expected}' is in there, but the reply must hold nothing else."
            )
        return Score(0.0, f"Expected exactly '{expected}', got '{output[:200]}'.")
