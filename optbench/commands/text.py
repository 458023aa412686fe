"""Numbers with sensible digits, and untrusted text that can do nothing to a terminal."""

from __future__ import annotations

import math
import re
from typing import Any

UNKNOWN = "-"
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tab and line feed
    "\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff"  # halves of characters, which no terminal takes
    "\U000e0000-\U000e007f]"  # tags: sentences that nobody sees
)


def visible(text: object, limit: int | None = None) -> str:
    """A text of a result for a terminal: what hides, reorders or commands is shown as an escape.

    Args:
        text: Untrusted; line feeds and tabs stay.
        limit: Characters after which it is cut, with ``…``.
    """
    whole = str(text)
    if limit is not None and len(whole) > limit:
        whole = whole[: limit - 1] + "…"
    return _ODD.sub(_escape, whole)


def word(text: object, limit: int = 200) -> str:
    """A name of a result: visible, and in one line. Unknown is ``-``."""
    if text is None or text != text or text == "":
        return UNKNOWN
    return visible(" ".join(str(text)[: 4 * limit].split()), limit)


def decimals(*values: Any) -> int:
    """How many to show of numbers that stand below each other: three for scores up to 1."""
    largest = max((abs(float(one)) for one in values if not unknown(one)), default=0.0)
    return 3 if largest < 2 else 2 if largest < 10 else 1 if largest < 1000 else 0


def number(value: Any, places: int | None = None) -> str:
    """A score.

    Args:
        value: Which.
        places: Decimals; None: as many as suit it.
    """
    if unknown(value):
        return UNKNOWN
    said = f"{float(value):,.{decimals(value) if places is None else places}f}"
    return said.replace("-", "") if not said.strip("-0.") else said


def signed(value: Any, places: int | None = None) -> str:
    """The same with its sign."""
    said = number(value, places)
    return said if said.startswith("-") else f"+{said}"


def between(low: Any, high: Any, places: int | None = None, *, sign: bool = False) -> str:
    """An interval."""
    if unknown(low) or unknown(high):
        return UNKNOWN
    form = signed if sign else number
    return f"[{form(low, places)}, {form(high, places)}]"


def chance(value: Any) -> str:
    """A p value, or a probability: never 0 or 1, which no data can show."""
    if unknown(value):
        return UNKNOWN
    if value < 0.001:
        return "<0.001"
    return ">0.999" if 0.999 < value < 1 - 1e-12 else f"{value:.3f}"


def better(value: Any) -> str:
    """The chance of being better: certain is not to be had here."""
    return ">0.999" if not unknown(value) and value > 0.999 else chance(value)


def count(value: Any) -> str:
    """Calls, tokens and the like."""
    return UNKNOWN if unknown(value) else f"{float(value):,.0f}"


def usd(value: Any) -> str:
    """Money: two digits that count, cents where it is more."""
    if unknown(value):
        return UNKNOWN
    value = float(value)
    if value == 0:
        return "$0"
    if abs(value) >= 1:
        return f"${value:,.2f}"
    decimals = min(8, 1 - math.floor(math.log10(abs(value))))
    return f"${value:.{decimals}f}"


def seconds(value: Any) -> str:
    """A duration."""
    if unknown(value):
        return UNKNOWN
    value = float(value)
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def unknown(value: Any) -> bool:
    """Whether a number is not there: None, NaN or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return not math.isfinite(value)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
