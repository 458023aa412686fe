"""Turns of phrase that several parts share: counts, lists, close names, text of unknown origin."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def counted(number: int, name: str) -> str:
    """A number of things: ``1 task``, ``1,200 tasks``."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def some(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def close_names(name: str, known: Iterable[str]) -> str:
    """`` Did you mean a or b? Known: ...``, as the tail of a sentence."""
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=3, cutoff=0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"{meant} Known: {', '.join(options)}." if options else meant


def printable(text: str, most: int | None = None) -> str:
    """A text that may come from anywhere, in one line, without what a terminal would obey.

    Args:
        text: Characters that cannot be shown are written as Python would: ``\\x1b``.
        most: Characters it may have; None: any number.
    """
    shown = text if text.isprintable() else "".join(map(_shown, text))
    return shown if most is None or len(shown) <= most else f"{shown[: most - 3]}..."


def _shown(char: str) -> str:
    return char if char.isprintable() else ascii(char)[1:-1]
