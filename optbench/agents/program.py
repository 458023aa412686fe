"""Runs an agent with a candidate's prompts, and adds up what its calls took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optbench.agents.protocol import Agent
from optbench.chat import ChatReply, ChatRequest
from optbench.data.items import Item
from optbench.errors import Fatal, OptbenchError
from optbench.models.gateway import Gateway
from optbench.prompts import Candidate, Prompt
from optbench.wording import close_names

_OWN = ("temperature", "max_tokens")


@dataclass(frozen=True)
class Output:
    """What came of one run.

    Attributes:
        reply: The output as the text; tokens and cost are those of all calls together.
        steps: The name and the reply of each call, in order.
    """

    reply: ChatReply
    steps: tuple[tuple[str, str], ...]


class Program:
    """The program under test: an agent, and the task's model behind the gateway.

    Args:
        agent: What runs.
        gateway: The way to the model.
        initial: The initial candidate; a prompt may show what the initial one of its name shows, so
            that no candidate sees more of an item than any other.
    """

    def __init__(self, agent: Agent, gateway: Gateway, initial: Candidate) -> None:
        self._agent = agent
        self._gateway = gateway
        self._shown = {name: part.placeholders() for name, part in initial.parts.items()}

    def run(self, candidate: Candidate, item: Item) -> Output:
        """One rollout.

        Raises:
            ModelCallError: When the model gave no reply.
            OptbenchError: When the agent raised, naming the item.
            Fatal: When the agent asks with a prompt that it does not have.
            Exception: What the gateway raised, as it is.
        """
        run = _Run(self._gateway, candidate.parts, self._shown, item.row)
        agent = type(self._agent).__name__
        try:
            text = self._agent.run(run.step, item.row)
        except OptbenchError:  # it says itself what is wrong
            raise
        except Exception as error:
            if error is run.raised:  # a full disk, say: no fault of the agent's
                raise
            raise OptbenchError(
                f"agent {agent} raised {type(error).__name__} on item '{item.id}': {error}",
                key="agent.target",
                mend="mend the agent, or the row it cannot run on",
            ) from error
        if not isinstance(text, str):
            raise _fatal(
                self._gateway,
                f"agent {agent} gave {type(text).__name__} back, no text",
                "let run() return the output that the metrics score",
            )
        return Output(_together(text, run.replies), tuple(run.steps))


@dataclass
class _Run:
    """One run's calls."""

    gateway: Gateway
    parts: Mapping[str, Prompt]
    shown: Mapping[str, Iterable[str]]
    row: Mapping[str, Any]
    replies: list[ChatReply] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)
    raised: Exception | None = None

    def step(self, name: str, /, **inputs: str) -> str:
        prompt = self.parts.get(name)
        if prompt is None:
            raise _fatal(
                self.gateway,
                f"the agent asks with prompt '{name}', and there is none of this name."
                f"{close_names(name, self.parts)}",
                "let run() call step() with a name of agent.prompts",
            )
        request = ChatRequest(
            messages=prompt.render({**self.row, **inputs}, self.shown[name]),
            temperature=prompt.params.get("temperature"),
            max_tokens=prompt.params.get("max_tokens"),
            extra={key: value for key, value in prompt.params.items() if key not in _OWN},
        )
        try:
            reply = self.gateway.complete("task", request, "task")
        except Exception as error:
            self.raised = error
            raise
        self.replies.append(reply)
        self.steps.append((name, reply.text))
        return reply.text


def _fatal(gateway: Gateway, what: str, mend: str) -> Fatal:
    """A fault of the agent's code, which no other candidate would make good: the task ends."""
    gateway.fatal = OptbenchError(what, key="agent.target", mend=mend)
    return Fatal(gateway.fatal)


def _together(text: str, replies: list[ChatReply]) -> ChatReply:
    if len(replies) == 1 and replies[0].text == text:
        return replies[0]
    costs = [reply.cost_usd for reply in replies]
    return ChatReply(
        text,
        replies[-1].finish_reason if replies else "stop",
        sum(reply.prompt_tokens for reply in replies),
        sum(reply.completion_tokens for reply in replies),
        sum(reply.cached_tokens for reply in replies),
        # One unknown price makes the sum unknown.
        None if None in costs else sum(cost for cost in costs if cost is not None),
    )
