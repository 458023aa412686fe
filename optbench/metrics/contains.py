"""The answer is named somewhere in the output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from optbench.metrics.base import Direction, Score
from optbench.metrics.text import normalised


class Contains:
    """1 when the target stands in the output as whole words, else 0.

    Beside exact match it tells the skill from the format. A reply that lists every candidate scores
    1 too, so it is no objective to optimise.
    """

    direction: Direction = "maximize"
    low = 0.0
    high = 1.0

    def __init__(self, target: str) -> None:
        self.target = target
        self.columns = (target,)

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class."""
        expected = normalised(str(row[self.target]))
        found = re.search(rf"(?<!\w){re.escape(expected)}(?!\w)", normalised(output))
        said = "is" if found else "is not"
        return Score(float(bool(found)), f"'{expected}' {said} named in the reply.")
