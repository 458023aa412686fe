"""The plain program under test: one prompt, one model call."""

from __future__ import annotations

from collections.abc import Iterable

from optbench.data.items import Item
from optbench.models.gateway import Gateway
from optbench.models.types import ChatReply, ChatRequest
from optbench.prompts import Prompt

_OWN = ("temperature", "max_tokens")


class ChatAgent:
    """Renders the prompt for an item and asks the task's model.

    Args:
        gateway: The way to the model.
        columns: The columns a prompt may show: those of the initial prompt, so that no candidate
            sees more of an item than any other.
    """

    def __init__(self, gateway: Gateway, columns: Iterable[str]) -> None:
        self._gateway = gateway
        self.columns = frozenset(columns)

    def run(self, prompt: Prompt, item: Item) -> ChatReply:
        """One rollout's model call.

        Raises:
            ModelCallError: When the model gave no reply.
        """
        extra = {key: value for key, value in prompt.params.items() if key not in _OWN}
        request = ChatRequest(
            messages=prompt.render(item.row, self.columns),
            temperature=prompt.params.get("temperature"),
            max_tokens=prompt.params.get("max_tokens"),
            extra=extra,
        )
        return self._gateway.complete("task", request, "task")
