"""What is wrong with a transferred prompt on the dataset and model that it is to be scored on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from optbench.config.optimizers import TransferConf
from optbench.config.schema import Config, EmbeddedModelConf
from optbench.data.items import Data
from optbench.errors import ConfigError, OptbenchError
from optbench.optimizers.transfer import KEY, candidate, placeholders
from optbench.preflight.texts import unwritable
from optbench.prompts import Candidate, Prompt

CHARACTERS_PER_TOKEN_AT_MOST = 8
"""No text of words has so few tokens; what is longer by this measure surely does not fit."""


def problems(config: Config, data: Data, initial: Candidate) -> Iterator[OptbenchError]:
    """Of a task that transfers a prompt; none of any other.

    Args:
        config: The task's.
        data: Its items.
        initial: The target's own prompt. What that shows of an item, a transferred one may show.
    """
    if not isinstance(config.optimizer, TransferConf):
        return
    params = config.optimizer.params
    try:
        given = candidate(params.prompts)
    except ConfigError as error:
        yield error
        return
    if given.parts.keys() != initial.parts.keys():
        yield ConfigError(
            f"are {_names(given.parts)}, and agent '{config.agent.name}' has {_names(initial.parts)}",
            key=KEY,
            mend="choose the agent whose prompts they are: agent=...",
        )
        return
    columns = set.intersection(*(set(item.row) for part in data for item in part))
    asked = placeholders(params.prompts)
    for name, prompt in given.parts.items():
        yield from _placeholders(config, name, prompt, asked[name], initial.parts[name], columns)
        said = unwritable([message["content"] for message in prompt.messages])
        if said is not None:
            yield ConfigError(said[0], key=f"{KEY}.{name}", mend=said[1])
        yield from _length(config, name, prompt)


def _placeholders(
    config: Config,
    name: str,
    prompt: Prompt,
    asked: set[str],
    initial: Prompt,
    columns: set[str],
) -> Iterator[OptbenchError]:
    key = f"{KEY}.{name}"
    shown = initial.placeholders()
    may = ", ".join(sorted(shown)) or "none"
    dataset = config.dataset.name
    for one in sorted(asked - shown):
        # Were it filled, a prompt could be made to show the right answer.
        why = (
            f"a column that the prompt of dataset '{dataset}' does not show"
            if one in columns
            else f"no column of dataset '{dataset}'"
        )
        yield ConfigError(
            f"'{{{one}}}' of the transferred prompt is {why}",
            key=key,
            mend=f"choose a dataset whose prompt has the same placeholders (here: {may}), or give a "
            "column its name: dataset.source.rename",
        )
    for one in sorted((prompt.placeholders() - asked) & shown & columns):
        yield ConfigError(
            f"'{{{one}}}' of the transferred prompt is text where it comes from, and a column of "
            f"dataset '{dataset}', so it would be filled in",
            key=key,
            mend="choose another dataset, or rename the column: dataset.source.rename",
        )


def _length(config: Config, name: str, prompt: Prompt) -> Iterator[OptbenchError]:
    length = sum(len(message["content"]) for message in prompt.messages)
    model = config.model
    if isinstance(model, EmbeddedModelConf):
        most = model.context_tokens * CHARACTERS_PER_TOKEN_AT_MOST
        if length > most:
            yield ConfigError(
                f"has {length:,} characters, more than {model.context_tokens} tokens hold",
                key=f"{KEY}.{name}",
                mend="raise model.context_tokens, or choose another model",
            )
    most_tokens = prompt.params.get("max_tokens", 0)
    if most_tokens > config.dataset.max_tokens:
        yield ConfigError(
            f"asks for replies of {most_tokens} tokens, over the {config.dataset.max_tokens} of "
            f"dataset '{config.dataset.name}'",
            key=f"{KEY}.{name}.params.max_tokens",
            mend="raise dataset.max_tokens, or leave the task out",
        )


def _names(parts: Mapping[str, Prompt]) -> str:
    return ", ".join(f"'{name}'" for name in parts)
