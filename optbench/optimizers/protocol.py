"""What an optimizer is given and what it gives back. A new one is a class like this and a YAML file.

::

    class MyOptimizer:
        def __init__(self, *, patience: int) -> None: ...          # optimizer.params
        def optimize(self, problem: Problem, *, max_trials: int) -> Outcome: ...  # optimizer.optimize

``random_few_shot`` is the worked example. When the budget is spent, what a problem offers raises
``BudgetExhausted``; let it through, for the task keeps the best candidate by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from optbench.chat import ChatReply, ChatRequest, Message
from optbench.data.items import Item, Slice
from optbench.errors import Cancelled
from optbench.prompts import Candidate, Prompt, fill
from optbench.rollouts import Evaluation, Rollout, Runner

if TYPE_CHECKING:  # it imports opik, which must wait for optbench.environment
    from optbench.tracking.tracker import Tracker


@dataclass(frozen=True)
class Problem:
    """All that an optimizer may see. The test slice is not in it.

    Attributes:
        prompt: Where to start; a ``PromptSet`` only for optimizers that state ``several_prompts``.
        train: Items to learn from: demonstrations, failures to look at; in the seed's order.
        validation: Items to select candidates on, in the same order for every seed.
        baseline: The initial prompt's evaluation on validation, already made.
        seed: For every random choice.
        demonstration: Template of the assistant's turn when an item is shown as an example.
        runner: Runs and scores prompts; :meth:`evaluate` and :meth:`rollout` are the way to it.
        ask: Asks the optimizer's model.
        tracker: For libraries that need Opik's objects.
        over: Set when the search has ended; a thread that it left behind gets nothing more.
    """

    prompt: Candidate
    train: Slice
    validation: Slice
    baseline: Evaluation
    seed: int
    demonstration: str
    runner: Runner
    ask: Callable[[ChatRequest], ChatReply]
    tracker: Tracker
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def only(self) -> Prompt:
        """The initial prompt of a program that has but one."""
        (prompt,) = self.prompt.parts.values()
        return prompt

    @property
    def columns(self) -> set[str]:
        """The columns of an item that a prompt may show."""
        return self.prompt.placeholders() & set(self.train.items[0].row)

    def evaluate(self, prompt: Candidate, items: Sequence[Item] = ()) -> Evaluation:
        """Scores a candidate on the validation slice, or on some of its items: one trial."""
        evaluation = self.runner.evaluate(prompt, self.validation, items)
        self.tracker.log_evaluation("trial", evaluation)
        return evaluation

    def score(self, evaluation: Evaluation) -> float:
        """The mean objective, turned so that more is better whatever the metric's direction."""
        return self.runner.score_of(evaluation)

    def rollout(self, prompt: Candidate, item: Item, part: Slice) -> Rollout:
        """Runs and scores one item, for optimizers that drive their own evaluation."""
        if self.over.is_set():
            raise Cancelled
        return self.runner.rollout(prompt, item, part.name)

    def demonstrate(self, item: Item) -> tuple[Message, Message]:
        """An item as two chat turns: the question as the one prompt asks it, and its answer."""
        asked = Prompt(self.only.messages[-1:]).render(item.row, self.columns)[0]
        return asked, {"role": "assistant", "content": fill(self.demonstration, item.row)}


@dataclass(frozen=True)
class Outcome:
    """What came of a search.

    Attributes:
        prompt: The best prompt; the initial one when nothing was better.
        finish_reason: Why it ended: ``max_trials``, ``no_improvement``, ``completed`` ...
        details: JSON-able facts of the optimizer's own to keep with the result; no times in it, so
            that equal runs give equal results.
    """

    prompt: Candidate
    finish_reason: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Optimizer(Protocol):
    """A search for a better prompt; constructed with ``optimizer.params``."""

    proposes: bool
    """False for controls that try no candidate; a run of any other that tried none has failed."""

    def optimize(self, problem: Problem, **optimize: Any) -> Outcome:
        """Searches; called once, with ``optimizer.optimize`` as keywords."""
        ...
