"""The optimizer that searches nothing: it hands back a prompt that another task has found.

So the prompt of one model or dataset is scored on another as any result is: beside the initial prompt
of the target, on its validation and test slices. What it is given may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from optbench.config.optimizers import TransferredFrom
from optbench.config.schema import Role
from optbench.errors import ConfigError
from optbench.optimizers.protocol import Outcome, Problem
from optbench.prompts import Candidate, Prompt, candidate_of, could_be_column

MOST_CHARACTERS = 200_000
"""Of a transferred prompt, all of its messages together; it is sent for every item."""
SAMPLING = frozenset(
    {
        *("temperature", "top_p", "top_k", "min_p", "max_tokens"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty"),
    }
)
"""Parameters that a transferred prompt may bring; others could name a server or a key."""
KEY = "optimizer.params.prompts"


class Transfer:
    """Gives a prompt back that stands in the config.

    Args:
        prompts: See :func:`candidate`.
        transferred_from: The task that found them.

    Raises:
        ConfigError: When the prompts are none.
    """

    proposes = False

    def __init__(self, *, prompts: Sequence[Any], transferred_from: TransferredFrom) -> None:
        self.prompt = candidate(prompts)
        self.source = transferred_from

    def optimize(self, problem: Problem) -> Outcome:  # noqa: ARG002 -- that is what it is for
        """Makes no call."""
        return Outcome(self.prompt, "transferred", {"transfer": dict(vars(self.source))})


def candidate(prompts: Sequence[Any]) -> Candidate:
    """The candidate that prompts are.

    Args:
        prompts: Each ``{name, messages, params, columns}``; a lone one is called ``prompt``.

    Raises:
        ConfigError: When there is none, when one is no prompt, or when they are too long.
    """
    if not prompts:
        raise ConfigError(
            "holds no prompt",
            key=KEY,
            mend="take those of a finished sweep: optbench -m transfer=<sweep dir> model=...",
        )
    parts = dict(_prompt(index, said) for index, said in enumerate(prompts))
    length = sum(len(m["content"]) for part in parts.values() for m in part.messages)
    if length > MOST_CHARACTERS:
        raise ConfigError(
            f"has {length:,} characters, over the {MOST_CHARACTERS:,} that are transferred "
            "(optbench.optimizers.transfer.MOST_CHARACTERS)",
            key=KEY,
            mend="leave this task out, or give its prompt as that of a dataset (dataset.prompt)",
        )
    return candidate_of(parts)


def placeholders(prompts: Sequence[Any]) -> dict[str, set[str]]:
    """By name what of a prompt's braces is to be filled: what its source filled, where it is known.

    Args:
        prompts: As :func:`candidate` takes them.
    """
    told = {said["name"]: said.get("columns") for said in prompts}
    return {
        name: {
            one
            for one in part.placeholders()
            if (could_be_column(one) if told[name] is None else one in told[name])
        }
        for name, part in candidate(prompts).parts.items()
    }


def _prompt(index: int, said: Any) -> tuple[str, Prompt]:
    key = f"{KEY}.{index}"
    if not _is_prompt(said):
        roles = ", ".join(sorted(role.value for role in Role))
        raise ConfigError(
            "is no prompt",
            key=key,
            mend="write {name: prompt, messages: [{role: ..., content: ...}]}; a role is " + roles,
        )
    params = _sampling(said.get("params") or {}, f"{key}.params")
    return said["name"], Prompt(tuple(dict(one) for one in said["messages"]), params)


def _is_prompt(said: Any) -> bool:
    return (
        isinstance(said, Mapping)
        and said.keys() <= {"name", "messages", "params", "columns"}
        and isinstance(said.get("name"), str)
        and isinstance(said.get("messages"), list)
        and len(said["messages"]) > 0
        and all(map(_is_message, said["messages"]))
        and isinstance(said.get("params") or {}, Mapping)
        and isinstance(said.get("columns") or [], list)
    )


def _is_message(said: Any) -> bool:
    return (
        isinstance(said, Mapping)
        and said.keys() == {"role", "content"}
        and said["role"] in {role.value for role in Role}
        and isinstance(said["content"], str)
    )


def _sampling(params: Mapping[Any, Any], key: str) -> dict[str, Any]:
    """Numbers of sampling, and nothing else."""
    for parameter, value in params.items():
        if parameter not in SAMPLING:
            raise ConfigError(
                f"{str(parameter)[:40]!r} is no sampling parameter",
                key=key,
                mend=f"leave it out; there may be {', '.join(sorted(SAMPLING))}",
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ConfigError("is no number", key=f"{key}.{parameter}", mend="give a number")
    return dict(params)
