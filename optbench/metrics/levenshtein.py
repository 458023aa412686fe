"""How alike output and target are, letter by letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.text import shown


class Levenshtein(UnitMetric):
    """1 for equal texts, 0 for texts without a common letter.

    ``1 - (insertions + deletions) / (letters of both)``, a substitution being one of each: the ratio
    that python-Levenshtein and Opik's LevenshteinRatio compute. It measures form, not truth: the
    right answer '72' to a worked solution scores near 0, a wrong solution that looks like it near 1.

    Args:
        target: Column of the text to compare with.
    """

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class."""
        from rapidfuzz.distance import Indel

        expected = str(row[self.target])
        value = Indel.normalized_similarity(output, expected)
        return Score(
            value,
            f"{value:.0%} alike letter by letter: expected '{shown(expected)}', got '{shown(output)}'.",
        )
