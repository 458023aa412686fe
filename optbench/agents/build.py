"""From an agent's config to the agent and its initial prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from optbench import imports
from optbench.agents.protocol import Agent
from optbench.config.schema import AgentConf, DatasetConf, Role, initial_messages
from optbench.errors import ConfigError
from optbench.imports import OWN_ONLY, Allowed
from optbench.prompts import ONLY, Candidate, Prompt, candidate_of


def build(conf: AgentConf, allowed: Allowed = OWN_ONLY) -> Agent:
    """The agent a config names.

    Raises:
        ConfigError: When it may not or cannot be imported, or takes other parameters.
    """
    kind = allowed.kind(conf.target, "run", "agent.target")
    for problem in imports.wrong_parameters(kind, conf.params, "agent.params"):
        raise problem
    return cast(Agent, kind(**conf.params))


def initial(agent: AgentConf, dataset: DatasetConf) -> Candidate:
    """Where the search starts: the agent's own prompts, or the dataset's where it has none.

    Raises:
        ConfigError: When a prompt of the agent is no list of messages.
    """
    if not agent.prompts:
        return Prompt(tuple(initial_messages(dataset)))
    return candidate_of({name: _prompt(name, said) for name, said in agent.prompts.items()})


def inputs(agent: Agent) -> dict[str, tuple[str, ...]] | None:
    """What the agent gives each of its prompts; None where it does not say."""
    said = getattr(agent, "inputs", None)
    return None if said is None else dict(said)


def columns(agent: Agent) -> tuple[str, ...]:
    """The item's columns that the agent reads itself."""
    return tuple(getattr(agent, "columns", ()))


def check(agent: Agent, row: Mapping[str, Any]) -> None:
    """Whether the agent can run on an item, where it can tell.

    Raises:
        ValueError, OptbenchError: When it cannot.
    """
    checks = getattr(agent, "check", None)
    if checks is not None:
        checks(row)


def missing_prompts(agent: Agent, conf: AgentConf) -> Iterator[ConfigError]:
    """Prompts that the agent runs with and the config does not state."""
    for name in sorted((inputs(agent) or {}).keys() - (conf.prompts.keys() or {ONLY})):
        yield ConfigError(
            f"agent '{conf.name}' needs a prompt of this name",
            key=f"agent.prompts.{name}",
            mend="state it as a list of {role, content}",
        )


def _prompt(name: str, said: Any) -> Prompt:
    """OmegaConf types no list in a mapping, so it is looked at here."""
    roles = [role.value for role in Role]
    fits = isinstance(said, list) and all(
        isinstance(message, dict)
        and set(message) == {"role", "content"}
        and message["role"] in roles
        and isinstance(message["content"], str)
        for message in said
    )
    if not fits:
        raise ConfigError(
            "is no list of messages",
            key=f"agent.prompts.{name}",
            mend=f"write a list of {{role: ..., content: ...}}; a role is {', '.join(roles)}",
        )
    return Prompt(tuple(dict(message) for message in said))
