"""One attempt at one model call, as the ledger keeps it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from optbench.chat import ChatReply

Phase = Literal["baseline", "optimise", "final"]
PHASES: tuple[Phase, ...] = ("baseline", "optimise", "final")
Role = Literal["task", "optimizer", "judge"]
Source = Literal["model", "cache", "replay"]


@dataclass(frozen=True)
class Call:
    """One attempt at one model call.

    Attributes:
        phase: Part of the task it belongs to.
        role: ``task`` runs the prompt on an item, ``optimizer`` reasons about prompts, ``judge``
            scores for a metric.
        model: Short name of the model.
        request: Digest of the question (:class:`optbench.models.requests.Question`), 64 hex digits.
        occurrence: How often the question had been answered in this task, this time included.
        attempt: 1 for the first try.
        outcome: ``ok``; ``invalid`` for a structured reply that does not fit its schema; else the
            kind of failure.
        source: Who answered: the ``model``, which is paid; the sweep's ``cache``; or a recording
            (``replay``).
        tokens_in: Tokens of the request, ``tokens_cached`` of them from the provider's cache.
        tokens_out: Tokens of the reply.
        cost_usd: What the reply is worth, whoever paid; None where no price is known.
        latency_s: Wall time of the model's work in seconds, also where a cache answered.
        at_s: Seconds of the optimise phase's clock when it ended; 0 outside that phase.
        error: What failed, None when nothing did.
        reply: The text, None for a failure.
        finish_reason: See :class:`optbench.chat.ChatReply`.
    """

    phase: Phase
    role: Role
    model: str
    request: str
    occurrence: int
    attempt: int
    outcome: str
    source: Source
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float | None = None
    latency_s: float = 0.0
    at_s: float = 0.0
    error: str | None = None
    reply: str | None = None
    finish_reason: str | None = None

    @property
    def answered(self) -> bool:
        """Whether there is a reply, useful or not."""
        return self.outcome in ("ok", "invalid")

    def to_reply(self) -> ChatReply:
        """The reply of an answered call."""
        return ChatReply(
            self.reply or "",
            self.finish_reason or "stop",
            self.tokens_in,
            self.tokens_out,
            self.tokens_cached,
            self.cost_usd,
        )


COLUMNS = tuple(field.name for field in fields(Call))
"""Of the ledger's table, in order."""
REPLY_COLUMNS = (
    "outcome",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "cost_usd",
    "latency_s",
    "reply",
    "finish_reason",
)
"""What a reply is, wherever it came from; the rest of a call belongs to the task that asked."""
