"""A SIMULATED language model: a documented function in the place of a network of weights.

For tests, for demonstrations of the matrix, for measuring optbench itself. What it answers depends on
the prompt in the ways that real models are known for, so that an optimizer has something true to find
and the best reachable score is known. Nothing it scores says anything about any real model.

An item is answered rightly when ``u(seed, item) < probability(properties, difficulty)``, where ``u``
is a hash made a number in 0..1: two prompts with the same properties get the same items right.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optbench.chat import ChatReply, ChatRequest, FailureKind, Message, ModelCallError
from optbench.errors import ConfigError
from optbench.models.simulated_judge import judge, score_field
from optbench.models.simulated_prompt import PromptProperties, read_properties
from optbench.models.simulated_proposals import propose
from optbench.wording import close_names

CHARACTERS_PER_TOKEN = 4
"""The simulated tokenizer: a token is four characters, rounded up."""
USD_PER_TOKEN_IN, USD_PER_TOKEN_OUT = 1e-7, 4e-7
"""A pretend price, so that columns of cost have something to show."""
BARE_SHARE = 0.2
"""Share of items answered without a sentence around it, though nothing asked for that."""

_FAILURES: dict[str, FailureKind] = {
    "rate_limit": "rate_limit",
    "timeout": "timeout",
    "connection": "connection",
}
ERRORS = (*_FAILURES, "malformed_json")
"""The ways to fail that can be asked for."""


@dataclass(frozen=True)
class AnswerKey:
    """What the simulated model knows of an item.

    Attributes:
        text: The item's text as it stands in a prompt.
        answer: The right answer.
        wrong: Plausible wrong ones.
        difficulty: 0 easy to 1 hard.
    """

    text: str
    answer: str
    wrong: tuple[str, ...]
    difficulty: float


def unit(*parts: object) -> float:
    """A number in [0, 1) that is a pure function of its arguments."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def difficulty_of(item_id: str) -> float:
    """A difficulty, uniform over 0..1, for items of a dataset that states none."""
    return unit("difficulty", item_id)


def probability(properties: PromptProperties, difficulty: float) -> float:
    """The chance that an item is answered rightly, 0.02 to 0.97.

    ``0.30 + 0.10 instruction + 0.25 format + 0.05 careful - 0.15 verbose
    + 0.32 relevance x n / (n + 2) - 0.1 x max(0, words - 400) / 400 + 0.3 x (0.5 - difficulty)``
    with ``n`` demonstrations of mean ``relevance``.
    """
    demonstrations = properties.demonstrations
    value = (
        0.30
        + 0.10 * properties.instruction
        + 0.25 * properties.format_stated
        + 0.05 * properties.careful
        - 0.15 * properties.verbose
        + 0.32 * properties.relevance * demonstrations / (demonstrations + 2)
        - 0.10 * max(0, properties.words - 400) / 400
        + 0.30 * (0.5 - difficulty)
    )
    return min(0.97, max(0.02, value))


def best_reachable(answers: Sequence[AnswerKey]) -> float:
    """The expected exact match that no prompt exceeds: everything right, endless demonstrations."""
    best = PromptProperties(
        instruction=True,
        format_stated=True,
        careful=True,
        verbose=False,
        demonstrations=math.inf,
        relevance=1.0,
        words=0,
    )
    limit = PromptProperties(**{**vars(best), "demonstrations": 1e9})
    return sum(probability(limit, key.difficulty) for key in answers) / len(answers)


