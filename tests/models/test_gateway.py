"""The gateway counts, retries and seeds alike, whoever calls."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from optbench.models.gateway import Gateway, Route
from optbench.models.ledger import Ledger, totals
from optbench.models.types import ChatReply, ChatRequest, FailureKind, ModelCallError


class Scripted:
    """A model that fails as told and then answers."""

    simulated = True

    def __init__(self, *failures: FailureKind, cost: float | None = 0.5) -> None:
        self.failures = list(failures)
        self.asked: list[ChatRequest] = []
        self.cost = cost

    def complete(self, request: ChatRequest) -> ChatReply:
        self.asked.append(request)
        if self.failures:
            raise ModelCallError("told to", kind=self.failures.pop(0))
        return ChatReply("fine", "stop", 10, 2, cost_usd=self.cost)

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None: ...


def gateway(tmp_path: Path, model: Scripted, retries: int = 3) -> Gateway:
    route = Route("scripted", model, retries, {"temperature": 0.0, "max_tokens": 7})
    return Gateway({"task": route}, Ledger(tmp_path / "calls.sqlite"), seed=5)


REQUEST = ChatRequest([{"role": "user", "content": "hello"}])


def test_every_attempt_is_in_the_ledger(tmp_path: Path) -> None:
    model = Scripted("rate_limit", "timeout")
    entry = gateway(tmp_path, model)
    assert entry.complete("task", REQUEST, "task").text == "fine"
    calls = entry.ledger.calls()
    assert [call.outcome for call in calls] == ["rate_limit", "timeout", "ok"]
    assert [call.attempt for call in calls] == [1, 2, 3]
    assert len(calls) == len(model.asked)
    with sqlite3.connect(tmp_path / "calls.sqlite") as db:
        assert db.execute("select count(*) from calls").fetchone() == (3,)


@pytest.mark.parametrize("kind", ["auth", "bad_request"])
def test_what_a_retry_cannot_mend_is_not_retried(tmp_path: Path, kind: FailureKind) -> None:
    model = Scripted(kind)
    with pytest.raises(ModelCallError):
        gateway(tmp_path, model).complete("task", REQUEST, "task")
    assert len(model.asked) == 1


def test_defaults_fill_only_what_is_open(tmp_path: Path) -> None:
    model = Scripted()
    entry = gateway(tmp_path, model)
    entry.complete("task", ChatRequest(REQUEST.messages, temperature=0.4), "task")
    assert (model.asked[0].temperature, model.asked[0].max_tokens) == (0.4, 7)


def test_repeats_differ_only_with_a_temperature(tmp_path: Path) -> None:
    model = Scripted()
    entry = gateway(tmp_path, model)
    for temperature in (0.0, 0.0, 1.0, 1.0):
        entry.complete("task", ChatRequest(REQUEST.messages, temperature=temperature), "task")
    seeds = [asked.seed for asked in model.asked]
    assert seeds[0] == seeds[1] == 5
    assert seeds[2] != seeds[3]


def test_unknown_cost_is_never_zero(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(cost=None))
    entry.complete("task", REQUEST, "task")
    assert totals(entry.ledger.calls())["cost_usd"] is None
    assert totals(entry.ledger.calls())["unpriced_calls"] == 1
