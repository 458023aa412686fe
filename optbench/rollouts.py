"""Running a prompt on items and scoring what comes back: the one evaluator of optbench."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from optbench.agents.program import Program
from optbench.chat import ChatReply, ModelCallError
from optbench.data.items import Item, Slice, SliceName
from optbench.errors import Cancelled, OptbenchError
from optbench.metrics.base import Metric, Score, mean, oriented
from optbench.models.calls import Phase
from optbench.models.gateway import Gateway
from optbench.prompts import Candidate


@dataclass(frozen=True)
class Rollout:
    """One run of the program under test on one item, scored by every metric.

    Attributes:
        started_at: Seconds since the epoch.
        latency_s: Wall time of the model calls with their retries, in seconds.
        steps: Of a program with several calls, the name and the reply of each.
    """

    phase: Phase
    slice: SliceName
    item: Item
    prompt: Candidate
    reply: ChatReply
    scores: Mapping[str, Score]
    started_at: float
    latency_s: float
    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """A prompt's rollouts on items of one slice, in the items' order."""

    prompt: Candidate
    slice: SliceName
    rollouts: tuple[Rollout, ...] = field(repr=False)

    def means(self) -> dict[str, float]:
        """The mean of each metric."""
        names = self.rollouts[0].scores
        return {name: mean([done.scores[name].value for done in self.rollouts]) for name in names}


class Runner:
    """Runs rollouts, tells the listener of each, and stops when the task is cancelled.

    Args:
        program: The program under test.
        gateway: Knows the current phase.
        metrics: By name; the first is the objective.
        n_threads: Items at once in :meth:`evaluate`.
        listen: Called with each finished rollout, from any thread.
    """

    def __init__(
        self,
        program: Program,
        gateway: Gateway,
        metrics: Mapping[str, Metric],
        *,
        n_threads: int,
        listen: Callable[[Rollout], None],
    ) -> None:
        self.metrics = metrics
        self.objective = next(iter(metrics))
        self.n_threads = n_threads
        self.cancelled = gateway.cancelled
        self._program = program
        self._gateway = gateway
        self._listen = listen
        self._given: dict[tuple[str, str, str], Rollout] = {}
        self._lock = threading.Lock()

    def give(self, evaluation: Evaluation) -> None:
        """Hands an evaluation to the optimise phase: each of its rollouts stands for one more there.

        Every optimizer is given the initial prompt's validation scores. Those that make their own
        baseline would else pay for it, and others would not.
        """
        for done in evaluation.rollouts:
            self._given[_key(done.prompt, done.item, done.slice)] = done

    def rollout(self, prompt: Candidate, item: Item, slice_name: SliceName) -> Rollout:
        """Runs and scores one item: one inference serves all metrics.

        Raises:
            ModelCallError: When the model, or a metric's judge, gave no reply.
            OptbenchError: When a metric raised, naming metric and item.
            BudgetExhausted: When the optimise phase has spent what it may.
            Cancelled: When the task is being ended.
        """
        if self.cancelled.is_set():
            raise Cancelled
        if self._gateway.phase == "optimise":
            with self._lock:
                given = self._given.pop(_key(prompt, item, slice_name), None)
            if given is not None:
                return given
            self._gateway.meter.begin_rollout()
        phase, started_at, clock = self._gateway.phase, time.time(), time.perf_counter()
        output = self._program.run(prompt, item)
        latency = time.perf_counter() - clock
        scores = {name: self._score(name, output.reply.text, item) for name in self.metrics}
        steps = output.steps if len(output.steps) > 1 else ()
        done = Rollout(
            phase, slice_name, item, prompt, output.reply, scores, started_at, latency, steps
        )
        self._listen(done)
        return done

    def evaluate(self, prompt: Candidate, part: Slice, items: Sequence[Item] = ()) -> Evaluation:
        """Runs a prompt on a slice, or on some of its items.

        The first failure ends it: a mean over the items that happened to work is no score.

        Raises:
            ModelCallError, OptbenchError, BudgetExhausted, Cancelled: See :meth:`rollout`.
        """
        chosen = list(items or part.items)
        failed = threading.Event()

        def one(item: Item) -> Rollout:
            if failed.is_set():  # a thread that is free may be quicker than the cancelling
                raise Cancelled
            try:
                return self.rollout(prompt, item, part.name)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(self.n_threads, thread_name_prefix="rollout") as pool:
            futures = [pool.submit(one, item) for item in chosen]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        errors = [done.exception() for done in futures if not done.cancelled()]
        # The one that ended it, rather than those that it ended.
        for error in sorted(filter(None, errors), key=lambda one: isinstance(one, Cancelled)):
            raise error
        return Evaluation(prompt, part.name, tuple(done.result() for done in futures))

    def objective_of(self, scores: Mapping[str, Score]) -> float:
        """A rollout's objective, turned so that more is better."""
        return oriented(self.metrics[self.objective], scores[self.objective].value)

    def score_of(self, evaluation: Evaluation) -> float:
        """The mean objective, turned so that more is better."""
        return mean([self.objective_of(done.scores) for done in evaluation.rollouts])

    def _score(self, name: str, output: str, item: Item) -> Score:
        try:
            return self.metrics[name].score(output, item.row)
        except ModelCallError:  # of a judge; it says itself which model and what to do
            raise
        except OptbenchError as error:
            raise OptbenchError(
                f"metric '{name}' on item '{item.id}': {error.what}",
                key=error.key or "dataset.metrics",
                mend=error.mend,
            ) from error
        except Exception as error:
            raise OptbenchError(
                f"metric '{name}' raised {type(error).__name__} on item '{item.id}': {error}",
                key="dataset.metrics",
                mend="mend the metric, or the row it cannot score",
            ) from error


def _key(prompt: Candidate, item: Item, slice_name: SliceName) -> tuple[str, str, str]:
    return prompt.fingerprint, item.id, slice_name
