"""What goes to a model and what comes back, whichever model it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from optbench.errors import OptbenchError

Message = Mapping[str, str]
"""One chat message: ``role`` (system, user or assistant) and ``content``."""

FailureKind = Literal[
    "rate_limit", "timeout", "auth", "quota", "bad_request", "connection", "server"
]


@dataclass(frozen=True)
class ChatRequest:
    """One chat completion asked of a model.

    Attributes:
        messages: The conversation, oldest first.
        temperature: Sampling temperature; 0 is greedy.
        max_tokens: Upper bound of the reply's length in tokens; None leaves it to the model.
        seed: Sampling seed, where the model takes one.
        response_format: None for free text, else the OpenAI form: ``{"type": "json_object"}`` or
            ``{"type": "json_schema", "json_schema": {"name": ..., "schema": {...}}}``.
        extra: Further sampling parameters in OpenAI's names (``top_p``, ``stop`` ...).
    """

    messages: Sequence[Message]
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    response_format: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChatReply:
    """One completion.

    Attributes:
        text: The reply as the model gave it.
        finish_reason: ``stop``, or ``length`` when it ran into ``max_tokens``.
        prompt_tokens: Tokens of the request; ``cached_tokens`` of them came from a prompt cache.
        completion_tokens: Tokens of the reply.
        cost_usd: Price in USD; None where no price is known (which is not the same as free).
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    cost_usd: float | None = None


class ModelCallError(OptbenchError):
    """A model call that failed; ``kind`` says how, so that a retry can be decided.

    ``retry_after_s`` is the pause in seconds that the server asked for, None where it asked for none.
    """

    def __init__(
        self,
        what: str,
        *,
        kind: FailureKind = "server",
        key: str | None = None,
        mend: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(what, key=key, mend=mend)
        self.kind: FailureKind = kind
        self.retry_after_s = retry_after_s


class ChatModel(Protocol):
    """A model that answers chat requests; called from several threads at once."""

    simulated: bool
    """True when the replies are made up by a program; every output of a run says so."""

    def complete(self, request: ChatRequest) -> ChatReply:
        """Answers one request.

        Raises:
            ModelCallError: When there is no reply.
        """
        ...

    def facts(self) -> dict[str, Any]:
        """JSON-able facts to record with a result: weights' sha256, runtime versions ..."""
        ...

    def close(self) -> None:
        """Frees what the model holds; called once, at the end of the task."""
        ...
