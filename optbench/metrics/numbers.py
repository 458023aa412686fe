"""The number that a text gives as its answer.

An explicit statement counts first, the last of them: ``the answer is 72``, ``Answer: $72``,
``\\boxed{72}``, ``#### 72`` with nothing but the number behind the mark. Where a calculation follows
(``the answer is 48 + 24 = 72``) its result counts, and one without a result states nothing. Without
a statement the last number of the text counts.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_MONEY = r"[$€£¥]"
_VALUE = re.compile(
    r"(?<![\d.])(?:"
    # Separators of thousands only where all groups are of three digits: 1,072.5 or 1 072 or 1'072.
    r"(?P<grouped>(?<!\d,)\d{1,3}(?:(?:,\d{3})+(?!,?\d)"
    r"|(?:[ \u00a0\u2009\u202f_'’]\d{3})+(?![\d,]))(?:\.\d+)?)"
    r"|(?P<european>(?<!\d,)\d{1,3}(?:\.\d{3})+,\d+(?![\d,]))"
    # One comma before one or two digits is a decimal one; further commas make a list.
    r"|(?P<comma>(?<!\d,)\d+,\d{1,2}(?!,?\d|\.\d))"
    r"|(?P<plain>\d+(?:\.\d+)?|\.\d+)"
    r")(?P<power>[eE][+-]?\d{1,3}(?![\w]))?"
)
_SIGN = re.compile(rf"[-−]{_MONEY}?$|{_MONEY}[-−]$")
_NOT_A_SIGN = re.compile(r"(?:[\w)\]}%]|\d\s{0,3})$")
"""Before a minus: it is a dash or an operator (``70-72``)."""
_REFUSED = re.compile(rf"\bnot\s+[*_{{(]*{_MONEY}?$", re.IGNORECASE)
NEAR = 24
"""Characters before a number that say how it is meant."""

_LEAD = (
    rf"[\s*_`\"'({{\[]*(?:(?:about|approximately|simply|just|exactly)\s+)?[*_`({{]*(?:{_MONEY}\s*)?"
)
_STATED = re.compile(
    r"\banswer\b[*_\"']*(?:\s+(?:to|for)\b[^.:\n]{0,80}?)?[*_]*"
    rf"(?:\s*(?:[:=]|\b(?:is|was|equals|will be|would be|should be|must be|comes to)\b:?))+{_LEAD}"
    r"(?=(?P<said>[-−.\d][^\n]{0,300}))"
    r"|\\boxed\s*\{(?P<boxed>[^\n}]{1,300})"
    rf"|(?<!\#)\#{{4}}[ \t]*(?P<marked>[*_`]*[-−]?\s?{_MONEY}?\s?[-−]?[\d.][\d., ’']*)%?[*_`]*[ \t.]*$",
    re.IGNORECASE | re.MULTILINE,
)
_CLAUSE = re.compile(
    r"[;()!?]|[.,:](?!\d)|,(?=\s)|\b(?:because|since|as|not|rather|out of|which|if|when|where)\b",
    re.IGNORECASE,
)


def final_number(text: str) -> Decimal | None:
    """The number that a text gives; None where it gives none."""
    text = _plain(text)
    for mark in reversed(list(_STATED.finditer(text))):
        stated = _of_clause(mark["said"] or mark["boxed"] or mark["marked"])
        if stated is not None:
            return stated
    found = _numbers(text)
    return found[-1] if found else None


def _plain(text: str) -> str:
    """Without what LaTeX needs around a number."""
    text = text.replace("{,}", ",").replace("\\$", "$").replace("\\%", "%")
    return re.sub(r"\\[,!; ]", " ", text)


def _of_clause(stated: str) -> Decimal | None:
    """The number of a statement: the only one of its first clause, or the result in it."""
    end = _CLAUSE.search(stated)
    clause = stated[: end.start()] if end else stated
    if "=" in stated and (not end or "=" in clause or len(_numbers(clause)) > 1):
        found = _numbers(stated.rpartition("=")[2])
        return found[0] if found else None
    found = _numbers(clause)
    return found[0] if len(found) == 1 else None


def _numbers(text: str) -> list[Decimal]:
    """The numbers of a text in their order, without those behind a 'not'."""
    found = []
    for mark in _VALUE.finditer(text):
        before = text[max(0, mark.start() - NEAR) : mark.start()]
        sign = _SIGN.search(before)
        minus = sign is not None and not _NOT_A_SIGN.search(before[: sign.start()])
        if _REFUSED.search(before[: sign.start()] if sign and minus else before):
            continue
        try:
            value = Decimal(_digits(mark) + (mark["power"] or ""))
        except InvalidOperation:  # pragma: no cover - digits that Decimal does not know
            continue
        found.append(-value if minus else value)
    return found


def _digits(mark: re.Match[str]) -> str:
    if mark["grouped"]:
        return re.sub(r"[^\d.]", "", mark["grouped"])
    if mark["european"]:
        return mark["european"].replace(".", "").replace(",", ".")
    return (mark["comma"] or mark["plain"]).replace(",", ".")
