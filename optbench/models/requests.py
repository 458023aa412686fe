"""A request's identity: which requests are the same question, and what tells two of them apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optbench.chat import ChatRequest


@dataclass(frozen=True)
class Question:
    """A full request to one model, sampling seed aside: the same question has the same digest.

    Attributes:
        model: Fingerprint of the model, see :func:`optbench.models.build.fingerprint`.
        request: What is asked; its seed is not part of the question.
    """

    model: str
    request: ChatRequest

    @cached_property
    def messages(self) -> list[tuple[str, str]]:
        """Hash and JSON text of each message, in order."""
        texts = [_canonical(dict(message)) for message in self.request.messages]
        return [(hashlib.sha256(text.encode()).hexdigest()[:24], text) for text in texts]

    @cached_property
    def body(self) -> dict[str, Any]:
        """All of it as plain data, each message by its hash."""
        request = self.request
        return {
            "model": self.model,
            "messages": [name for name, _ in self.messages],
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "response_format": request.response_format,
            "extra": dict(request.extra),
        }

    @cached_property
    def digest(self) -> str:
        """sha256, 64 hex digits."""
        return hashlib.sha256(_canonical(self.body).encode()).hexdigest()

    @property
    def greedy(self) -> bool:
        """Whether a repeat must give the same reply: only at temperature 0."""
        return self.request.temperature == 0

    def key(self, seed: int, occurrence: int) -> str:
        """What a reply is shared under.

        A sampled reply belongs to one seed and one occurrence, so that repeats stay independent; a
        greedy one belongs to the question.
        """
        return self.digest if self.greedy else f"{self.digest}:{seed}:{occurrence}"


def sampling_seed(question: Question, seed: int, occurrence: int) -> int:
    """The seed to send: another for each repeat of a sampled question, one for all greedy ones.

    Whatever seed an optimizer passes is set aside: they differ in it, and one that repeats a request
    with a fixed seed would be given the same reply for ever.
    """
    if question.greedy:
        return 0
    mixed = hashlib.sha256(f"{seed}:{occurrence}".encode()).digest()
    return int.from_bytes(mixed[:4], "big") & 0x7FFFFFFF


def difference(asked: Question, recorded: Iterable[Mapping[str, Any]]) -> str:
    """In what a question differs from the nearest of those that were recorded.

    Args:
        asked: The question that has no recorded reply.
        recorded: Bodies (:attr:`Question.body`) of those that have one.
    """
    told = [(_distance(asked.body, body), _parts(asked.body, body)) for body in recorded]
    if not told:
        return "nothing is recorded at all"
    _, parts = min(told, key=lambda one: one[0])
    if not parts:
        return "it was recorded, but asked fewer times"
    return "the nearest recorded call differs in " + ", ".join(parts)


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    shared = len(set(one["messages"]) & set(other["messages"]))
    return 10 * len(_parts(one, other)) - shared


def _parts(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    parts = [
        f"{key} ({_short(other.get(key))} recorded, {_short(one[key])} asked)"
        for key in ("model", "temperature", "max_tokens", "response_format", "extra")
        if one[key] != other.get(key)
    ]
    mine, theirs = one["messages"], other["messages"]
    if len(mine) != len(theirs):
        parts.append(f"the number of messages ({len(theirs)} recorded, {len(mine)} asked)")
    else:
        parts += [
            f"message {index + 1} of {len(mine)}"
            for index, (a, b) in enumerate(zip(mine, theirs, strict=True))
            if a != b
        ]
    return parts


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
