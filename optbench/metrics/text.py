"""How answers are compared: without what nobody would count as a mistake."""

from __future__ import annotations

import re
import unicodedata

_EDGES = " \t\r\n.,;:!?\"'`*_()[]"
_SPACE = re.compile(r"\s+")


def normalised(text: str) -> str:
    """Case-folded, Unicode-normalised (NFKC), white space folded, no punctuation at the edges."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACE.sub(" ", folded).strip(_EDGES)
