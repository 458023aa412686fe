"""What the simulated model notices of a prompt."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from optbench.chat import Message

MIN_INSTRUCTION_WORDS = 5
"""Words a system message must have to count as an instruction."""
UNKNOWN_RELEVANCE = 0.3
"""Relevance of a demonstration whose text is no known item."""
IN_TEXT_WEIGHT = 0.5
"""A demonstration written into the system message counts half of one shown as chat turns."""

_VERBS = re.compile(
    r"\b(read|answer|name|extract|identify|classify|decide|solve|find|give|reply|return|route"
    r"|determine|choose|select|respond|write|output)\b",
    re.IGNORECASE,
)
_FORMAT = re.compile(
    r"\b(only|nothing else|just the|exactly the|no explanation|without explanation|bare answer"
    r"|no other words)\b",
    re.IGNORECASE,
)
_CAREFUL = re.compile(
    r"\b(careful|carefully|whole (text|message)|other candidates|double-check)\b", re.IGNORECASE
)
_VERBOSE = re.compile(
    r"\b(explain (your|the) reasoning|at length|in detail|elaborate|full sentences?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PromptProperties:
    """The properties that matter to the simulated model.

    Attributes:
        instruction: A system message says what to do: 5 words or more, a verb of instruction in it.
        format_stated: It says what the answer must look like ("only", "nothing else" ...).
        careful: It asks for care.
        verbose: It asks for explanations.
        demonstrations: Examples as chat turns, plus half of those written in the system message.
        relevance: Mean over the demonstrations, 0..1: a known item's own (see
            :func:`relevance_of`) where it is shown with the right answer, 0 with a wrong one,
            0.3 for an unknown text.
        words: Words of the system messages.
    """

    instruction: bool
    format_stated: bool
    careful: bool
    verbose: bool
    demonstrations: float
    relevance: float
    words: int


def relevance_of(text: str) -> float:
    """How telling an item is as a demonstration: fixed by its text, uniform over 0.2..1."""
    digest = hashlib.sha256(f"relevance\x1f{text}".encode()).digest()
    return 0.2 + 0.8 * int.from_bytes(digest[:7], "big") / 2**56


def read_properties(before: Sequence[Message], answers: Mapping[str, str]) -> PromptProperties:
    """Reads a prompt.

    Args:
        before: The messages before the item's own.
        answers: Right answers by the item's text.
    """
    told = "\n".join(m["content"] for m in before if m["role"] == "system")
    shown = _shown_as_turns(before, answers)
    written = [relevance_of(text) for text in answers if text in told]
    count = len(shown) + IN_TEXT_WEIGHT * len(written)
    weight = sum(shown) + IN_TEXT_WEIGHT * sum(written)
    # Examples in the text are no instructions: their words say nothing about the format.
    for text in answers:
        told = told.replace(text, "")
    return PromptProperties(
        instruction=len(told.split()) >= MIN_INSTRUCTION_WORDS and bool(_VERBS.search(told)),
        format_stated=bool(_FORMAT.search(told)),
        careful=bool(_CAREFUL.search(told)),
        verbose=bool(_VERBOSE.search(told)),
        demonstrations=count,
        relevance=weight / count if count else 0.0,
        words=len(told.split()),
    )


def _shown_as_turns(before: Sequence[Message], answers: Mapping[str, str]) -> list[float]:
    """Relevance of each user turn that an assistant's turn answers."""
    found = []
    for asked, answered in pairwise(before):
        if (asked["role"], answered["role"]) != ("user", "assistant"):
            continue
        right = answers.get(asked["content"].strip())
        if right is None:
            found.append(UNKNOWN_RELEVANCE)
        else:
            correct = answered["content"].strip() == right
            found.append(relevance_of(asked["content"].strip()) if correct else 0.0)
    return found