class SimulatedModel:
    """Answers items by :func:`probability`, and an optimizer's requests with useful candidates.

    A judge gets a verdict by :mod:`optbench.models.simulated_judge`.

    Args:
        answers: What it knows of the items.
        seed: Another seed gets other items right, with the same chances.
        latency_s: Seconds that a call takes.
        errors: Share of calls, 0 to 1, that fail in each of the ways :data:`ERRORS` names; by a
            hash of seed, request and how often it was asked, so that a retry may succeed.
        prompts: The task's initial prompts by name, from which candidates are made.

    Raises:
        ConfigError: For a way to fail that it does not know.
    """

    simulated = True

    def __init__(
        self,
        answers: Sequence[AnswerKey],
        *,
        seed: int,
        latency_s: float = 0.0,
        errors: Mapping[str, float] | None = None,
        prompts: Mapping[str, Sequence[Message]] | None = None,
    ) -> None:
        for name in errors or {}:
            if name not in ERRORS:
                raise ConfigError(
                    f"no such error.{close_names(name, ERRORS)}", key=f"model.errors.{name}"
                )
        self.calls = 0
        self._answers = {key.text: key for key in answers}
        self._seed = seed
        self._latency_s = latency_s
        self._errors = dict(errors or {})
        self._prompts = dict(prompts or {})
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()
        self._known_prefixes: dict[tuple[tuple[str, str], ...], PromptProperties] = {}

    def complete(self, request: ChatRequest) -> ChatReply:
        """Answers one request, after ``latency_s``.

        Raises:
            ModelCallError: At the rates of ``errors``.
        """
        digest = hashlib.sha256(
            repr([(m["role"], m["content"]) for m in request.messages]).encode()
        ).hexdigest()
        with self._lock:
            self.calls += 1
            self._asked[digest] += 1
            occurrence = self._asked[digest]
        if self._latency_s:
            time.sleep(self._latency_s)
        self._maybe_fail(digest, occurrence)
        text = self._reply_text(request)
        if request.response_format and self._unlucky("malformed_json", digest, occurrence):
            text = text[: len(text) // 2]
        return _reply(request, text)

    def facts(self) -> dict[str, Any]:
        """Says loudly what it is."""
        return {
            "kind": "simulated",
            "note": "SIMULATED: replies are computed by a formula; costs are pretended",
            "errors": {name: rate for name, rate in self._errors.items() if rate},
            "best_reachable_exact_match": (
                round(best_reachable(list(self._answers.values())), 4) if self._answers else None
            ),
        }

    def close(self) -> None:
        """Nothing is held."""

    def _unlucky(self, name: str, digest: str, occurrence: int) -> bool:
        rate = self._errors.get(name, 0.0)
        return rate > 0 and unit(name, self._seed, digest, occurrence) < rate

    def _maybe_fail(self, digest: str, occurrence: int) -> None:
        for name, kind in _FAILURES.items():
            if self._unlucky(name, digest, occurrence):
                raise ModelCallError(f"simulated {name}", kind=kind, key="model.errors")

    def _reply_text(self, request: ChatRequest) -> str:
        field = score_field(request)
        if field is not None:
            known = ((text, key.answer) for text, key in self._answers.items())
            told = judge(request, known, field, lambda text: unit("verdict", self._seed, text))
            return json.dumps(told, ensure_ascii=False)
        key = None if request.response_format else self._item(request.messages)
        if key is None:
            return propose(request, self._prompts, seed=self._seed)
        properties = self._properties(request.messages[:-1])
        return self._answer(key, properties, request)

    def _item(self, messages: Sequence[Message]) -> AnswerKey | None:
        """The item that the last message asks about: the longest text found in it."""
        last = messages[-1]["content"] if messages else ""
        exact = self._answers.get(last.strip())
        # A request about prompts quotes items too; what is asked about an item is short beside it.
        if exact is not None or (messages and messages[-1]["role"] != "user"):
            return exact
        found = [key for text, key in self._answers.items() if text in last]
        longest = max(found, key=lambda key: len(key.text), default=None)
        return longest if longest and len(last) < 3 * len(longest.text) + 200 else None

    def _properties(self, before: Sequence[Message]) -> PromptProperties:
        prefix = tuple((message["role"], message["content"]) for message in before)
        known = self._known_prefixes.get(prefix)
        if known is None:
            answers = {text: key.answer for text, key in self._answers.items()}
            known = self._known_prefixes[prefix] = read_properties(before, answers)
        return known

    def _answer(self, key: AnswerKey, properties: PromptProperties, request: ChatRequest) -> str:
        temperature = request.temperature or 0.0
        # Greedy replies are fixed; sampled ones vary with the seed, and heat costs accuracy.
        draw = unit("answer", self._seed, key.text, request.seed if temperature else "greedy")
        chance = probability(properties, key.difficulty) - 0.15 * max(0.0, temperature - 0.5)
        right = draw < chance
        others = key.wrong or ("unknown",)
        said = key.answer if right else others[int(unit("wrong", key.text) * len(others))]
        bare = properties.format_stated or properties.demonstrations > 0
        if bare or unit("bare", key.text) < BARE_SHARE:
            return said
        return f"The answer is {said}, I think."


def tokens(text: str) -> int:
    """Simulated tokens of a text."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _reply(request: ChatRequest, text: str) -> ChatReply:
    asked = sum(tokens(message["content"]) for message in request.messages)
    answered = tokens(text)
    cut = request.max_tokens is not None and answered > request.max_tokens
    if cut and request.max_tokens is not None:
        text = text[: request.max_tokens * CHARACTERS_PER_TOKEN]
        answered = request.max_tokens
    return ChatReply(
        text=text,
        finish_reason="length" if cut else "stop",
        prompt_tokens=asked,
        completion_tokens=answered,
        cost_usd=asked * USD_PER_TOKEN_IN + answered * USD_PER_TOKEN_OUT,
    )
