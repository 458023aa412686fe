"""Which of the labels (A, B, 1, 2 ...) a free reply chooses.

The rules, in this order; the first that finds something decides:

1. The whole reply is a label, whatever stands around it: ``B``, ``(b)``, ``**B.**``.
2. It states an answer: ``Answer: B``, ``the answer is (B)``, ``\\boxed{B}``. Every such statement
   counts, and lists (``A, C and D``) in it.
3. It begins with one label and a bracket, full stop or colon: ``B) because ...``.
4. Labels that stand alone anywhere: in brackets, or a capital by itself. The words ``A`` and ``I``
   count only before punctuation or the end; a bare digit never does, for it may be any number; nor
   does what is refused (``not B``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_STATED = re.compile(
    r"\b(?:answers?|choice|letters?)\b\W{0,4}(?:(?:is|are|would be|should be|must be)\b)?"
    r"[\s:=*_\-]*(?:(?:the\s+)?(?:options?|choices?|letters?|answers?)\b[\s:*_]*)?"
    r"|\\boxed\s*\{\s*(?:\\text\s*\{)?",
    re.IGNORECASE,
)
_OPENING = r"[\s(\[{\"'`*_]*"
_CLOSING = r"[\s)\]}\"'`*_]*"
_NEXT = re.compile(
    rf"{_CLOSING}(?:,\s*and\b|,\s*or\b|,|&|/|\band\b|\bor\b|(?=[(\[]\w[)\]])){_OPENING}",
    re.IGNORECASE,
)
"""Between the labels of a list."""
_AROUND = " \t\r\n.,;:!?\"'`*_()[]{}"
NEAR = 30
"""Characters around a label that say whether it is one."""
STATEMENT = 500
"""Characters that are read of a statement; what a reply repeats endlessly must not take for ever."""
_WORDS = frozenset("AI")
"""Labels that are English words as well."""


def chosen(text: str, labels: Sequence[str]) -> list[str]:
    """The different labels that a reply chooses, in the order of its naming them.

    Args:
        text: The reply.
        labels: Single letters or digits, as the prompt shows them.
    """
    upper = [label.upper() for label in labels]
    whole = text.strip(_AROUND).upper()
    if whole in upper:
        return [whole]
    for found in (_stated(text, upper), _leading(text, upper), _alone(text, upper)):
        if found:
            return list(dict.fromkeys(found))
    return []


def statements(text: str) -> list[str]:
    """What follows each place where a reply states an answer."""
    return [text[mark.end() : mark.end() + STATEMENT] for mark in _STATED.finditer(text)]


def listed(text: str, labels: Sequence[str]) -> list[str]:
    """The labels that a text begins with: one, or a list of them."""
    found: list[str] = []
    rest = re.sub(rf"^{_OPENING}", "", text)
    while rest[:1].upper() in labels and not re.match(r"\w", rest[1:2]) and _is_label(rest):
        found.append(rest[0].upper())
        joint = _NEXT.match(rest[1:])
        if joint is None:
            break
        rest = rest[1 + joint.end() :]
    return found


def _is_label(rest: str) -> bool:
    """Whether the first character is a label rather than a word: a small one before a word is none."""
    return not (rest[0].islower() and re.match(r"\s+\w", rest[1:]) and not _NEXT.match(rest[1:]))


def _stated(text: str, labels: Sequence[str]) -> list[str]:
    return [label for rest in statements(text) for label in listed(rest, labels)]


def _leading(text: str, labels: Sequence[str]) -> list[str]:
    begun = re.match(rf"{_OPENING}(\w)[*_]*\s*[).:\]](?!\w)", text)
    if begun is None or _NEXT.match(text[begun.end(1) :]):
        return []
    return [begun[1].upper()] if begun[1].upper() in labels else []


def _alone(text: str, labels: Sequence[str]) -> list[str]:
    found = []
    for mark in re.finditer(r"(?<![\w'’])(\w)(?![\w'’])", text):
        label = mark[1]
        before = text[max(0, mark.start() - NEAR) : mark.start()]
        after = text[mark.end() : mark.end() + NEAR]
        if label.upper() not in labels or re.search(r"\bnot\s+(?:option\s+)?[(\[*]*$", before):
            continue
        bracketed = before.endswith(("(", "[")) and after.startswith((")", "]"))
        word = label in _WORDS and re.match(r"\s+\w", after) and not _NEXT.match(after)
        if bracketed or (label.isupper() and not word):
            found.append(label.upper())
    return found
