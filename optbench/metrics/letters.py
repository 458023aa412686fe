"""Which of the labels (A, B, 1, 2 ...) a free reply chooses.

The rules, in this order; the first that finds something decides:

1. The whole reply is labels, whatever stands around and between them: ``B``, ``**(b).**``, ``a, c``.
2. It states an answer: ``Answer: B``, ``the answer is (B)``, ``\\boxed{B}``. Every such statement
   counts, and lists (``A, C and D``, or as in rule 3) in it.
3. It begins with a label and a bracket, full stop or colon: ``B) because ...``. Further ones count
   where a list goes on: on a new line, after a comma or a full stop (``A. yes``, ``C. no`` below it).
4. Labels that stand alone anywhere: in brackets, or a capital by itself. The words ``A`` and ``I``
   count only before punctuation or the end; a bare digit never does, for it may be any number.

A label that is refused (``it cannot be B``, ``A: false``, ``C is wrong``) is not chosen, nor is a
letter within an option's text (``vitamin C``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from optbench.metrics.negation import Denials, spelt_out
from optbench.metrics.text import normalised

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
_BETWEEN = re.compile(
    r"(?:[\s.,;:!?\"'`*_()\[\]{}&/]|(?<!\S)[-•](?!\S)|\band\b|\bor\b)+", re.IGNORECASE
)
"""Between labels where a reply holds nothing else."""
_MARKER = re.compile(
    r"(?P<open>[(\[]?)(?<![\w'’.])[\"'`*_]*(?<![\w'’.])(?P<label>\w)[*_]*\s*[).:\]](?!\w)"
)
_ITEM = re.compile(r"(?:[\n,;.!?]|\band\b|\bor\b)[^\w\0]*$", re.IGNORECASE)
"""Before a label: here the next item of a list begins."""
_ASIDE = re.compile(
    r"\b(?:as|because|since|than|unlike|not|while|whereas|like|over|from)\s*$", re.IGNORECASE
)
"""Before a label in brackets: it is compared with, not chosen."""
_WRONG = r"wrong|incorrect|false|untrue"
_REFUSED = re.compile(
    rf"[)\]}}*_\"'`]*\s*(?:[:=]\s*[*_\"'`]*(?:no|not|{_WRONG})\b|\?\s*no\b"
    r"|(?:is|are|was|would be|seems|looks|can|could|may|does|do|must)\s+(?:(?:also|clearly|simply"
    rf"|definitely|be)\s+)*(?:not(?!\s+[(\[*\"']*(?-i:[A-Z])\b)|never|ruled out|{_WRONG})\b"
    r"|(?:fails?|eliminated|excluded|ruled out)\b)"
    # Behind a bracket these may be the words of the option: 'B) not at all'.
    rf"|[*_\"'`]*\s*(?:not(?!\s+[(\[*\"']*(?-i:[A-Z])\b)|never|{_WRONG})\b",
    re.IGNORECASE,
)
"""After an option: says that it is wrong."""
NEAR = 40
"""Characters around a label that say whether it is one."""
STATEMENT = 500
"""Characters that are read of a statement; what a reply repeats endlessly must not take for ever."""
_WORDS = frozenset("AI")
"""Labels that are English words as well."""


def chosen(text: str, labels: Sequence[str], texts: Sequence[str] = ()) -> list[str]:
    """The different labels that a reply chooses, in the order of its naming them.

    Args:
        text: The reply.
        labels: Single letters or digits, as the prompt shows them.
        texts: What the labels stand for; a letter within them is no label.
    """
    upper = [label.upper() for label in labels]
    whole = _only_labels(text, upper)
    if whole:
        return list(dict.fromkeys(whole))
    text = without(spelt_out(text), [one for one in texts if not _only_labels(one, upper)])
    for read in (_stated, _leading, _alone):
        found = read(text, upper)
        if found:
            return list(dict.fromkeys(found))
    return []


def without(text: str, texts: Sequence[str]) -> str:
    """A text in which options' texts of more than one character are blotted out, longest first.

    Args:
        text: With negations spelt out.
        texts: As the row has them.
    """
    for one in sorted(texts, key=len, reverse=True):
        words = spelt_out(normalised(one)).split()
        if len("".join(words)) > 1:
            phrase = r"\s+".join(map(re.escape, words))
            text = re.sub(
                rf"(?<!\w){phrase}(?!\w)",
                lambda mark: "\0" * len(mark[0]),
                text,
                flags=re.IGNORECASE,
            )
    return text


def refused(after: str) -> bool:
    """Whether what follows an option says that it is wrong."""
    return bool(_REFUSED.match(after[:NEAR]))


def statements(text: str) -> list[slice]:
    """What follows each place where a reply states an answer, and does not deny that it is one.

    Args:
        text: With negations spelt out.
    """
    denials = Denials(text)
    return [
        slice(mark.end(), mark.end() + STATEMENT)
        for mark in _STATED.finditer(text)
        if re.search(r"[:=\\]", mark[0]) or not denials.before(mark.start())
    ]


def listed(text: str, labels: Sequence[str]) -> list[str]:
    """The labels that a text begins with: one, or a list of them, without those refused."""
    marked = _leading(text, labels)
    if marked:
        return marked
    found: list[str] = []
    rest = re.sub(rf"^{_OPENING}", "", text)
    while rest[:1].upper() in labels and not re.match(r"\w", rest[1:2]) and _is_label(rest):
        if not refused(rest[1:]):
            found.append(rest[0].upper())
        joint = _NEXT.match(rest[1:])
        if joint is None:
            break
        rest = rest[1 + joint.end() :]
    return found


def _only_labels(text: str, labels: Sequence[str]) -> list[str]:
    """The labels of a text that holds nothing else; none where it holds anything else."""
    parts = [part.upper() for part in _BETWEEN.split(text) if part]
    return parts if all(part in labels for part in parts) else []


def _is_label(rest: str) -> bool:
    """Whether the first character is a label rather than a word: a small one before a word is none."""
    return not (rest[0].islower() and re.match(r"\s+\w", rest[1:]) and not _NEXT.match(rest[1:]))


def _stated(text: str, labels: Sequence[str]) -> list[str]:
    return [label for part in statements(text) for label in listed(text[part], labels)]


def _leading(text: str, labels: Sequence[str]) -> list[str]:
    """The labels of a list whose items begin with them, without those refused."""
    begun = re.match(rf"{_OPENING}(\w)[*_]*\s*[).:\]](?!\w)", text)
    if begun is None or _NEXT.match(text[begun.end(1) :]) or begun[1].upper() not in labels:
        return []
    found, end = [], 0
    for mark in _MARKER.finditer(text):
        label, before = mark["label"], text[max(end, mark.start() - NEAR) : mark.start()]
        same = label.islower() == begun[1].islower() and label.upper() in labels
        first = mark.start("label") == begun.start(1)
        if same and (first or _ITEM.search(before) or (mark["open"] and not _ASIDE.search(before))):
            end = mark.end()
            if not refused(text[mark.end("label") : mark.end() + NEAR]):
                found.append(label.upper())
    return found


def _alone(text: str, labels: Sequence[str]) -> list[str]:
    found = []
    denials = Denials(text)
    for mark in re.finditer(r"(?<![\w'’])(\w)(?![\w'’])", text):
        label = mark[1]
        after = text[mark.end() : mark.end() + NEAR]
        if label.upper() not in labels or denials.before(mark.start()) or refused(after):
            continue
        before = text[max(0, mark.start() - 1) : mark.start()]
        bracketed = before.endswith(("(", "[")) and after.startswith((")", "]"))
        word = label in _WORDS and re.match(r"\s+\w", after) and not _NEXT.match(after)
        if bracketed or (label.isupper() and not word):
            found.append(label.upper())
    return found
