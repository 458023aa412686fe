"""The one way to a model: every call of a task comes through here, whoever makes it.

In this order: the budget is asked; the reply of an earlier start of the task, of a recording or of
the sweep's cache is given where there is one; else the model is called, within the limits of its
server and with retries, and its reply is written into the ledger before it is used.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from optbench.chat import ChatModel, ChatReply, ChatRequest, ModelCallError
from optbench.config.redact import redacted
from optbench.errors import Cancelled, Fatal, OptbenchError
from optbench.models.budget import Limits, Meter
from optbench.models.cache import SharedCache
from optbench.models.calls import Call, Phase, Role, Source
from optbench.models.ledger import Ledger
from optbench.models.recording import Recording
from optbench.models.requests import Question, sampling_seed
from optbench.models.retry import RetryPolicy
from optbench.models.throttle import Rate, Throttle

Alias = Literal["task", "optimizer", "judge"]
"""Which of a task's models: the one that runs the prompt, that writes prompts, or that judges."""

GAVE_UP_S = 60.0
"""For this long a question that failed for good fails again at once, in seconds. Libraries that come
through the gateway bring retries of their own, on top of ours."""


@dataclass(frozen=True)
class Route:
    """A model behind an alias.

    Attributes:
        name: Short name, for the ledger.
        fingerprint: What, besides the request, decides on its replies.
        model: The model itself; None where a recording answers.
        retry: When a failed call is tried again.
        rate: What its server bears.
        defaults: Sampling parameters (``temperature``, ``max_tokens``) of requests that state none.
    """

    name: str
    fingerprint: str
    model: ChatModel | None
    retry: RetryPolicy
    defaults: Mapping[str, Any]
    rate: Rate = field(default_factory=Rate)


@dataclass(frozen=True)
class _Asked:
    """One call on its way."""

    route: Route
    question: Question
    occurrence: int
    seed: int
    phase: Phase
    role: Role
    usable: Callable[[str], bool] | None


