"""Values that cannot be written down: as a request to a model, or into a task's files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 100
"""Of values in values; Python's own writers of JSON end not far behind."""


_WHOLE = "write the whole character: in JSON an emoji is two \\u escapes, one after the other"
_FLAT = "leave the column out, or write it as text"


def unwritable(value: Any) -> tuple[str, str] | None:
    """What of a value cannot be written, as the tail of a sentence, and the mend; None where all can.

    A text may hold half of a character beyond the first 65,536: JSON's escapes are read one by one, and
    ``\\ud83d`` without its second half is no character of any encoding.
    """
    left: list[tuple[Any, int, str]] = [(value, 0, "")]
    while left:  # not by calling itself: a row may be nested deeper than Python's stack
        found, depth, where = left.pop()
        if depth > MAX_DEPTH:
            return f"is nested more than {MAX_DEPTH} values deep{where}", _FLAT
        if isinstance(found, str):
            half = _half(found)
            if half is not None:
                return f"holds half of a character ({half}){where}", _WHOLE
        elif isinstance(found, Mapping):
            for key, one in found.items():
                named = where or f" in column {key!a}"
                left += [(key, depth + 1, " in a column's name"), (one, depth + 1, named)]
        elif isinstance(found, list | tuple):
            left += [(one, depth + 1, where) for one in found]
    return None


def _half(text: str) -> str | None:
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return ascii(text[error.start])[1:-1]
    return None
