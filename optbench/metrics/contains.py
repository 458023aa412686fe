"""The answer is named somewhere in the output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.text import normalised, whole_words


class Contains(UnitMetric):
    """1 when the target stands in the output as whole words, else 0.

    Beside exact match it tells the skill from the format. A reply that lists every candidate scores
    1 too, so it is no objective to optimise.
    """

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class."""
        expected = normalised(str(row[self.target]))
        found = whole_words(expected).search(normalised(output))
        said = "is" if found else "is not"
        return Score(float(bool(found)), f"'{expected}' {said} named in the reply.")
