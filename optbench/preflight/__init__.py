"""All that can be checked before anything is paid, in one go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from optbench.agents import build as agents
from optbench.agents.protocol import Agent
from optbench.config.schema import Config
from optbench.data.items import Data
from optbench.data.load import fingerprint_problems, load
from optbench.errors import ConfigError, OptbenchError
from optbench.imports import Allowed
from optbench.metrics import registry
from optbench.metrics.base import Metric
from optbench.optimizers import build as optimizers
from optbench.preflight import rows, settings, transferred
from optbench.prompts import Candidate

log = logging.getLogger(__name__)
T = TypeVar("T")


class PreflightError(ConfigError):
    """Everything that is wrong with a task, as one table; nothing was started."""

    def __init__(self, problems: list[OptbenchError]) -> None:
        super().__init__(f"{len(problems)} problems" if len(problems) > 1 else "1 problem")
        self.problems = problems

    def __str__(self) -> str:
        width = max(len(problem.key or "") for problem in self.problems)
        lines = [f"preflight found {self.what}, nothing was started:"]
        for problem in self.problems:
            lines.append(f"  {problem.key or '':<{width}}  {problem.what}")
            if problem.mend:
                lines.append(f"  {'':<{width}}  mend: {problem.mend}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return PreflightError, (self.problems,)


@dataclass(frozen=True)
class Inputs:
    """What a task works with, and what is wrong with it; the same for all tasks of a dataset.

    Attributes:
        data: Items.
        prompt: The initial candidate.
        agent: The program under test.
        metrics: By name; the first is the objective.
        problems: Found in them.
    """

    data: Data
    prompt: Candidate
    agent: Agent
    metrics: dict[str, Metric]
    problems: tuple[OptbenchError, ...]

    @property
    def objective(self) -> Metric:
        """The metric that is optimised."""
        return next(iter(self.metrics.values()))


@dataclass(frozen=True)
class Unread:
    """Inputs that cannot be had.

    Attributes:
        problems: Why.
    """

    problems: tuple[OptbenchError, ...]


def read(config: Config) -> Inputs:
    """Reads a task's inputs, and looks at them.

    Args:
        config: The task's config.

    Raises:
        PreflightError: When rows or metrics cannot be had, with all else that is wrong.
    """
    found = inputs_of(config)
    if isinstance(found, Unread):
        raise PreflightError(problems_of(config, found, starting=True))
    return found


def inputs_of(config: Config) -> Inputs | Unread:
    """A task's inputs, looked at; the same for all tasks of one dataset, agent and ``test_mode``."""
    unread: list[OptbenchError] = []

    def had(make: Callable[[], T]) -> T | None:
        try:
            return make()
        except OptbenchError as error:
            unread.append(error)
            return None

    allowed = had(lambda: Allowed.of(config.allow_imports))
    if allowed is None:
        return Unread(tuple(unread))
    data = had(lambda: load(config.dataset, test_mode=config.test_mode, allowed=allowed))
    program = had(
        lambda: (
            agents.build(config.agent, allowed),
            agents.initial(config.agent, config.dataset),
        )
    )
    metrics = had(lambda: registry.build(config.dataset.metrics, allowed))
    if data is None or program is None or metrics is None:
        return Unread(tuple(unread))
    agent, prompt = program
    problems = tuple(_problems(config, data, prompt, agent, metrics))
    return Inputs(data, prompt, agent, metrics, problems)


def _problems(
    config: Config, data: Data, prompt: Candidate, agent: Agent, metrics: Mapping[str, Metric]
) -> Iterator[OptbenchError]:
    """What is wrong with the inputs, without what is but a consequence of something that is told."""
    unfit = [*rows.unfit(data)]
    if unfit:
        yield from unfit
        return
    of_prompts = [*rows.prompts(config, data, prompt, agent)]
    others = [*rows.demonstration(config, data), *rows.metrics(data, metrics)]
    if not config.test_mode and not _any_missing([*of_prompts, *others]):
        # Rows that lack a column are others than recorded, and which column says more.
        yield from fingerprint_problems(config.dataset, data)
    yield from of_prompts
    yield from others
    if not _any_missing(of_prompts):
        yield from rows.agent_items(config, data, agent)
    if not of_prompts:
        # To a prompt that shows nothing of them all items are the same.
        yield from rows.slices(data, prompt, agent)
        for line in rows.repeated(data, prompt, agent):
            log.info("%s", line)


def _any_missing(problems: Iterable[OptbenchError]) -> bool:
    return any(isinstance(problem, rows.MissingColumnError) for problem in problems)


def check(config: Config, inputs: Inputs) -> None:
    """Checks a task.

    Args:
        config: The task's config.
        inputs: What it works with.

    Raises:
        PreflightError: With all the problems there are.
    """
    problems = problems_of(config, inputs, starting=True)
    if problems:
        raise PreflightError(problems)


def problems_of(config: Config, inputs: Inputs | Unread, *, starting: bool) -> list[OptbenchError]:
    """All that is wrong with a task.

    Args:
        config: The task's config.
        inputs: What it works with, or why that cannot be had.
        starting: False when it is only planned: models, keys and servers need not be there yet.
    """
    with_prompt: list[OptbenchError] = []
    if isinstance(inputs, Inputs):
        with_prompt += rows.several_prompts(config, inputs.prompt)
        with_prompt += optimizers.nothing_to_rewrite(config.optimizer, inputs.prompt)
        if not inputs.problems:  # else the target's own prompt may be no measure
            with_prompt += transferred.problems(config, inputs.data, inputs.prompt)
    return [*inputs.problems, *with_prompt, *settings.problems(config, starting=starting)]
