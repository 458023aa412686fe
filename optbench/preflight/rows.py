"""What is wrong with a task's rows, with the prompts that show them and the metrics that score them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from optbench.agents import build as agents
from optbench.agents.protocol import Agent
from optbench.config.optimizers import NoneConf
from optbench.config.schema import Config, Role
from optbench.data.items import Data, Slice
from optbench.errors import ConfigError, DataError, OptbenchError
from optbench.metrics.base import (
    Checking,
    Judged,
    Metric,
    allows_empty,
    example_of,
    is_empty,
)
from optbench.prompts import Candidate, Prompt


def prompts(
    config: Config, data: Data, candidate: Candidate, agent: Agent
) -> Iterator[OptbenchError]:
    """Placeholders that nothing fills, and prompts that no model could answer."""
    # Those that every row has: one row without a value would show the model a bare placeholder.
    columns = set.intersection(*(set(item.row) for part in data for item in part))
    yield from agents.missing_prompts(agent, config.agent)
    given = agents.inputs(agent)
    for name, prompt in candidate.parts.items():
        key = f"agent.prompts.{name}" if config.agent.prompts else "dataset.prompt"
        known = columns | set((given or {}).get(name, ()))
        if given is not None or not config.agent.prompts:
            for placeholder in sorted(prompt.placeholders() - known):
                yield _no_column(key, placeholder, known)
        yield from _last_message(prompt, key)
    for name in sorted(set(agents.columns(agent)) - columns):
        yield ConfigError(
            f"agent '{config.agent.name}' reads column '{name}', which not all rows have",
            key="agent",
            mend=f"choose another agent or dataset; there are {', '.join(sorted(columns))}",
        )
    shown = Prompt(({"role": "user", "content": config.dataset.demonstration},)).placeholders()
    for name in sorted(shown - columns):
        yield _no_column("dataset.demonstration", name, columns)


def _last_message(prompt: Prompt, key: str) -> Iterator[OptbenchError]:
    if not prompt.messages or prompt.messages[-1]["role"] != Role.user.value:
        yield ConfigError(
            "the last message must be the user's",
            key=key,
            mend="end the prompt with {role: user, content: ...}",
        )
    elif not Prompt(prompt.messages[-1:]).placeholders():
        yield ConfigError(
            "the user's message shows nothing of the item", key=key, mend="put a {column} into it"
        )


def several_prompts(config: Config, candidate: Candidate) -> Iterator[OptbenchError]:
    """An optimizer that can improve but one prompt, with an agent that has more."""
    # The control that changes nothing has nothing to be able to do.
    if config.optimizer.several_prompts or isinstance(candidate, Prompt):
        return
    if isinstance(config.optimizer, NoneConf):
        return
    yield ConfigError(
        f"agent '{config.agent.name}' has {len(candidate.parts)} prompts, and optimizer "
        f"'{config.optimizer.name}' can improve but one",
        key="optimizer",
        mend="choose agent=chat, or another optimizer; a class of your own that can states "
        "several_prompts: true in its YAML",
    )


def _no_column(key: str, name: str, columns: set[str]) -> ConfigError:
    return ConfigError(
        f"'{{{name}}}' is no column",
        key=key,
        mend=f"use one of {', '.join(sorted(columns))}",
    )


def metrics(data: Data, metrics: Mapping[str, Metric]) -> Iterator[OptbenchError]:
    """Columns that metrics miss, and rows that they cannot score."""
    for index, (name, metric) in enumerate(metrics.items()):
        key = f"dataset.metrics.{index}.target"
        for part in data:
            missing = sorted(
                {column for column in metric.columns for item in part if column not in item.row}
            )
            for column in missing:
                yield ConfigError(
                    f"metric '{name}' needs column '{column}', which rows of the "
                    f"{part.name} slice lack",
                    key=key,
                    mend=f"use one of {', '.join(sorted(part.items[0].row))}",
                )
        if any(column not in item.row for column in metric.columns for p in data for item in p):
            continue
        problems = [*_rows(name, metric, data, key)]
        yield from problems
        # Judging would be paid; and of what is known to be broken enough is said.
        if not problems and not isinstance(metric, Judged):
            yield from _scores(name, metric, data.train, key)


def _rows(name: str, metric: Metric, data: Data, key: str) -> Iterator[OptbenchError]:
    """Rows that no output could be scored on: an empty right answer, or what the metric says."""
    target = metric.columns[0] if metric.columns else None
    for part in data:
        empty = [
            item.id
            for item in part
            if target is not None and not allows_empty(metric) and is_empty(item.row[target])
        ]
        if empty:
            yield DataError(
                f"item '{empty[0]}' of the {part.name} slice has nothing in column '{target}', the "
                f"right answer of metric '{name}'{_and_more(empty)}",
                key=key,
                mend="choose other rows, or name the column that holds the answer",
            )
        refused = [] if empty else _refused(metric, part)
        if refused:
            yield DataError(
                f"metric '{name}' cannot score item '{refused[0][0]}' of the {part.name} slice: "
                f"{refused[0][1]}{_and_more(refused)}",
                key=key,
                mend="name the columns that it needs, see dataset.metrics, or choose other rows",
            )


def _refused(metric: Metric, part: Slice) -> list[tuple[str, str]]:
    """Ids of the items that a metric says it cannot score, and why."""
    refused = []
    if isinstance(metric, Checking):
        for item in part:
            try:
                metric.check(item.row)
            except ValueError as error:
                refused.append((item.id, str(error)))
    return refused


def _and_more(found: Sequence[object]) -> str:
    return f", and {len(found) - 1} more items" if len(found) > 1 else ""


def _scores(name: str, metric: Metric, part: Slice, key: str) -> Iterator[OptbenchError]:
    """The right answer itself must be scoreable, or the metric cannot read this target."""
    item = part.items[0]
    try:
        metric.score(example_of(metric, item.row), item.row)
    except Exception as error:
        yield ConfigError(
            f"metric '{name}' raised {type(error).__name__} on item '{item.id}': {error}",
            key=key,
            mend="name the column that holds the answer",
        )


def slices(data: Data, prompt: Candidate, agent: Agent) -> Iterator[OptbenchError]:
    """Items that ask the same, within a slice or over two of them."""
    read = prompt.placeholders() | set(agents.columns(agent))
    asked = {
        part.name: {
            str({name: item.row[name] for name in sorted(read) if name in item.row}): item.id
            for item in part
        }
        for part in data
    }
    for part in data:
        if len(asked[part.name]) < len(part):
            yield ConfigError(
                f"{len(part) - len(asked[part.name])} of {len(part)} items of the {part.name} "
                "slice ask the same as another one",
                key=f"dataset.slices.{part.name}",
                mend="remove the repeated rows",
            )
    for one, other in combinations(asked, 2):
        shared = asked[one].keys() & asked[other].keys()
        if shared:
            example = asked[one][next(iter(shared))]
            yield ConfigError(
                f"shares {len(shared)} items with {one} (such as '{example}')",
                key=f"dataset.slices.{other}",
                mend="choose starts and counts that do not overlap",
            )
