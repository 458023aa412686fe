"""How many words, word pairs or sequences a summary shares with the reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.text import shown

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+")


class Rouge(UnitMetric):
    """The F-measure of ROUGE (Lin 2004) by package ``rouge-score``, with stemming.

    ``rougeLsum`` compares sentence by sentence and wants one a line: both texts are broken after
    ``.``, ``!`` and ``?`` before white space, in addition to their own lines.

    Args:
        target: Column of the reference summary.
        kind: One of :data:`KINDS`.

    Raises:
        ValueError: For another kind.
    """

    def __init__(self, target: str, kind: str = "rougeLsum") -> None:
        if kind not in KINDS:
            raise ValueError(f"kind '{kind}' is none of {', '.join(KINDS)}")
        from rouge_score.rouge_scorer import RougeScorer

        super().__init__(target)
        self.kind = kind
        self._scorer = RougeScorer([kind], use_stemmer=True)

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class."""
        expected = str(row[self.target])
        found = self._scorer.score(_lines(expected), _lines(output))[self.kind]
        return Score(
            found.fmeasure,
            f"{self.kind} F {found.fmeasure:.2f}: the summary holds {found.recall:.0%} of the "
            f"reference, and {found.precision:.0%} of the summary is in the reference, "
            f"which says '{shown(expected)}'.",
        )


def _lines(text: str) -> str:
    return _SENTENCE_ENDS.sub("\n", text)
