"""What is wrong with a task's rows, with the prompts that show them and the metrics that score them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

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
from optbench.preflight.texts import unwritable
from optbench.prompts import Candidate, Prompt, could_be_column
from optbench.wording import printable


class MissingColumnError(ConfigError):
    """A column that the config names and the rows lack."""


def unfit(data: Data) -> Iterator[OptbenchError]:
    """Rows that no file and no request could hold."""
    for part in data:
        found = [(item, said) for item in part if (said := unwritable(item.row))]
        if found:
            item, (what, mend) = found[0]
            yield DataError(
                f"item '{printable(item.id)}' of the {part.name} slice {what}{_and_more(found)}",
                key="dataset.source",
                mend=mend,
            )


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
            yield from _unfilled(prompt, key, known, data)
        yield from _last_message(prompt, key, known)
        yield from _unwritable(key, [message["content"] for message in prompt.messages])
    for name in sorted(set(agents.columns(agent)) - columns):
        yield _no_column("agent", name, columns, data, f"agent '{config.agent.name}' reads column")


def demonstration(config: Config, data: Data) -> Iterator[OptbenchError]:
    """Placeholders of the right reply that nothing fills."""
    columns = set.intersection(*(set(item.row) for part in data for item in part))
    told = config.dataset.demonstration
    shown = Prompt(({"role": "user", "content": told},))
    yield from _unfilled(shown, "dataset.demonstration", columns, data)
    yield from _unwritable("dataset.demonstration", told)


def _unwritable(key: str, value: Any) -> Iterator[OptbenchError]:
    said = unwritable(value)
    if said is not None:
        yield ConfigError(said[0], key=key, mend=said[1])


def _unfilled(prompt: Prompt, key: str, known: set[str], data: Data) -> Iterator[OptbenchError]:
    there = {column for part in data for item in part for column in item.row}
    for name in sorted(prompt.placeholders() - known):
        if name in there or could_be_column(name):
            yield _no_column(key, name, known, data)


def _last_message(prompt: Prompt, key: str, known: set[str]) -> Iterator[OptbenchError]:
    if not prompt.messages or prompt.messages[-1]["role"] != Role.user.value:
        yield ConfigError(
            "the last message must be the user's",
            key=key,
            mend="end the prompt with {role: user, content: ...}",
        )
        return
    shown = Prompt(prompt.messages[-1:]).placeholders()
    # What could be a column and is none is told as that.
    if not any(name in known or could_be_column(name) for name in shown):
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


def _no_column(
    key: str, name: str, known: set[str], data: Data, asked: str = ""
) -> MissingColumnError:
    """A name that no row has, or the first item that lacks it where others have it."""
    lacking = [(part, item) for part in data for item in part if name not in item.row]
    if len(lacking) < sum(map(len, data)):
        part, item = lacking[0]
        return MissingColumnError(
            f"item '{item.id}' of the {part.name} slice has no column '{name}'{_and_more(lacking)}",
            key=key,
            mend=f"give every row the column, or use one of {', '.join(sorted(known))}",
        )
    return MissingColumnError(
        f"{asked} '{name}', which no row has" if asked else f"'{{{name}}}' is no column",
        key=key,
        mend=f"use one of {', '.join(sorted(known))}"
        + ("" if asked else f"; braces that are text stand with a space: '{{ {name} }}'"),
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
                yield MissingColumnError(
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


def agent_items(config: Config, data: Data, agent: Agent) -> Iterator[OptbenchError]:
    """Items that the agent says it cannot run on."""
    for part in data:
        refused: list[tuple[str, Exception]] = []
        for item in part:
            try:
                agents.check(agent, item.row)
            except (OptbenchError, ValueError) as error:
                refused.append((item.id, error))
        if refused:
            first, why = refused[0]
            told = why if isinstance(why, OptbenchError) else DataError(str(why))
            yield DataError(
                f"agent '{config.agent.name}' cannot run on item '{first}' of the {part.name} "
                f"slice: {told.what}{_and_more(refused)}",
                key=told.key or "agent",
                mend=told.mend or "choose other rows, or another agent",
            )


def slices(data: Data, prompt: Candidate, agent: Agent) -> Iterator[OptbenchError]:
    """Items of one slice that ask what an item of another one asks.

    What is learnt on one slice must be unknown on the next, or the scores on validation and test say
    nothing of new questions; no option allows it. Within a slice a question that stands twice only
    counts twice, as the source has it: that is :func:`repeated`, and no error.
    """
    asked = {part.name: _asked(part, prompt, agent) for part in data}
    for one, other in combinations(asked, 2):
        shared = asked[one].keys() & asked[other].keys()
        if shared:
            question = next(iter(sorted(shared)))
            there, here = asked[one][question], asked[other][question]
            example = f"'{here}'" if there == here else f"'{here}' asks what '{there}' asks"
            yield ConfigError(
                f"shares {len(shared)} items with {one} (such as {example})",
                key=f"dataset.slices.{other}",
                mend="choose starts and counts that do not overlap, and leave out rows that the "
                "source repeats",
            )


def repeated(data: Data, prompt: Candidate, agent: Agent) -> Iterator[str]:
    """A line for each slice in which items ask the same."""
    for part in data:
        more = len(part) - len(_asked(part, prompt, agent))
        if more:
            yield (
                f"{more} of {len(part)} items of the {part.name} slice of this dataset ask the same "
                "as another one, and count each"
            )


def _asked(part: Slice, prompt: Candidate, agent: Agent) -> dict[str, str]:
    """The slice's items by what the program reads of them."""
    read = prompt.placeholders() | set(agents.columns(agent))
    return {
        str({name: item.row[name] for name in sorted(read) if name in item.row}): item.id
        for item in part
    }
