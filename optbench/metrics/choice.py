"""The option that a multiple-choice reply chooses is the right one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.letters import chosen, listed, statements
from optbench.metrics.text import folded, normalised, shown, whole_words


class Choice(UnitMetric):
    """1 when the reply chooses the right option and no other, else 0.

    A reply is read by the rules of :mod:`optbench.metrics.letters`. Before them: a reply, or what it
    states as its answer, that begins with an option's whole text chooses that option. After them, if
    no label was found: the one option whose text is named (of two, where one contains the other, the
    longer). Several different labels are wrong.

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
    stated = [label for rest in statements(output) for label in _begun(rest, options)]
    if stated:
        return list(dict.fromkeys(stated))
    return chosen(output, list(options)) or _named(output, options)


def _begun(rest: str, options: Mapping[str, str]) -> list[str]:
    """The option whose text a statement begins with, else the labels that it does.

    A text of one letter would be taken for a label.
    """
    said = normalised(rest)
    for label, text in sorted(options.items(), key=lambda option: -len(option[1])):
        wanted = normalised(text)
        if len(wanted) > 1 and whole_words(wanted).match(said):
            return [label]
    return listed(rest, list(options))


def _named(output: str, options: Mapping[str, str]) -> list[str]:
    """Options named by their text, without those that are part of a longer one named there."""
    rest, found = folded(output), []
    for label, text in sorted(options.items(), key=lambda option: -len(option[1])):
        wanted = normalised(text)
        if wanted and whole_words(wanted).search(rest):
            found.append(label)
            rest = whole_words(wanted).sub("\0", rest)
    return sorted(found, key=list(options).index)
