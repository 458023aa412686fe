"""How answers are compared: without what nobody would count as a mistake."""

from __future__ import annotations

import re
import unicodedata

_EDGES = " \t\r\n.,;:!?\"'`*_()[]"
_SPACE = re.compile(r"\s+")
SHOWN = 200
"""Characters of a reply that a reason quotes."""


def folded(text: str) -> str:
    """Case-folded, Unicode-normalised (NFKC), white space folded."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def normalised(text: str) -> str:
    """:func:`folded`, without punctuation at the edges."""
    return folded(text).strip(_EDGES)


def whole_words(phrase: str) -> re.Pattern[str]:
    """Finds a folded phrase in folded text where no letter or digit touches it."""
    return re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)")


def shown(output: str) -> str:
    """A reply's beginning on one line, for a reason."""
    line = _SPACE.sub(" ", output).strip()
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
