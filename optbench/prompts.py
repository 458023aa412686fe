"""The thing that is optimised: chat prompts with placeholders, and how they become messages."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optbench.chat import Message

ONLY = "prompt"
"""What the one prompt of a program is called that has no other."""

_PLACEHOLDER = re.compile(r"\{([^{}\n]+)\}")
_NAME = re.compile(r"[^\W\d][\w .-]*")


@dataclass(frozen=True)
class Prompt:
    """A chat prompt; the candidate of a program that has but one.

    Attributes:
        messages: Chat messages; ``{column}`` stands for a value of the item. Braces around anything
            else are text, such as JSON's. There is no escape: ``{{column}}`` is the value in braces, as
            opik-optimizer fills its own prompts.
        params: Sampling parameters that are part of the candidate (``temperature`` ...); they take
            precedence over the model's own.
    """

    messages: tuple[Message, ...]
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """12 hex digits of the sha256 of messages and parameters: equal prompts, equal fingerprint."""
        return _fingerprint(self.to_json())

    @property
    def parts(self) -> Mapping[str, Prompt]:
        """The prompts of the program by name: this one."""
        return {ONLY: self}

    def placeholders(self) -> set[str]:
        """What stands in braces, over all messages: columns, and what only looks like one."""
        return {
            name for message in self.messages for name in _PLACEHOLDER.findall(message["content"])
        }

    def render(self, row: Mapping[str, Any], columns: Iterable[str]) -> list[dict[str, str]]:
        """The messages for one item.

        Only ``columns`` are filled, in one pass: a candidate cannot pull the answer column into the
        prompt, and braces inside a value stay what they are.
        """
        allowed = frozenset(columns)

        def value(match: re.Match[str]) -> str:
            name = match[1]
            return str(row[name]) if name in allowed and name in row else match[0]

        return [
            {"role": message["role"], "content": _PLACEHOLDER.sub(value, message["content"])}
            for message in self.messages
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain data, for files."""
        plain: dict[str, Any] = {"messages": [dict(message) for message in self.messages]}
        if self.params:
            plain["params"] = dict(self.params)
        return plain


@dataclass(frozen=True)
class PromptSet:
    """The candidate of a program with several prompts, which are improved together.

    Attributes:
        parts: Its prompts by name, in the order of the program.
    """

    parts: Mapping[str, Prompt]

    @property
    def fingerprint(self) -> str:
        """See :attr:`Prompt.fingerprint`."""
        return _fingerprint(self.to_json())

    def placeholders(self) -> set[str]:
        """See :meth:`Prompt.placeholders`; over all prompts."""
        return set().union(*(part.placeholders() for part in self.parts.values()))

    def to_json(self) -> dict[str, Any]:
        """As plain data, for files."""
        return {"prompts": {name: part.to_json() for name, part in self.parts.items()}}


Candidate = Prompt | PromptSet


def candidate_of(parts: Mapping[str, Prompt]) -> Candidate:
    """What a program's prompts are together: the one alone, or a set."""
    return parts[ONLY] if set(parts) == {ONLY} else PromptSet(dict(parts))


def fill(template: str, row: Mapping[str, Any]) -> str:
    """Fills every ``{column}`` of a template from a row, in one pass."""
    return _PLACEHOLDER.sub(lambda match: str(row.get(match[1], match[0])), template)


def could_be_column(name: str) -> bool:
    """Whether what stands in braces is meant as a column, should there be none of this name.

    Letters, digits, underscores, dashes, dots and spaces, a letter or underscore first: JSON, sets and
    numbers in braces are text, and so is a word behind a space, ``{ word }``.
    """
    return _NAME.fullmatch(name) is not None


def stays(text: str, columns: Iterable[str]) -> bool:
    """Whether rendering would leave a literal text as it is, whatever stands in its braces."""
    return set(columns).isdisjoint(_PLACEHOLDER.findall(text))


def _fingerprint(plain: Mapping[str, Any]) -> str:
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
