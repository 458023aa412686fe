"""The class that a reply names is the right one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.text import folded, normalised, shown, whole_words

NEAR = 30
"""Characters before a word that may deny it."""
_STATED = re.compile(r"\b(?:answer|label|verdict|class|classification)\b\s*(?:is\b|[:=])")
_DENIED = re.compile(r"(?:\bnot|\bnever|\bno|\bnon|n't|n’t)\s(?:(?:a|an|the|at all)\s)?$")


class Label(UnitMetric):
    """1 when the reply names the row's class and no other, else 0.

    Accepted words count where they stand as whole words; case, underscores and hyphens do not
    matter. Of words that overlap the longest counts, so that 'not supported' names no 'supported'. A
    word that is denied ('not harmful') names nothing, unless that phrase is itself accepted. Where
    the reply states an answer ('label: ...', 'the answer is ...') only what follows the last such
    statement counts. A reply that is the row's value itself ('1') is right as well.

    Args:
        target: Column of the right class; its values may be text, numbers or booleans.
        labels: For each value of that column the words that name it. All classes must be listed,
            or a reply that names a missing one could pass.

    Raises:
        ValueError: For fewer than two classes, a class without words, or a word of two classes.
    """

    def __init__(self, target: str, labels: Mapping[Any, Sequence[str]]) -> None:
        super().__init__(target)
        if not isinstance(labels, Mapping) or len(labels) < 2:
            raise ValueError("labels must list the accepted words of at least two classes")
        self._words = {
            _key(value): [words] if isinstance(words, str) else [str(word) for word in words]
            for value, words in labels.items()
        }
        self._classes: dict[str, str] = {}
        for value, words in self._words.items():
            if not any(_plain(word) for word in words):
                raise ValueError(f"class '{value}' of labels has no accepted words")
            for word in map(_plain, words):
                if self._classes.setdefault(word, value) != value:
                    raise ValueError(f"labels has '{word}' for two classes")

    def check(self, row: Mapping[str, Any]) -> None:
        """Whether the row's value is one of the classes.

        Raises:
            ValueError: When it is not.
        """
        if _key(row[self.target]) not in self._words:
            raise ValueError(
                f"{row[self.target]!r} in column '{self.target}' is none of the classes "
                f"{', '.join(self._words)} of params.labels"
            )

    def example(self, row: Mapping[str, Any]) -> str:
        """The first accepted word of the row's class."""
        self.check(row)
        return self._words[_key(row[self.target])][0]

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class.

        Raises:
            ValueError: When the row's value is none of the classes.
        """
        expected = self.example(row)
        right = _key(row[self.target])
        found = self._read(output)
        if found == [right]:
            return Score(1.0, f"The label '{expected}' is right.")
        if not found:
            every = ", ".join(f"'{words[0]}'" for words in self._words.values())
            return Score(
                0.0,
                f"Expected the label '{expected}'; '{shown(output)}' names none of {every}.",
            )
        said = " and ".join(f"'{self._words[value][0]}'" for value in found)
        if len(found) > 1:
            return Score(0.0, f"Expected the label '{expected}' alone; the reply names {said}.")
        return Score(0.0, f"Expected the label '{expected}', got {said}.")

    def _read(self, output: str) -> list[str]:
        whole = _key(output)
        if whole in self._words:
            return [whole]
        text = _plain(output)
        stated = list(_STATED.finditer(text))
        named = self._named(text[stated[-1].end() :]) if stated else []
        return named or self._named(text)

    def _named(self, text: str) -> list[str]:
        """The classes named, each once; longer words are looked for first, and taken out."""
        found: list[tuple[int, str]] = []
        for word in sorted(filter(None, self._classes), key=len, reverse=True):
            for mark in whole_words(word).finditer(text):
                if not _DENIED.search(text[max(0, mark.start() - NEAR) : mark.start()]):
                    found.append((mark.start(), self._classes[word]))
            text = whole_words(word).sub(lambda mark: "\0" * len(mark[0]), text)
        return list(dict.fromkeys(value for _, value in sorted(found)))


def _plain(text: str) -> str:
    return folded(re.sub(r"[_\-‐‑–]", " ", text))


def _key(value: Any) -> str:
    """A cell's value or a config's key as the same text: YAML's 1, '1' and JSON's 1 are one class."""
    return normalised(str(value))
