"""All optimizers of opik-optimizer, behind the protocol of :mod:`optbench.optimizers.protocol`.

Written against opik-optimizer 3.2.0. What it does for all of them alike, so that none has what
another has not: the program under test is ours (its own default agent throttles calls), the seed is
the task's, proposals are sampled with ``model.proposals``, and verbosity is off.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

import opik_optimizer
from opik.evaluation.metrics.score_result import ScoreResult
from opik_optimizer import ChatPrompt, OptimizableAgent

from optbench.chat import Message
from optbench.data.items import Item, Slice
from optbench.errors import BudgetExhausted, ConfigError, NoProposalsError
from optbench.metrics.base import Score
from optbench.models.provider import model_string
from optbench.optimizers.protocol import Outcome, Problem
from optbench.prompts import ONLY, Candidate, Prompt, candidate_of
from optbench.tracking.tracker import FLUSH_TIMEOUT_S, opik_id

METRIC_NAME = "optbench_objective_value"
"""MetaPrompt drops every candidate that contains the metric's name, so it is one nobody writes."""

SHOWN_OF_A_STEP = 300
"""Characters of each step's reply in the reason that reflective optimizers read."""


class OpikOptimizer:
    """One optimizer of opik-optimizer.

    Args:
        algorithm: The class's name in ``opik_optimizer``.
        params: Keyword arguments of its constructor.

    Raises:
        ConfigError: For a class that is not there.
    """

    proposes = True

    def __init__(self, *, algorithm: str, params: Mapping[str, Any]) -> None:
        kind = getattr(opik_optimizer, algorithm, None)
        if not isinstance(kind, type) or not issubclass(kind, opik_optimizer.BaseOptimizer):
            raise ConfigError(f"opik_optimizer has no '{algorithm}'", key="optimizer.algorithm")
        self._kind = kind
        self._params = dict(params)

    def optimize(self, problem: Problem, **optimize: Any) -> Outcome:
        """Runs the search; the library's own errors come through as they are."""
        optimizer = _interruptible(self._kind)(
            model=model_string("optimizer"), verbose=0, seed=problem.seed, **self._params
        )
        bridge = _Bridge(problem)
        prompts = {name: _theirs(name, part) for name, part in problem.prompt.parts.items()}
        common = {
            "prompt": prompts[ONLY] if isinstance(problem.prompt, Prompt) else prompts,
            "dataset": problem.tracker.dataset(problem.train),
            "validation_dataset": problem.tracker.dataset(problem.validation),
            "metric": bridge.metric(),
            "agent": _Agent(bridge),
            "project_name": problem.tracker.project,
        }
        try:
            result = self._search(optimizer, {**common, **optimize}, problem.seed)
        except BudgetExhausted:
            if bridge.tried:
                self._check_examples(bridge)
            raise
        finally:
            # A client of its own, whose threads would send to the next task's store.
            optimizer.opik_client.end(timeout=FLUSH_TIMEOUT_S)
        self._check_examples(bridge)
        return _outcome(result, problem)

    def _check_examples(self, bridge: _Bridge) -> None:
        """Its model writes a template for the examples; where that loses the placeholder the library
        goes on without a word and inserts none.
        """
        if self._kind is opik_optimizer.FewShotBayesianOptimizer and not bridge.examples_shown:
            raise NoProposalsError(
                "no proposals: the template that the optimizer's model wrote has no place for "
                "examples, so no candidate showed any",
                key="optimizer_model",
                mend="choose a model that can write it: model@optimizer_model=...",
            )

    def _search(self, optimizer: Any, keywords: dict[str, Any], seed: int) -> Any:
        if self._kind is opik_optimizer.ParameterOptimizer:
            # Its optimize_prompt raises NotImplementedError: it sets parameters, not words.
            return optimizer.optimize_parameter(**keywords)
        if self._kind is opik_optimizer.GepaOptimizer:
            # It reads the seed of its search here and ignores the constructor's.
            return optimizer.optimize_prompt(**keywords, seed=seed)
        return optimizer.optimize_prompt(**keywords)


