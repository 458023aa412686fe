"""A model that does as it is told, and a gateway before it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optbench.chat import ChatReply, ChatRequest, ModelCallError
from optbench.models.gateway import Gateway, Route
from optbench.models.ledger import Ledger
from optbench.models.retry import RetryPolicy

REQUEST = ChatRequest([{"role": "user", "content": "hello"}])


def asking(text: str, temperature: float | None = None) -> ChatRequest:
    return ChatRequest([{"role": "user", "content": text}], temperature=temperature)


class Scripted:
    """Fails as told, then answers with the number of the call."""

    simulated = True

    def __init__(
        self,
        *failures: ModelCallError,
        cost: float | None = 0.5,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.failures = list(failures)
        self.asked: list[ChatRequest] = []
        self.cost = cost
        self.before = before
        self._lock = threading.Lock()

    def complete(self, request: ChatRequest) -> ChatReply:
        with self._lock:
            self.asked.append(request)
            number = len(self.asked)
            failure = self.failures.pop(0) if self.failures else None
        self.before()
        if failure is not None:
            raise failure
        return ChatReply(f"reply {number}", "stop", 10, 2, cost_usd=self.cost)

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None: ...


def gateway(
    folder: Path,
    model: Scripted,
    *,
    retries: int = 3,
    for_s: float = 60.0,
    seed: int = 5,
    **more: Any,
) -> Gateway:
    """A gateway whose ledger lies in a folder, with the model as ``task`` and as ``optimizer``."""
    rate = {"rate": more.pop("rate")} if "rate" in more else {}
    route = Route(
        "scripted",
        "f" * 64,
        model,
        RetryPolicy(retries, for_s),
        {"temperature": 0.0, "max_tokens": 7},
        **rate,
    )
    ledger = Ledger(folder / "calls.sqlite", "me")
    return Gateway({"task": route, "optimizer": route}, ledger, seed=seed, **more)
