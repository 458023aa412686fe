"""The gateway counts, retries, seeds and remembers alike, whoever calls."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from scripted import REQUEST, Scripted, asking, gateway

from optbench.chat import ChatRequest, FailureKind, ModelCallError
from optbench.errors import BudgetExhausted, Cancelled, ConfigError, Fatal
from optbench.models import retry
from optbench.models.budget import Limits
from optbench.models.ledger import Ledger


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_backoff", lambda _: 0.001)


def failure(kind: FailureKind = "rate_limit", after: float | None = None) -> ModelCallError:
    return ModelCallError("told to", kind=kind, retry_after_s=after)


def test_every_attempt_is_in_the_ledger(tmp_path: Path) -> None:
    model = Scripted(failure("rate_limit"), failure("timeout"))
    entry = gateway(tmp_path, model)
    assert entry.complete("task", REQUEST, "task").text == "reply 3"
    calls = entry.ledger.calls()
    assert [call.outcome for call in calls] == ["rate_limit", "timeout", "ok"]
    assert [call.attempt for call in calls] == [1, 2, 3]
    assert {call.occurrence for call in calls} == {1}
    with sqlite3.connect(tmp_path / "calls.sqlite") as db:
        assert db.execute("select count(*) from calls").fetchone() == (3,)
        assert db.execute("select count(*) from requests").fetchone() == (1,)


@pytest.mark.parametrize("kind", ["bad_request", "auth"])
def test_what_a_retry_cannot_mend_is_not_retried(tmp_path: Path, kind: FailureKind) -> None:
    model = Scripted(failure(kind))
    with pytest.raises((ModelCallError, Fatal), match="told to"):
        gateway(tmp_path, model).complete("task", REQUEST, "task")
    assert len(model.asked) == 1


def test_a_refused_key_ends_the_task_whoever_swallows_it(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(failure("auth")))
    for _ in range(2):
        with pytest.raises(Fatal):
            entry.complete("optimizer", REQUEST, "optimizer")
    assert entry.fatal is not None
    assert len(entry.ledger.calls()) == 1


def test_the_servers_pause_is_kept(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(failure(after=0.3)))
    began = time.perf_counter()
    entry.complete("task", REQUEST, "task")
    assert time.perf_counter() - began >= 0.3


def test_a_pause_beyond_the_time_cap_is_not_waited_for(tmp_path: Path) -> None:
    model = Scripted(failure(after=3600.0))
    began = time.perf_counter()
    with pytest.raises(ModelCallError):
        gateway(tmp_path, model, for_s=5.0).complete("task", REQUEST, "task")
    assert time.perf_counter() - began < 5
    assert len(model.asked) == 1


def test_a_library_that_repeats_a_lost_call_is_told_at_once(tmp_path: Path) -> None:
    model = Scripted(*[failure()] * 4)
    entry = gateway(tmp_path, model)
    for _ in range(3):
        with pytest.raises(ModelCallError, match="told to"):
            entry.complete("optimizer", REQUEST, "optimizer")
    assert len(model.asked) == 4


def test_cancelling_ends_a_pause(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(failure(after=50.0)))
    entry.cancelled.set()
    with pytest.raises(Cancelled):
        entry.complete("task", REQUEST, "task")


def test_a_phase_without_time_waits_for_no_server(tmp_path: Path) -> None:
    entry = gateway(
        tmp_path, Scripted(*[failure("rate_limit", 30.0)] * 2), limits=Limits(seconds=0.2)
    )
    entry.phase = "optimise"
    entry.meter.start()
    began = time.perf_counter()
    with pytest.raises(BudgetExhausted):
        entry.complete("task", REQUEST, "task")
    assert 0.15 < time.perf_counter() - began < 5
    assert entry.meter.exhausted == "seconds"


@pytest.mark.parametrize("kind", ["auth", "quota"])
def test_what_no_other_call_can_mend_ends_the_task(tmp_path: Path, kind: FailureKind) -> None:
    model = Scripted(failure(kind))
    entry = gateway(tmp_path, model)
    with pytest.raises(Fatal):
        entry.complete("task", REQUEST, "task")
    assert len(model.asked) == 1


def test_defaults_fill_only_what_is_open(tmp_path: Path) -> None:
    model = Scripted()
    entry = gateway(tmp_path, model)
    entry.complete("task", ChatRequest(REQUEST.messages, temperature=0.4, seed=99), "task")
    assert (model.asked[0].temperature, model.asked[0].max_tokens) == (0.4, 7)
    assert model.asked[0].seed != 99


def test_sampled_repeats_have_seeds_of_their_own_and_greedy_ones_none(tmp_path: Path) -> None:
    model = Scripted()
    entry = gateway(tmp_path, model)
    for temperature in (0.0, 0.0, 1.0, 1.0):
        entry.complete("task", asking("x", temperature), "task")
    seeds = [asked.seed for asked in model.asked]
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 3


def test_a_failed_call_gives_its_number_back(tmp_path: Path) -> None:
    """So that the repeat is the same call, with the same seed, also after a resume."""
    model = Scripted(failure("bad_request"))
    entry = gateway(tmp_path, model)
    with pytest.raises(ModelCallError):
        entry.complete("task", asking("x", 1.0), "task")
    entry._gave_up.clear()
    entry.complete("task", asking("x", 1.0), "task")
    assert model.asked[0].seed == model.asked[1].seed


def test_unknown_cost_is_never_zero(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(cost=None))
    entry.complete("task", REQUEST, "task")
    spent = entry.ledger.used.total()
    assert (spent.cost_usd, spent.unpriced_calls) == (None, 1)


def test_a_second_start_pays_nothing_twice(tmp_path: Path) -> None:
    def run(model: Scripted) -> list[str]:
        entry = gateway(tmp_path, model)
        texts = [
            entry.complete("task", asking(text, temperature), "task").text
            for text, temperature in (("a", 0.0), ("a", 0.0), ("b", 1.0), ("b", 1.0), ("a", 0.0))
        ]
        paid = entry.ledger.paid.total()
        assert (paid.calls, paid.failed) == (6, 1)
        assert entry.ledger.used.total() == paid
        entry.ledger.close()
        return texts

    first = Scripted(failure())
    again = Scripted()
    assert run(first) == run(again)
    assert again.asked == []


def test_a_killed_start_is_paid_for_what_is_new_only(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted())
    entry.complete("task", asking("a"), "task")
    # No close: what a killed process leaves is in the write-ahead log.
    model = Scripted()
    resumed = gateway(tmp_path, model)
    texts = [resumed.complete("task", asking(text), "task").text for text in ("a", "b")]
    assert texts == ["reply 1", "reply 1"]
    assert [asked.messages[0]["content"] for asked in model.asked] == ["b"]
    assert resumed.ledger.recalled == 1


def test_failures_are_not_remembered(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(*[failure()] * 4))
    with pytest.raises(ModelCallError):
        entry.complete("task", REQUEST, "task")
    entry.ledger.close()
    assert gateway(tmp_path, Scripted()).complete("task", REQUEST, "task").text == "reply 1"


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_a_file_that_is_no_ledger(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "calls.sqlite"
    file.write_bytes(content)
    if content:
        with pytest.raises(ConfigError, match="cannot be read"):
            Ledger(file, "me")
        assert file.read_bytes() == content
    else:  # killed before its first line
        Ledger(file, "me").close()


def test_a_ledger_of_another_task_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "calls.sqlite", "me").close()
    with pytest.raises(ConfigError, match="another task"):
        Ledger(tmp_path / "calls.sqlite", "you")


def test_a_ledger_of_another_schema_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "calls.sqlite") as db:
        db.execute("PRAGMA user_version=1")
        db.execute("CREATE TABLE calls (x)")
    with pytest.raises(ConfigError, match="schema 1"):
        Ledger(tmp_path / "calls.sqlite", "me")
