"""What a text denies: negators, and how far they reach.

A negator reaches to the end of its sentence, for words may come between ('not, in my view, harmful'),
unless a word such as 'but' or 'therefore' begins another thought. This errs on the safe side: a
reply that is taken for unclear scores nothing, one that is read as its opposite scores a mistake.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

_SHORT = re.compile(r"(?<=[a-z])n['’]t\b", re.IGNORECASE)
_CANNOT = re.compile(r"\b(can)(not)\b", re.IGNORECASE)
_CARELESS = re.compile(
    r"\b(is|are|was|were|do|does|did|would|could|should|must|has|have|ca|wo)nt\b", re.IGNORECASE
)
NEGATOR = re.compile(
    # 'No, it is B' answers another question; 'no B' denies.
    r"\bno\b(?!\s*[,.;:!?—])"
    r"|\b(?:not|never|none|neither|nor|nothing|nobody|nowhere|without|hardly|barely|scarcely|non|un"
    r"|unlikely|unclear|uncertain|insufficient|lack(?:s|ing)?|doubt(?:s|ful)?"
    r"|fail(?:s|ed)? to|far from|rather than|instead of"
    r"|anything but|(?:false|untrue|wrong|incorrect|impossible) (?:that|to))\b",
    re.IGNORECASE,
)
_ASSURING = re.compile(
    r"\bnot only\b|\b(?:no|not a|without(?: an?y?)?) (?:doubt|question)\b", re.IGNORECASE
)
# 'U.S.' ends no sentence.
_END = re.compile(r"(?<!\.\w)[.!?;](?=\W|$)")
_RESET = re.compile(
    r"\b(?:but|therefore|thus|hence|consequently|means|so (?:the|it|this|that|i|we|my))\b"
    r"|,\s*(?:so|instead|rather(?! than))\b"
    # 'It is not A, it is B.'
    r"|,\s*(?:it|this|that|they|the(?: \w+){1,2})\s*(?:['’]?s|is|was|are|must be)\b",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r"\W*(?:since|because|as|if|although|though|while|when|given|without|unlike|rather than"
    r"|instead of)\b",
    re.IGNORECASE,
)


def spelt_out(text: str) -> str:
    """A text with its contracted negations as words of their own: 'isn't' as 'is not'."""
    text = _CANNOT.sub(r"\1 \2", _SHORT.sub(" not", text))
    return _CARELESS.sub(r"\1 not", text)


class Denials:
    """Which places of a text stand under a negator.

    Args:
        text: With negations spelt out.
        resets: Further places where a new thought begins.
    """

    def __init__(self, text: str, resets: Iterable[int] = ()) -> None:
        assured = {at for mark in _ASSURING.finditer(text) for at in range(*mark.span())}
        self._ends = [mark.end() for mark in NEGATOR.finditer(text) if mark.start() not in assured]
        ends = [mark.end() for mark in _END.finditer(text)]
        told = {0, *resets, *ends, *(mark.start() for mark in _RESET.finditer(text))}
        for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
            # 'Since it does not rust, B': the comma ends what is denied.
            if _SUBORDINATE.match(text, start, end):
                told |= {start + mark.start() for mark in re.finditer(",", text[start:end])}
        self._resets = sorted(told)

    def before(self, at: int) -> bool:
        """Whether a negator stands before a place, in the same thought."""
        since = self._resets[bisect_right(self._resets, at) - 1]
        last = bisect_right(self._ends, at)
        return last > 0 and self._ends[last - 1] > since
