"""What tasks would cost, before any is started: ``plan=true``."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

from optbench import environment, preflight
from optbench.chat import ChatRequest
from optbench.config.schema import CacheMode, Config
from optbench.errors import OptbenchError
from optbench.layout import JobFolder, SharedFolder
from optbench.models.build import cache_path, fingerprint, known_answers, task_defaults
from optbench.models.cache import SharedCache
from optbench.models.gateway import completed
from optbench.models.ledger import read_calls
from optbench.models.requests import Question
from optbench.plan.estimate import Cost, Expected, rollout_of, total
from optbench.plan.show import leave_no_trace, show
from optbench.preflight import Inputs, PreflightError, Unread
from optbench.preflight.together import marks
from optbench.prompts import Prompt
from optbench.task import Task

__all__ = ["Expected", "Planner", "leave_no_trace", "show"]

log = logging.getLogger(__name__)


class Planner:
    """What tasks are expected to take; what they have in common is read once."""

    def __init__(self) -> None:
        # Of the last task alone: the rows of all datasets at once might not fit into memory.
        self._inputs: tuple[str, Inputs | Unread] | None = None
        self._rollouts: dict[str, tuple[Cost, float]] = {}

    def expect(self, task: Task, folder: Path, sweep: Path | None = None) -> Expected:
        """The expectation for one task; quick where the one before has the same dataset and agent.

        Args:
            task: The task.
            folder: Its folder, which need not be there.
            sweep: Folder of its sweep, None where it stands alone.

        Raises:
            PreflightError: When the task could not run.
        """
        config = task.config
        environment.prepare(config.tracking)  # before a price is looked up by litellm
        key = marks(task.plain).inputs
        if self._inputs is None or self._inputs[0] != key:
            self._inputs = key, preflight.inputs_of(config)
        inputs = self._inputs[1]
        problems = preflight.problems_of(config, inputs, starting=False)
        if problems or isinstance(inputs, Unread):
            raise PreflightError(problems)
        if key not in self._rollouts:
            self._rollouts[key] = rollout_of(config, inputs)
        cost = total(config, inputs, *self._rollouts[key])
        job = JobFolder(folder)
        try:
            done = job.read_result()
        except OptbenchError as error:
            log.warning("%s", error)
            return cost.expected(config, "unreadable", 0)
        if done is not None and done.get("identity") == task.identity:
            return cost.expected(config, "done", cost.calls)
        begun = _recorded(job, task)
        answered = begun or _in_cache(config, inputs, SharedFolder(sweep or folder))
        return cost.expected(config, "begun" if begun else "new", min(answered, cost.calls))


def _recorded(job: JobFolder, task: Task) -> int:
    if not job.calls.exists():
        return 0
    calls = read_calls(job.calls, task.identity)
    return sum(attempts[-1].answered for attempts in calls.values())


def _in_cache(config: Config, inputs: Inputs, shared: SharedFolder) -> int:
    """How many of the baseline's calls the cache holds."""
    path = cache_path(config.cache, shared)
    if config.cache.mode is CacheMode.off or not path.exists():
        return 0
    prompt, data = inputs.prompt, inputs.data
    if not isinstance(prompt, Prompt):
        return 0  # what it asks depends on what it was told
    columns = prompt.placeholders()
    answers = known_answers(config, data, columns, inputs.objective)
    mark = fingerprint(config.model, config, answers)
    defaults = task_defaults(config)
    # Only read: a plan makes no file.
    with closing(SharedCache(path, CacheMode.read)) as cache:
        return cache.count(
            Question(mark, completed(ChatRequest(prompt.render(item.row, columns)), defaults)).key(
                config.seed, 1
            )
            for part in (data.validation, data.test)
            for item in part
        )
