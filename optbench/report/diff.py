"""Prompts before and after, word by word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

PROMPT_LIMIT = 20_000
"""Characters of one message that are compared; what lies behind is cut with a note."""

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_JUNK_FROM = 1_500  # words from which difflib may overlook frequent ones, to stay quick

Piece = tuple[str, str]
"""``"="``, ``"-"`` or ``"+"`` (kept, removed, added), and the text."""


def words(before: str, after: str) -> list[Piece]:
    """What was kept, removed and added, in reading order.

    The pieces that are not ``"+"`` make up ``before``, those that are not ``"-"`` make up ``after``.
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=max(len(old), len(new)) > _JUNK_FROM)
    pieces: list[Piece] = []
    for _, i, j, k, m in matcher.get_opcodes():
        kept, gone, come = "".join(old[i:j]), "".join(old[i:j]), "".join(new[k:m])
        if kept == come:
            pieces.append(("=", kept))
            continue
        if gone:
            pieces.append(("-", gone))
        if come:
            pieces.append(("+", come))
    return pieces


def prompts(initial: Any, final: Any) -> list[dict[str, Any]]:
    """The messages of two candidates side by side, whatever stands in the file.

    Args:
        initial: A candidate as :meth:`optbench.prompts.Prompt.to_json` writes it, or of several prompts.
        final: Another one.

    Returns:
        A message each: ``prompt`` (its name, empty for the only one), ``role``, ``pieces`` and
        ``cut`` (characters that are not shown).
    """
    before, after = dict(_messages(initial)), dict(_messages(final))
    found = []
    for where in dict.fromkeys([*before, *after]):
        old, new = before.get(where, ""), after.get(where, "")
        cut = max(0, len(old) - PROMPT_LIMIT) + max(0, len(new) - PROMPT_LIMIT)
        pieces = words(old[:PROMPT_LIMIT], new[:PROMPT_LIMIT])
        found.append({"prompt": where[0], "role": where[2], "pieces": pieces, "cut": cut})
    return found


def _messages(candidate: Any) -> Iterator[tuple[tuple[str, int, str], str]]:
    """``(prompt, position, role)`` and the text of each message."""
    if not isinstance(candidate, Mapping):
        return
    parts = candidate.get("prompts")
    named = parts.items() if isinstance(parts, Mapping) else [("", candidate)]
    for name, part in named:
        messages = part.get("messages") if isinstance(part, Mapping) else None
        for index, message in enumerate(messages if isinstance(messages, list) else ()):
            if isinstance(message, Mapping):
                role = str(message.get("role", ""))[:40]
                yield (str(name)[:120], index, role), _text(message.get("content"))
        params = part.get("params") if isinstance(part, Mapping) else None
        if params:
            yield (str(name)[:120], -1, "parameters"), _text(params)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, indent=1, default=str)
