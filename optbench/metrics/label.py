"""The class that a reply names is the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optbench.metrics.base import Score, UnitMetric
from optbench.metrics.classes import Reading, plain, read
from optbench.metrics.text import normalised, shown


class Label(UnitMetric):
    """1 when the reply names the row's class and no other, else 0.

    Accepted words count where they stand as whole words; case, underscores, hyphens, quotes and
    markdown do not matter. A reply is read by the rules of :mod:`optbench.metrics.classes`: a word
    that is denied ('not really harmful') never counts, and a reply that only denies or asks is
    unclear, which is 0. A reply that is the row's value itself ('1') is right as well.

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
            if not any(plain(word) for word in words):
                raise ValueError(f"class '{value}' of labels has no accepted words")
            for word in map(plain, words):
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
        reading = self._read(output)
        found = reading.classes
        if found == [right]:
            return Score(1.0, f"The label '{expected}' is right.")
        if reading.unclear:
            return Score(
                0.0,
                f"Expected the label '{expected}'; '{shown(output)}' denies or questions "
                f"{self._told(reading.unclear)}, and says no class.",
            )
        if not found:
            every = ", ".join(f"'{words[0]}'" for words in self._words.values())
            return Score(
                0.0,
                f"Expected the label '{expected}'; '{shown(output)}' names none of {every}.",
            )
        said = self._told(found)
        if len(found) > 1:
            return Score(0.0, f"Expected the label '{expected}' alone; the reply names {said}.")
        return Score(0.0, f"Expected the label '{expected}', got {said}.")

    def _read(self, output: str) -> Reading:
        whole = _key(output)
        return Reading([whole], []) if whole in self._words else read(output, self._classes)

    def _told(self, values: Sequence[str]) -> str:
        return " and ".join(f"'{self._words[value][0]}'" for value in values)


def _key(value: Any) -> str:
    """A cell's value or a config's key as the same text: YAML's 1, '1' and JSON's 1 are one class."""
    return normalised(str(value))
