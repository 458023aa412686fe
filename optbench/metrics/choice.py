"""The option that a multiple-choice reply chooses is the right one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.letters import NEAR, chosen, listed, refused, statements, without
from optbench.metrics.negation import Denials, spelt_out
from optbench.metrics.text import folded, normalised, shown, whole_words

_JOINT = re.compile(r"\W*(?:,\s*(?:and|or)|,|&|/|\band\b|\bor\b)\s*\W*")
"""Between the options of a list."""
_ARTICLE = re.compile(r"(?:the|an?)\s")


class Choice(UnitMetric):
    """1 when the reply chooses the right option and no other, else 0.

    A reply is read by the rules of :mod:`optbench.metrics.letters`. Before them: a reply that is an
    option's whole text, or states an answer that begins with it, chooses that option. After them, if
    no label was found: the options whose text is named and not denied (of two, where one contains the
    other, the longer). Several different options are wrong.

    Args:
        target: Column of the right label, such as ARC's ``answerKey``.
        choices: Column of the options: ``{"text": [...], "label": [...]}``, labels such as A-D or 1-4.
    """

    def __init__(self, target: str, choices: str = "choices") -> None:
        super().__init__(target)
        self.choices = choices
        self.columns = (target, choices)

    def check(self, row: Mapping[str, Any]) -> None:
        """Whether the row has options, and the right label among them.

        Raises:
            ValueError: When it has not.
        """
        options = self._options(row)
        if str(row[self.target]).strip().upper() not in options:
            raise ValueError(
                f"'{row[self.target]}' in column '{self.target}' is none of the labels "
                f"{', '.join(options)} in column '{self.choices}'"
            )

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class.

        Raises:
            ValueError: When the row's options cannot be read.
        """
        self.check(row)
        options = self._options(row)
        right = str(row[self.target]).strip().upper()
        expected = f"{right} ('{options[right]}')"
        found = _read(output, options)
        if not found:
            return Score(
                0.0, f"Expected option {expected}; no option can be read from '{shown(output)}'."
            )
        if len(found) > 1:
            return Score(
                0.0,
                f"Expected option {expected} alone; the reply names {', '.join(found)}. "
                "It must choose one.",
            )
        if found == [right]:
            return Score(1.0, f"Option {expected} is right.")
        return Score(0.0, f"Expected option {expected}, got {found[0]} ('{options[found[0]]}').")

    def _options(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Text by label; labels in capitals."""
        told = row[self.choices]
        try:
            labels, texts = list(told["label"]), list(told["text"])
        except (TypeError, KeyError, IndexError) as error:
            raise ValueError(
                f"column '{self.choices}' is not {{text: [...], label: [...]}}: {told!r:.80}"
            ) from error
        if not labels or len(labels) != len(texts):
            raise ValueError(
                f"column '{self.choices}' has {len(labels)} labels for {len(texts)} texts"
            )
        return {
            str(label).strip().upper(): str(text) for label, text in zip(labels, texts, strict=True)
        }


def _read(output: str, options: Mapping[str, str]) -> list[str]:
    """The labels of the options that a reply chooses."""
    whole = [label for label, text in options.items() if normalised(text) == normalised(output)]
    if whole and output.strip().upper() not in options:
        return whole
    output = spelt_out(output)
    blotted, wanted = without(output, list(options.values())), _wanted(options)
    stated = [
        label
        for part in statements(output)
        for label in _begun(output[part], wanted) or listed(blotted[part], list(options))
    ]
    if stated:
        return list(dict.fromkeys(stated))
    return chosen(output, list(options), list(options.values())) or _named(output, wanted, options)


def _wanted(options: Mapping[str, str]) -> list[tuple[str, re.Pattern[str]]]:
    """What finds each option's text in a folded reply, with its label; the longest text first."""
    folded_texts = {label: spelt_out(normalised(text)) for label, text in options.items()}
    told = sorted(folded_texts.items(), key=lambda option: -len(option[1]))
    return [(label, whole_words(text)) for label, text in told if text]


def _begun(rest: str, wanted: Sequence[tuple[str, re.Pattern[str]]]) -> list[str]:
    """The options whose texts a statement begins with, one or a list."""
    said, found = normalised(rest), []
    while (begun := _text_at(said, wanted)) is not None:
        label, end = begun
        if not refused(said[end : end + NEAR]):
            found.append(label)
        joint = _JOINT.match(said, end)
        said = said[joint.end() :] if joint else ""
    return found


def _text_at(said: str, wanted: Sequence[tuple[str, re.Pattern[str]]]) -> tuple[str, int] | None:
    """The option whose text stands first, an article aside, and where that ends.

    A text of one letter would be taken for a label.
    """
    article = _ARTICLE.match(said)
    for label, text in wanted:
        for start in (0, article.end()) if article else (0,):
            mark = text.match(said, start)
            if mark and len(mark[0]) > 1:
                return label, mark.end()
    return None


def _named(
    output: str, wanted: Sequence[tuple[str, re.Pattern[str]]], labels: Iterable[str]
) -> list[str]:
    """Options named by their text, without those that are part of a longer one named there.

    What is denied, before it or after it, is not named.
    """
    rest, places = folded(output), []
    for label, text in wanted:
        places += [(label, *mark.span()) for mark in text.finditer(rest)]
        rest = text.sub(lambda mark: "\0" * len(mark[0]), rest)
    denials = Denials(rest)
    found = {
        label
        for label, start, end in places
        if not denials.before(start) and not refused(rest[end : end + NEAR])
    }
    return [label for label in labels if label in found]
