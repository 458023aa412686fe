"""Which of the classes a free reply names.

The rules, in this order:

1. Where the reply states an answer ('label: ...', 'the answer is ...'), only what follows the last
   such statement counts, if it names a class at all.
2. A class at the start, with punctuation or a new line after it, is the answer; what follows
   explains it, and may name others ('NOT_SUPPORTED. The first half is supported by ...'), unless it
   plainly says another one ('Yes. No.', 'No, it is hallucinated').
3. Else every class named counts. Of words that overlap the longest does, so that 'not supported'
   names no 'supported'.

A word under a negator, before or after it, names nothing; directly behind 'not' it names the class
that has this phrase among its words ('cannot be supported', where 'not supported' is accepted). 'no'
before a noun is not the answer 'no'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from optbench.metrics.negation import NEGATOR, Denials, spelt_out
from optbench.metrics.text import folded, normalised, whole_words

NEAR = 80
"""Characters around a word that may say whether it is meant."""
_MARKS = re.compile(r"[*`~\"“”„«»‘’']|</?\w[\w-]*>")
_DASH = re.compile(r"\s[-‐‑–—]+\s|—")
_STATED = re.compile(r"\b(?:answer|label|verdict|class|classification)\b\s*(?:is\b|[:=])")
_DIRECT = re.compile(r"\b(?:not|non)\s(?:(?:be|been|being|an?|the|at all)\s)?$")
_NOUN = re.compile(
    r"\s+(?!(?:an?|the|this|that|these|those|there|it|its|they|he|she|i|we|you|my|because|since|as"
    r"|but|and|or|if|not)\b)\w"
)
"""After 'no': makes it a determiner."""
_CLAUSE_END = re.compile(
    r"(?:\b(?:not|never|nor|non)\s+)?\0|[.,;:!?(\[—]"
    r"|\b(?:because|since|as|so|but|although|though|while|whereas|and|that|which|who|where|when|if)\b"
)
_REFUSED = re.compile(
    r"[\s:=?(\[,—]*\b(?:no|not|false|never|none|untrue|wrong|incorrect)(?: at all| really| quite)?"
    r"\s*(?:$|[.,;:!?)\]}])"
    r"|\s(?:is|was|would be|seems)\s(?:false|untrue|wrong|incorrect)\b"
)
"""After a word: 'harmful: no', 'supported? Not at all.', 'supported is wrong'."""
_EXPLAINED = re.compile(r"\s*(?:$|[.,;:!)(\[\]}—]|\b(?:because|since|as|for|given)\b)")
_PLAINLY = re.compile(
    r"(?:^|[.,;:!?()\[\]—/&]|\b(?:or|and|but)\b)\s*(?:(?:it|its|is|was|be|the|an?|this|that|claim|"
    r"answer|reply|statement|question|sentence|label|class|i|think|say|so|also|however|actually|wait|"
    r"rather|maybe|perhaps|or|and|but|either|both)\s+)*$"
)
_PLAIN_END = re.compile(r"\s*(?:$|[.,;:!?()\[\]}—/&]|\b(?:or|and|but)\b)")


@dataclass(frozen=True)
class Mention:
    """A class's word in a text, and how it is meant."""

    start: int
    end: int
    value: str
    kind: Literal["said", "asked", "denied"]


@dataclass(frozen=True)
class Reading:
    """What a reply names.

    Attributes:
        classes: Each once, in the order of their naming.
        unclear: Classes that it denies or asks about, without naming another one.
    """

    classes: list[str]
    unclear: list[str]


def plain(text: str) -> str:
    """A text as it is compared: folded, no markdown and no quotes, hyphens as spaces."""
    text = _MARKS.sub("", _spaced_tags(spelt_out(text)))
    return folded(re.sub(r"[_\-‐‑–]", " ", _DASH.sub(" — ", text)))


def _spaced_tags(text: str) -> str:
    return re.sub(r"(</?\w[\w-]*>)", r" \1 ", text)