class Gateway:
    """Answers a task's requests.

    Args:
        routes: The task's models.
        ledger: Of the task.
        seed: Of the task's sampling.
        limits: Of the optimise phase.
        throttle: What the sweep's jobs keep together; None where nothing is shared.
        cache: Of the sweep; None where it is off.
        recording: Answers in the place of the models.
    """

    def __init__(
        self,
        routes: Mapping[Alias, Route],
        ledger: Ledger,
        *,
        seed: int,
        limits: Limits | None = None,
        throttle: Throttle | None = None,
        cache: SharedCache | None = None,
        recording: Recording | None = None,
    ) -> None:
        self.routes = routes
        self.ledger = ledger
        self.phase: Phase = "baseline"
        self.meter = Meter(limits or Limits(), lambda: ledger.used.total("optimise"))
        self.cancelled = threading.Event()
        """Set by whoever ends the task: pauses end, and no further call begins."""
        self.fatal: OptbenchError | None = None
        """Why the task cannot go on; kept for the case that an optimizer swallows the error."""
        self._seed = seed
        self._throttle = throttle
        self._cache = cache
        self._recording = recording
        self._occurrences = _Occurrences()
        self._gave_up: dict[str, tuple[float, ModelCallError]] = {}

    def complete(
        self,
        alias: Alias,
        request: ChatRequest,
        role: Role,
        *,
        usable: Callable[[str], bool] | None = None,
    ) -> ChatReply:
        """Answers one request.

        Args:
            alias: Which model.
            request: What to ask; parameters it leaves open take the route's defaults.
            role: Who asks.
            usable: Says whether a reply is of use to the caller; only for the account.

        Raises:
            ModelCallError: When every attempt failed.
            BudgetExhausted: When the optimise phase has spent what it may.
            Fatal: When the task cannot go on.
            Cancelled: When the task is being ended.
        """
        route = self.routes[alias]
        question = Question(route.fingerprint, completed(request, route.defaults))
        phase = self.phase
        self._raise_if_over()
        try:
            with self._charged(phase), self._occurrences.reserved(question.digest) as occurrence:
                seed = sampling_seed(question, self._seed, occurrence)
                call = self._answer(_Asked(route, question, occurrence, seed, phase, role, usable))
        except Fatal as halt:
            self.fatal = self.fatal or halt.error
            raise
        return call.to_reply()

    def wait(self, seconds: float) -> None:
        """Pauses: a call that waits is not in flight, so the phase's time ends it.

        Raises:
            Cancelled: When the task is being ended.
            BudgetExhausted: When the optimise phase has no time left.
        """
        left = self.meter.time_left() if self.phase == "optimise" else float("inf")
        if seconds > 0 and self.cancelled.wait(min(seconds, max(left, 0.0))):
            raise Cancelled
        if left < seconds:
            raise self.meter.out_of_time()

    def _raise_if_over(self) -> None:
        if self.fatal is not None:
            raise Fatal(self.fatal)
        if self.cancelled.is_set():
            raise Cancelled

    @contextmanager
    def _charged(self, phase: Phase) -> Iterator[None]:
        if phase != "optimise":
            yield
            return
        self.meter.begin_call()
        try:
            yield
        except BaseException:
            self.meter.forgive()
            raise

    def _answer(self, asked: _Asked) -> Call:
        key = asked.question.key(self._seed, asked.occurrence)
        recalled = self.ledger.recall(asked.question, asked.occurrence)
        if recalled is not None:
            self.meter.advance(recalled.at_s)
            if self._cache is not None:
                # Between its ledger and the cache the task may have been killed.
                self._cache.keep(key, recalled)
            return recalled
        if self._recording is not None:
            found = self._recording.find(asked.question, asked.occurrence)
            return self._keep(asked, found, "replay")
        if self._cache is None:
            return self._paid(asked)
        with self._cache.claim(key, self.wait) as shared:
            if shared.found is not None:
                return self._keep(asked, shared.found, "cache")
            call = self._paid(asked)
            shared.save(call)
            return call

    def _keep(self, asked: _Asked, found: Mapping[str, Any], source: Source) -> Call:
        """Books a reply that somebody else has paid for."""
        if self.meter.limits.seconds is not None and asked.phase == "optimise":
            # Else a task whose calls were paid by another would get further in the same time.
            self.wait(found["latency_s"])
        call = self._call(asked, 1, source, **found)
        self.ledger.add(asked.question, call)
        return call

    def _paid(self, asked: _Asked) -> Call:
        digest, route = asked.question.digest, asked.route
        when, failure = self._gave_up.get(digest, (0.0, None))
        if failure is not None and time.monotonic() - when < GAVE_UP_S:
            raise failure
        try:
            for attempt in route.retry.attempts(self.wait):
                with attempt:
                    return self._attempt(asked, attempt.retry_state.attempt_number)
        except ModelCallError as error:
            if error.kind in ("auth", "quota"):  # nothing else that this task asks can work
                raise Fatal(error) from error
            self._gave_up[digest] = (time.monotonic(), error)
            raise
        raise AssertionError("unreachable: tenacity returns or raises")

    def _attempt(self, asked: _Asked, number: int) -> Call:
        route = asked.route
        throttle = self._throttle
        slot = (
            throttle.slot(route.fingerprint, route.rate, self.wait) if throttle else nullcontext()
        )
        with slot:
            self._raise_if_over()
            started = time.perf_counter()
            try:
                reply = cast(ChatModel, route.model).complete(
                    replace(asked.question.request, seed=asked.seed)
                )
                reply = replace(reply, text=redacted(reply.text))
            except Exception as error:
                kind, what = (
                    (error.kind, error.what)
                    if isinstance(error, ModelCallError)
                    else ("server", f"{type(error).__name__}: {error}")
                )
                latency = time.perf_counter() - started
                failed = self._call(
                    asked, number, "model", outcome=kind, error=redacted(what), latency_s=latency
                )
                self.ledger.add(asked.question, failed)
                raise
            call = self._call(
                asked,
                number,
                "model",
                outcome="ok" if asked.usable is None or asked.usable(reply.text) else "invalid",
                tokens_in=reply.prompt_tokens,
                tokens_out=reply.completion_tokens,
                tokens_cached=reply.cached_tokens,
                cost_usd=reply.cost_usd,
                latency_s=time.perf_counter() - started,
                reply=reply.text,
                finish_reason=reply.finish_reason,
            )
            self.ledger.add(asked.question, call)
        self._book(call)
        return call

    def _book(self, call: Call) -> None:
        if self._throttle is not None:
            self._throttle.pay(call.cost_usd)
        if call.cost_usd is None and self.meter.limits.usd is not None:
            raise Fatal(
                OptbenchError(
                    f"model '{call.model}' gave a reply whose price is not known",
                    key="budget.usd",
                    mend="state model.price={input_per_million: ..., output_per_million: ...}",
                )
            )

    def _call(self, asked: _Asked, attempt: int, source: Source, **facts: Any) -> Call:
        return Call(
            phase=asked.phase,
            role=asked.role,
            model=asked.route.name,
            request=asked.question.digest,
            occurrence=asked.occurrence,
            attempt=attempt,
            source=source,
            at_s=self.meter.elapsed() if asked.phase == "optimise" else 0.0,
            **facts,
        )


class _Occurrences:
    """Numbers the replies to each question from 1; a failure gives its number back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._highest: Counter[str] = Counter()
        self._returned: dict[str, list[int]] = defaultdict(list)

    @contextmanager
    def reserved(self, digest: str) -> Iterator[int]:
        with self._lock:
            free = self._returned.get(digest)
            if free:
                number = heapq.heappop(free)
            else:
                self._highest[digest] += 1
                number = self._highest[digest]
        try:
            yield number
        except BaseException:
            with self._lock:
                heapq.heappush(self._returned[digest], number)
            raise


def completed(request: ChatRequest, defaults: Mapping[str, Any]) -> ChatRequest:
    """A request with the parameters it leaves open, and without a seed: that is the gateway's."""
    temperature, max_tokens = request.temperature, request.max_tokens
    return replace(
        request,
        temperature=defaults.get("temperature") if temperature is None else temperature,
        max_tokens=defaults.get("max_tokens") if max_tokens is None else max_tokens,
        seed=None,
    )