class _Bridge:
    """Carries prompts, items and scores between opik-optimizer's objects and ours."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._items: dict[str, tuple[Slice, Item]] = {
            opik_id(part, item): (part, item)
            for part in (problem.train, problem.validation)
            for item in part
        }
        self._lock = threading.Lock()
        self._scores: dict[tuple[str, str], tuple[Mapping[str, Score], str]] = {}
        self._seen: set[str] = set()
        self.examples_shown = False
        """Whether any candidate quoted an item of the train slice."""

    def run(self, prompts: Mapping[str, ChatPrompt], dataset_item: Mapping[str, Any]) -> str:
        """One rollout; its scores are kept for :meth:`metric`, so that nothing is scored twice."""
        key = str(dataset_item["id"])
        part, item = self._items[key]
        candidate = self._candidate(prompts)
        self._look_for_examples(candidate)
        done = self.problem.rollout(candidate, item, part)
        with self._lock:
            self._scores[key, done.reply.text.strip()] = done.scores, _told(done.steps)
        return done.reply.text

    def _candidate(self, prompts: Mapping[str, ChatPrompt]) -> Candidate:
        # The library keys its prompts by name; of a lone one it changes the name as it likes.
        if isinstance(self.problem.prompt, Prompt):
            (prompt,) = prompts.values()
            return _ours(prompt)
        return candidate_of({name: _ours(prompts[name]) for name in self.problem.prompt.parts})

    @property
    def tried(self) -> bool:
        """Whether any candidate was run but the initial prompt."""
        return bool(self._seen - {self.problem.prompt.fingerprint})

    def _look_for_examples(self, candidate: Candidate) -> None:
        with self._lock:
            if self.examples_shown or candidate.fingerprint in self._seen:
                return
            self._seen.add(candidate.fingerprint)
        told = "\n".join(
            message["content"] for part in candidate.parts.values() for message in part.messages
        )
        columns = self.problem.columns
        self.examples_shown = any(
            str(item.row[column]) in told for item in self.problem.train for column in columns
        )

    def metric(self) -> Callable[..., ScoreResult]:
        """The objective as opik-optimizer wants it: more is better, with a reason (HRPO needs it)."""
        runner = self.problem.runner

        def objective(dataset_item: Mapping[str, Any], llm_output: str) -> ScoreResult:
            with self._lock:
                scores, steps = self._scores[str(dataset_item["id"]), llm_output.strip()]
            return ScoreResult(
                name=METRIC_NAME,
                value=runner.objective_of(scores),
                reason=scores[runner.objective].reason + steps,
            )

        objective.__name__ = METRIC_NAME
        return objective


class _Agent(OptimizableAgent):  # type: ignore[misc]  # the library ships no types for it
    """Our program under test in the place of the library's, which throttles its calls."""

    def __init__(self, bridge: _Bridge) -> None:
        super().__init__(project_name=bridge.problem.tracker.project)
        self._bridge = bridge

    def invoke_agent(
        self,
        prompts: dict[str, ChatPrompt],
        dataset_item: dict[str, Any],
        allow_tool_use: bool = False,  # noqa: ARG002  part of the library's interface
        seed: int | None = None,  # noqa: ARG002  the gateway sets the seed
    ) -> str:
        """Runs the program on one item."""
        self._increment_llm_counter()
        return self._bridge.run(prompts, dataset_item)


def _theirs(name: str, prompt: Prompt) -> ChatPrompt:
    return ChatPrompt(
        name=name,
        messages=[dict(message) for message in prompt.messages],
        model=model_string("task"),
        model_parameters=dict(prompt.params),
    )


def _told(steps: tuple[tuple[str, str], ...]) -> str:
    """What the calls of a program with several came to, for who has to say which one failed."""
    return "".join(f"\n{name} replied: {text[:SHOWN_OF_A_STEP]}" for name, text in steps)


def _ours(prompt: ChatPrompt) -> Prompt:
    """A candidate as our prompt: messages as text, and the sampling parameters it carries."""
    messages = tuple(_message(message) for message in prompt.get_messages())
    own = {key: value for key, value in (prompt.model_kwargs or {}).items() if value is not None}
    return Prompt(messages, own)


def _message(message: Mapping[str, Any]) -> Message:
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "\n".join(str(part.get("text", "")) for part in content)
    return {"role": str(message["role"]), "content": content}


def _own(parameters: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Sampling parameters of one prompt: where none were better they stand by the prompts' names."""
    own = parameters.get(name)
    return own if isinstance(own, Mapping) else parameters


def _outcome(result: Any, problem: Problem) -> Outcome:
    found = result.prompt
    prompts = {ONLY: found} if isinstance(found, ChatPrompt) else dict(found)
    details = result.details or {}
    parts = {name: _ours(prompt) for name, prompt in prompts.items()}
    if isinstance(problem.prompt, Prompt) and len(parts) == 1:
        parts = {ONLY: next(iter(parts.values()))}
    parameters = details.get("optimized_model_kwargs") or details.get("best_model_kwargs")
    if parameters:
        parts = {
            name: part if part.params else Prompt(part.messages, _own(parameters, name))
            for name, part in parts.items()
        }
    best = candidate_of(parts)
    return Outcome(
        best,
        str(details.get("finish_reason") or "completed"),
        {
            "algorithm": result.optimizer,
            "score": result.score,
            "initial_score": result.initial_score,
            "trials_completed": details.get("trials_completed"),
            "llm_calls_counted_by_optimizer": result.llm_calls,
            "kept_initial_prompt": best.fingerprint == problem.prompt.fingerprint,
        },
    )


def _interruptible(kind: type[Any]) -> type[Any]:
    """The optimizer with the task's own signal handlers in force while it works.

    ``optimize_prompt`` installs handlers for SIGINT and SIGTERM that end in ``os._exit``, which
    would lose what the task has not yet written. ``pre_baseline`` is the first of its public hooks
    to be called after that; the library puts the earlier handlers, ours, back when it is done.
    """
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    class Interruptible(kind):  # type: ignore[misc]  # the base is known at run time only
        def pre_baseline(self, context: Any) -> None:
            for number, handler in ours.items():
                signal.signal(number, handler)
            super().pre_baseline(context)

    Interruptible.__name__ = kind.__name__
    Interruptible.__qualname__ = kind.__qualname__
    return Interruptible