def read(output: str, classes: Mapping[str, str]) -> Reading:
    """The classes that a reply names.

    Args:
        output: The reply.
        classes: Class by each of its accepted words, these in :func:`plain` form.
    """
    text = _laid_out(output, classes)
    stated = list(_STATED.finditer(text))
    # 'is' may stand under a negator before it ('I do not think the answer is B'), a colon does not.
    resets = [mark.end() for mark in stated if not mark[0].endswith("is")]
    mentions, masked = _mentions(text, classes, resets)
    if stated:
        after = [one for one in mentions if one.start >= stated[-1].end()]
        if after:
            return _result(after, masked, stated[-1].end())
    return _result(mentions, masked, 0)


def _laid_out(output: str, classes: Mapping[str, str]) -> str:
    """The reply in plain form; a first line that is a class alone is set off from the next."""
    first, _, rest = output.strip().partition("\n")
    alone = normalised(plain(first)) in classes and rest.strip()
    return f"{plain(first)} — {plain(rest)}" if alone else plain(output)


def _mentions(
    text: str, classes: Mapping[str, str], resets: Sequence[int]
) -> tuple[list[Mention], str]:
    """Where classes are named, and the text with those places blotted out.

    Longer words are looked for first. A negator inside an accepted word denies nothing else.
    """
    places: list[tuple[int, int, str]] = []
    masked = text
    for word in sorted(filter(None, classes), key=len, reverse=True):
        for mark in list(whole_words(word).finditer(masked)):
            if word == "no" and _NOUN.match(masked, mark.end()):
                continue
            places.append((mark.start(), mark.end(), word))
        masked = _blotted(masked, [(start, end) for start, end, own in places if own == word])
    denials = Denials(masked, resets)
    told = [_meant(start, end, word, masked, denials, classes) for start, end, word in places]
    return sorted(told, key=lambda one: one.start), masked


def _blotted(text: str, places: Sequence[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in places:
        parts += [text[at:start], "\0" * (end - start)]
        at = end
    return "".join([*parts, text[at:]])


def _meant(
    start: int, end: int, word: str, masked: str, denials: Denials, classes: Mapping[str, str]
) -> Mention:
    value, after = classes[word], masked[end : end + NEAR]
    clause = _CLAUSE_END.split(after, maxsplit=1)[0]
    if _REFUSED.match(after) or NEGATOR.search(clause):
        return Mention(start, end, value, "denied")
    if denials.before(start):
        direct = _DIRECT.search(masked[max(0, start - NEAR) : start])
        opposite = classes.get(f"not {word}")
        if direct and opposite and not denials.before(start - len(direct[0])):
            return Mention(start, end, opposite, "said")
        return Mention(start, end, value, "denied")
    asked = after.lstrip(" )]").startswith("?")
    return Mention(start, end, value, "asked" if asked else "said")


def _result(mentions: Sequence[Mention], masked: str, since: int) -> Reading:
    """What the mentions after a place come to."""
    first = mentions[0] if mentions else None
    if (
        first
        and first.kind == "said"
        and not re.search(r"\w", masked[since : first.start])
        and _EXPLAINED.match(masked, first.end)
    ):
        return Reading(_with_contrary(first, mentions, masked), [])
    named = list(dict.fromkeys(one.value for one in mentions if one.kind != "denied"))
    doubted = list(dict.fromkeys(one.value for one in mentions if one.kind != "said"))
    if len(named) > 1 or (named and named[0] not in doubted):
        return Reading(named, [])
    return Reading([], doubted)


def _with_contrary(first: Mention, mentions: Sequence[Mention], masked: str) -> list[str]:
    """The class at the start, and those that the rest plainly says as well."""
    found = [first.value]
    for one in mentions[1:]:
        if one.kind == "denied" or one.value in found:
            continue
        before = masked[max(first.end, one.start - NEAR) : one.start]
        if _PLAINLY.search(before) and _PLAIN_END.match(masked, one.end):
            found.append(one.value)
    return found
