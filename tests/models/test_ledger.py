"""Every figure of a call arrives in the ledger, and comes back from it as it was."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import REQUEST, Scripted, asking, gateway

from optbench.chat import ChatReply, ChatRequest, ModelCallError
from optbench.errors import BudgetExhausted, Cancelled, ConfigError, Fatal
from optbench.models import gateway as module
from optbench.models import retry
from optbench.models.budget import Limits
from optbench.models.calls import Call
from optbench.models.ledger import SCHEMA_VERSION, Ledger, read_bodies, read_calls
from optbench.models.requests import Question, sampling_seed


class Told(Scripted):
    """Gives one reply with a figure of its own in each field."""

    def complete(self, request: ChatRequest) -> ChatReply:
        super().complete(request)
        return ChatReply("a text", "length", 11, 7, cached_tokens=3, cost_usd=0.125)


class Broken(Scripted):
    """Fails as no adapter should."""

    def complete(self, request: ChatRequest) -> ChatReply:
        super().complete(request)
        raise ZeroDivisionError("a bug")


def question(text: str = "hello") -> Question:
    return Question("f" * 64, replace(asking(text), temperature=0.0, max_tokens=7))


def call(text: str = "hello", **facts: Any) -> Call:
    plain: dict[str, Any] = {
        "phase": "baseline", "role": "task", "model": "m", "request": question(text).digest,
        "occurrence": 1, "attempt": 1, "outcome": "ok", "source": "model", "tokens_in": 7,
        "tokens_out": 5, "cost_usd": 0.25, "reply": "yes",
    }  # fmt: skip
    return Call(**{**plain, **facts})


def test_a_replys_figures_are_written_down(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Told())  # type: ignore[arg-type]
    entry.phase = "final"
    reply = entry.complete("task", REQUEST, "judge")
    (found,) = entry.ledger.calls()
    assert 0 < found.latency_s < 30
    assert replace(found, latency_s=0.0) == Call(
        "final", "judge", "scripted", question().digest, 1, 1, "ok", "model", 11, 7, 3, 0.125,
        reply="a text", finish_reason="length",
    )  # fmt: skip
    assert (reply.text, reply.finish_reason, reply.cached_tokens) == ("a text", "length", 3)
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cost_usd) == (11, 7, 0.125)
    entry.ledger.close()
    assert read_calls(tmp_path / "calls.sqlite", "me") == {(question().digest, 1): [found]}
    assert read_bodies(tmp_path / "calls.sqlite") == [question().body]
    with sqlite3.connect(tmp_path / "calls.sqlite") as db:
        assert db.execute("SELECT * FROM messages").fetchall() == question().messages
        assert db.execute("SELECT identity FROM task").fetchall() == [("me",)]
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_what_no_adapter_names_is_the_servers_failure(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Broken(), retries=0)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        entry.complete("task", REQUEST, "task")
    (found,) = entry.ledger.calls()
    assert (found.outcome, found.error) == ("server", "ZeroDivisionError: a bug")
    assert (found.reply, found.source, found.attempt) == (None, "model", 1)
    assert 0 < found.latency_s < 30


def test_a_named_failure_keeps_its_words(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(ModelCallError("too long", kind="bad_request")))
    with pytest.raises(ModelCallError):
        entry.complete("task", REQUEST, "task")
    assert [(one.outcome, one.error) for one in entry.ledger.calls()] == [
        ("bad_request", "too long")
    ]


def test_a_useless_reply_is_paid_and_counted(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted())
    entry.complete("task", asking("a"), "task", usable=lambda text: text != "reply 1")
    entry.complete("task", asking("b"), "task", usable=lambda text: text != "reply 1")
    assert [one.outcome for one in entry.ledger.calls()] == ["invalid", "ok"]


def test_the_model_is_sent_the_gateways_seed(tmp_path: Path) -> None:
    model = Scripted()
    entry = gateway(tmp_path, model, seed=8)
    for _ in range(2):
        entry.complete("task", asking("x", 1.0), "task")
    hot = Question("f" * 64, replace(asking("x", 1.0), max_tokens=7))
    assert [one.seed for one in model.asked] == [sampling_seed(hot, 8, 1), sampling_seed(hot, 8, 2)]
    assert [one.occurrence for one in entry.ledger.calls()] == [1, 2]


def test_only_the_optimise_phase_has_a_clock(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted())
    now = [0.0]
    entry.meter._clock = lambda: now[0]
    entry.meter.start()
    now[0] = 2.5
    for phase in ("baseline", "optimise"):
        entry.phase = phase  # type: ignore[assignment]
        entry.complete("task", asking(phase), "task")
    assert [one.at_s for one in entry.ledger.calls()] == [0.0, 2.5]


def test_a_resumed_task_goes_on_at_its_clock(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite", "me")
    ledger.add(question(), call(at_s=500.0, phase="optimise"))
    ledger.close()
    entry = gateway(tmp_path, Scripted())
    entry.phase = "optimise"
    assert entry.complete("task", REQUEST, "task").text == "yes"
    assert 500 <= entry.meter.elapsed() < 530


def test_a_summary_by_phase_and_role(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite", "me")
    assert list(ledger.summary()) == ["total"]
    ledger.add(question("a"), call("a"))
    ledger.add(question("b"), call("b", phase="optimise", role="optimizer", source="cache"))
    ledger.add(question("c"), call("c", phase="optimise", role="judge", source="replay"))
    told = ledger.summary()
    assert {phase: list(roles) for phase, roles in told.items()} == {
        "baseline": ["task"], "optimise": ["judge", "optimizer"], "total": ["used", "paid"],
    }  # fmt: skip
    assert (told["total"]["used"]["calls"], told["total"]["paid"]["calls"]) == (3, 1)
    assert told["baseline"]["task"]["paid"]["cost_usd"] == 0.25
    assert told["optimise"]["optimizer"]["used"]["calls"] == 1
    assert told["optimise"]["optimizer"]["paid"]["calls"] == 0
    assert len(ledger.calls("optimise")) == 2
    assert len(ledger.calls(role="task")) == len(ledger.calls("optimise", "judge")) == 1
    assert ledger.calls("final") == []


def test_what_is_recalled_counts_as_used_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite", "me")
    failed = call(outcome="timeout", reply=None, cost_usd=None)
    again = call(attempt=2)
    for one in (failed, again, call("half", outcome="timeout", reply=None, cost_usd=None)):
        ledger.add(question() if one.request == again.request else question("half"), one)
    ledger.close()
    resumed = Ledger(tmp_path / "calls.sqlite", "me")
    assert (resumed.used.total().calls, resumed.paid.total().calls) == (0, 3)
    assert resumed.recall(question(), 2) is None
    assert resumed.recall(question("half"), 1) is None  # never answered
    assert resumed.recall(question(), 1) == again
    assert resumed.recall(question(), 1) is None
    assert resumed.calls() == [failed, again]
    assert (resumed.recalled, resumed.used.total().calls, resumed.paid.total().calls) == (1, 2, 3)


def test_a_ledger_is_named_in_what_refuses_it(tmp_path: Path) -> None:
    Ledger(tmp_path / "calls.sqlite", "0123456789").close()
    with pytest.raises(ConfigError, match=r"calls.sqlite' belongs to another task \(012345\)"):
        Ledger(tmp_path / "calls.sqlite", "you")
    assert read_calls(tmp_path / "calls.sqlite", "0123456789") == {}


def test_what_failed_for_good_may_work_a_minute_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    model = Scripted(*[ModelCallError("no", kind="bad_request")] * 2)
    entry = gateway(tmp_path, model)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    for after, asked in ((0.0, 1), (59.9, 1), (0.2, 2), (30.0, 2)):
        now[0] += after
        with pytest.raises(ModelCallError):
            entry.complete("task", REQUEST, "task")
        assert len(model.asked) == asked
    now[0] += 60.0
    assert entry.complete("task", REQUEST, "task").text == "reply 3"


def test_pauses_end_with_the_task_or_its_time(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(), limits=Limits(seconds=0.05))
    entry.wait(0.2)  # in no phase that has an end
    entry.phase = "optimise"
    entry.meter.start()
    with pytest.raises(BudgetExhausted, match="seconds"):
        entry.wait(30.0)
    entry.cancelled.set()
    entry.phase = "final"
    entry.wait(0.0)
    with pytest.raises(Cancelled):
        entry.wait(0.01)
    with pytest.raises(Cancelled):
        entry.complete("task", REQUEST, "task")
    assert entry.ledger.calls() == []


def test_a_spent_sweep_is_remembered_as_the_reason(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(ModelCallError("no key", kind="auth")))
    with pytest.raises(Fatal, match="no key"):
        entry.complete("task", REQUEST, "task")
    first = entry.fatal
    with pytest.raises(Fatal, match="no key"):
        entry.complete("task", asking("other"), "task")
    assert entry.fatal is first


def test_numbers_that_failures_gave_back_are_taken_lowest_first() -> None:
    numbers = module._Occurrences()
    with numbers.reserved("q") as one, numbers.reserved("q") as two, numbers.reserved("q") as three:
        assert (one, two, three) == (1, 2, 3)

    def fails(count: int) -> None:
        if not count:
            raise RuntimeError
        with numbers.reserved("q"):
            fails(count - 1)

    with pytest.raises(RuntimeError):
        fails(3)  # 4, 5 and 6, given back from the last on
    for wanted in (4, 5, 6, 7):
        with numbers.reserved("q") as number:
            assert number == wanted
    with numbers.reserved("other") as number:
        assert number == 1


@pytest.mark.parametrize(("attempt", "most"), [(1, 0.5), (2, 1.0), (4, 4.0), (12, 60.0)])
def test_pauses_double_up_to_a_minute(attempt: int, most: float) -> None:
    pauses = [retry._pause(_state(attempt, None)) for _ in range(300)]
    assert 0 <= min(pauses) < 0.2 * most
    assert 0.8 * most < max(pauses) <= most


def test_a_pause_that_the_server_asked_for_is_lengthened_a_little() -> None:
    pauses = [retry._pause(_state(3, 10.0)) for _ in range(300)]
    assert 10.0 <= min(pauses) < 10.2
    assert 10.8 < max(pauses) <= 11.0
    assert retry._pause(_state(3, 0.0)) == 0.0


def _state(attempt: int, after: float | None) -> Any:
    import tenacity

    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.attempt_number = attempt
    error = ModelCallError("busy", kind="rate_limit", retry_after_s=after)
    state.set_exception((type(error), error, None))
    return state


@pytest.mark.parametrize("kind", ["rate_limit", "timeout", "connection", "server"])
def test_what_may_pass_is_tried_as_often_as_told(tmp_path: Path, kind: Any) -> None:
    model = Scripted(*[ModelCallError("busy", kind=kind, retry_after_s=0.0)] * 9)
    with pytest.raises(ModelCallError):
        gateway(tmp_path, model, retries=2).complete("task", REQUEST, "task")
    assert len(model.asked) == 3


class Recorded:
    """Answers in the models' place, with what it was asked for as its text."""

    def find(self, asked: Question, occurrence: int) -> dict[str, Any]:
        return {
            "outcome": "ok", "reply": f"{asked.digest}/{occurrence}", "latency_s": 3.0,
            "cost_usd": 0.5,
        }  # fmt: skip


def test_a_recording_answers_each_repeat_with_its_own_reply(tmp_path: Path) -> None:
    model = Scripted()
    entry = gateway(tmp_path, model, recording=Recorded())
    texts = [entry.complete("task", REQUEST, "task").text for _ in range(2)]
    assert texts == [f"{question().digest}/1", f"{question().digest}/2"]
    assert model.asked == []
    assert [(c.source, c.attempt, c.latency_s) for c in entry.ledger.calls()] == [
        ("replay", 1, 3.0)
    ] * 2
    assert entry.ledger.paid.total().calls == 0
