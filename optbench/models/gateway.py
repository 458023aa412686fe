"""The one way to a model: counts, retries and seeds every call alike, whoever makes it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import tenacity

from optbench.models.ledger import Call, Ledger, Phase, Role
from optbench.models.types import ChatModel, ChatReply, ChatRequest, ModelCallError

Alias = Literal["task", "optimizer"]
"""Which of a task's two models: the one that runs the prompt, or the one that writes prompts."""

TRANSIENT = frozenset({"rate_limit", "timeout", "connection", "server"})
"""Failures that another attempt may mend."""

MAX_WAIT_S = 60.0
"""Longest pause between two attempts, in seconds."""


@dataclass(frozen=True)
class Route:
    """A model behind an alias.

    Attributes:
        name: Short name, for the ledger.
        model: The model itself.
        retries: Further attempts after a transient failure.
        defaults: Sampling parameters (``temperature``, ``max_tokens``) of requests that state none.
    """

    name: str
    model: ChatModel
    retries: int
    defaults: Mapping[str, Any]


class Gateway:
    """Answers requests through the task's models and writes each attempt into the ledger."""

    def __init__(self, routes: Mapping[Alias, Route], ledger: Ledger, *, seed: int) -> None:
        self.routes = routes
        self.ledger = ledger
        self.phase: Phase = "baseline"
        self._seed = seed
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()

    def complete(
        self,
        alias: Alias,
        request: ChatRequest,
        role: Role,
        *,
        usable: Callable[[str], bool] | None = None,
        retry: bool = True,
    ) -> ChatReply:
        """Answers one request.

        Args:
            alias: Which model.
            request: What to ask; parameters it leaves open take the route's defaults.
            role: Who asks.
            usable: Says whether a reply is of use to the caller; only for the account.
            retry: Whether to try again here; False where the caller retries by itself.

        Raises:
            ModelCallError: When every attempt failed.
        """
        route = self.routes[alias]
        request = self._completed(request, route)
        digest = request_digest(route.name, request)
        request = replace(request, seed=self._sampling_seed(digest, request))
        attempts = 1 + (route.retries if retry else 0)
        for attempt in tenacity.Retrying(
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=MAX_WAIT_S),
            retry=tenacity.retry_if_exception(_is_transient),
            reraise=True,
        ):
            with attempt:
                return self._attempt(
                    route, request, digest, role, attempt.retry_state.attempt_number, usable
                )
        raise AssertionError("unreachable: tenacity returns or raises")

    def _completed(self, request: ChatRequest, route: Route) -> ChatRequest:
        temperature = request.temperature
        max_tokens = request.max_tokens
        return replace(
            request,
            temperature=route.defaults.get("temperature") if temperature is None else temperature,
            max_tokens=route.defaults.get("max_tokens") if max_tokens is None else max_tokens,
        )

    def _sampling_seed(self, digest: str, request: ChatRequest) -> int:
        """The task's seed; with a temperature, another for each repeat of the same request.

        Whatever seed an optimizer passes is set aside: they differ in it, and one that repeats a
        request with a fixed seed would be given the same reply for ever.
        """
        if not request.temperature:
            return self._seed
        with self._lock:
            self._seen[digest] += 1
            occurrence = self._seen[digest]
        mixed = hashlib.sha256(f"{self._seed}:{occurrence}".encode()).digest()
        return int.from_bytes(mixed[:4], "big") & 0x7FFFFFFF

    def _attempt(
        self,
        route: Route,
        request: ChatRequest,
        digest: str,
        role: Role,
        number: int,
        usable: Callable[[str], bool] | None,
    ) -> ChatReply:
        phase = self.phase
        started = time.perf_counter()

        def write(outcome: str, reply: ChatReply | None, error: str | None) -> None:
            self.ledger.add(
                Call(
                    phase=phase,
                    role=role,
                    model=route.name,
                    request=digest,
                    attempt=number,
                    outcome=outcome,
                    tokens_in=reply.prompt_tokens if reply else 0,
                    tokens_out=reply.completion_tokens if reply else 0,
                    tokens_cached=reply.cached_tokens if reply else 0,
                    cost_usd=reply.cost_usd if reply else None,
                    latency_s=time.perf_counter() - started,
                    error=error,
                )
            )

        try:
            reply = route.model.complete(request)
        except ModelCallError as error:
            write(error.kind, None, error.what)
            raise
        except Exception as error:
            write("server", None, f"{type(error).__name__}: {error}")
            raise
        write("ok" if usable is None or usable(reply.text) else "invalid", reply, None)
        return reply


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, ModelCallError) and error.kind in TRANSIENT


def request_digest(model: str, request: ChatRequest) -> str:
    """sha256 of what is asked, seed aside: the same question has the same digest."""
    asked = {
        "model": model,
        "messages": [dict(message) for message in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "response_format": request.response_format,
        "extra": dict(request.extra),
    }
    text = json.dumps(asked, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
