"""SQuAD's two measures of a short answer, with HotpotQA's rule for yes and no.

Both compare after the normalisation of SQuAD's evaluation script v1.1 (Rajpurkar et al. 2016,
arXiv:1606.05250): lower case, no ASCII punctuation, no articles (a, an, the), white space folded.
The rule for yes, no and noanswer is that of HotpotQA's evaluation script (Yang et al. 2018,
arXiv:1809.09600), of F1 alone: where target or reply is one of these words, anything but the same
word scores 0.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.text import shown

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
CLOSED = frozenset({"yes", "no", "noanswer"})
"""Answers that overlap with nothing but themselves."""


def squad_normalised(text: str) -> str:
    """An answer as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def token_f1(reply: str, target: str) -> float:
    """F1 of the tokens that two answers share, counted with repetition, 0..1.

    Two answers that are both empty after the normalisation score 1, one that is empty 0.
    """
    said, wanted = squad_normalised(reply), squad_normalised(target)
    if said != wanted and (said in CLOSED or wanted in CLOSED):
        return 0.0
    tokens, gold = said.split(), wanted.split()
    if not tokens or not gold:
        return float(tokens == gold)
    shared = sum((Counter(tokens) & Counter(gold)).values())
    return 2 * shared / (len(tokens) + len(gold))


class SquadExactMatch(UnitMetric):
    """1 when reply and target are equal after SQuAD's normalisation, else 0.

    Args:
        target: Column of the right answer, a short text.
    """

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class."""
        expected = str(row[self.target])
        said, wanted = squad_normalised(output), squad_normalised(expected)
        if said == wanted:
            return Score(1.0, f"The answer '{expected}' is right.")
        if wanted and f" {wanted} " in f" {said} ":
            return Score(
                0.0, f"The answer '{expected}' is in there, but the reply must hold nothing else."
            )
        return Score(0.0, f"Expected '{expected}', got '{shown(output)}'.")


class SquadF1(UnitMetric):
    """:func:`token_f1` of reply and target.

    Args:
        target: Column of the right answer, a short text.
    """

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class."""
        expected = str(row[self.target])
        value = token_f1(output, expected)
        if value == 1.0:
            return Score(value, f"The answer '{expected}' is right.")
        said, wanted = (Counter(squad_normalised(text).split()) for text in (output, expected))
        missing, more = " ".join((wanted - said).elements()), sum((said - wanted).values())
        return Score(
            value,
            f"Expected '{expected}', got '{shown(output)}': "
            f"missing '{missing}', {more} words too many.",
        )
