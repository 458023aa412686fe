"""Text of results made safe to look at: characters that hide, reorder or command are shown by name."""

from __future__ import annotations

import re

_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tab and line feed
    "\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff"  # halves of characters, which no file can hold
    "\U000e0000-\U000e007f]"  # tags: whole sentences that nobody sees
)
"""Zero-width joiners are left alone: scripts and emoji need them. ``assets/text.js`` has the same."""


def plain(text: str, limit: int = 120) -> str:
    """A text for a chart: one line, odd characters as ``␛`` or ``[U+202E]``, cut with ``…``."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return _ODD.sub(_bracketed, " ".join(short.split(" ")).replace("\n", "␤").replace("\t", " "))


def boxed(text: object) -> object:
    """A value for the template: text is escaped, with each odd character in a box.

    Meant as ``finalize`` of a jinja2 environment, so that no expression can be forgotten. What is
    markup already, and what is no text, passes.
    """
    from markupsafe import Markup, escape

    if isinstance(text, Markup) or not isinstance(text, str):
        return text
    parts = _ODD.split(text)
    names = [_name(found) for found in _ODD.findall(text)]
    out = escape(parts[0])
    for name, part in zip(names, parts[1:], strict=True):
        out += Markup('<span class="odd">') + name + Markup("</span>") + escape(part)
    return out


def _name(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"U+{code:04X}"


def _bracketed(match: re.Match[str]) -> str:
    name = _name(match[0])
    return name if len(name) == 1 else f"[{name}]"
