"""A limit is kept to the letter where that can be, and else to what is in flight."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scripted import Scripted, asking, gateway

from optbench.chat import ModelCallError
from optbench.errors import BudgetExhausted, Fatal
from optbench.models.accounts import Spent
from optbench.models.budget import Limits, Meter

THREADS = 8


def hammer(tmp_path: Path, limits: Limits, model: Scripted) -> tuple[int, str | None]:
    """Asks from many threads until all are refused; replies, and which limit was hit."""
    entry = gateway(tmp_path, model, limits=limits)
    entry.phase = "optimise"

    def ask(number: int) -> bool:
        try:
            entry.complete("task", asking(str(number)), "task")
        except BudgetExhausted:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        replies = sum(pool.map(ask, range(100)))
    return replies, entry.meter.exhausted


def test_calls_are_never_exceeded(tmp_path: Path) -> None:
    assert hammer(tmp_path, Limits(llm_calls=17), Scripted()) == (17, "llm_calls")


@pytest.mark.parametrize(
    ("limits", "name", "exact"),
    [(Limits(tokens=120), "tokens", 10), (Limits(usd=5.0), "usd", 10)],
)
def test_what_is_known_afterwards_is_exceeded_by_calls_in_flight_at_most(
    tmp_path: Path, limits: Limits, name: str, exact: int
) -> None:
    replies, hit = hammer(tmp_path, limits, Scripted())
    assert hit == name
    assert exact <= replies < exact + THREADS


@pytest.mark.parametrize(
    ("limits", "name"),
    [(Limits(llm_calls=1), "llm_calls"), (Limits(tokens=12), "tokens"), (Limits(usd=0.5), "usd")],
)
def test_other_phases_are_not_charged(tmp_path: Path, limits: Limits, name: str) -> None:
    entry = gateway(tmp_path, Scripted(), limits=limits)
    for phase in ("baseline", "optimise", "final"):
        entry.phase = phase  # type: ignore[assignment]
        entry.complete("task", asking(phase), "task")
    entry.phase = "optimise"
    with pytest.raises(BudgetExhausted, match=name):
        entry.complete("task", asking("more"), "task")


def test_a_busy_server_costs_no_call(tmp_path: Path) -> None:
    model = Scripted(ModelCallError("busy", kind="bad_request"))
    entry = gateway(tmp_path, model, limits=Limits(llm_calls=1))
    entry.phase = "optimise"
    with pytest.raises(ModelCallError):
        entry.complete("task", asking("a"), "task")
    assert entry.complete("task", asking("b"), "task").text == "reply 2"


def test_a_reply_without_a_price_ends_a_budget_in_usd(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(cost=None), limits=Limits(usd=1.0))
    entry.phase = "optimise"
    with pytest.raises(Fatal, match=r"budget\.usd"):
        entry.complete("task", asking("a"), "task")


def test_a_spent_budget_stays_spent() -> None:
    meter = Meter(Limits(rollouts=1), Spent)
    meter.begin_rollout()
    for ask in (meter.begin_rollout, meter.begin_call, meter.begin_rollout):
        with pytest.raises(BudgetExhausted, match="rollouts"):
            ask()
    assert meter.rollouts == 1


def test_rollouts_are_never_exceeded() -> None:
    meter = Meter(Limits(rollouts=50), Spent)

    def begin(_: int) -> bool:
        try:
            meter.begin_rollout()
        except BudgetExhausted:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(begin, range(200))) == 50


def test_the_share_is_that_of_the_nearest_limit() -> None:
    now = [0.0]
    meter = Meter(Limits(rollouts=10, seconds=60), Spent, clock=lambda: now[0])
    assert Meter(Limits(), Spent).share() == 0
    for _ in range(3):
        meter.begin_rollout()
    assert meter.share() == pytest.approx(0.3)
    now[0] = 45
    assert meter.share() == pytest.approx(0.75)
    now[0] = 90
    assert meter.share() == 1


def test_seconds_go_on_where_an_earlier_start_stopped() -> None:
    now = [100.0]
    meter = Meter(Limits(seconds=10.0), Spent, clock=lambda: now[0])
    meter.start()
    meter.advance(6.0)
    meter.advance(4.0)
    assert meter.elapsed() == 6.0
    now[0] += 3.9
    meter.begin_call()
    now[0] += 0.1
    with pytest.raises(BudgetExhausted, match="seconds"):
        meter.begin_call()


def test_in_flight_when_the_budget_ends_completes(tmp_path: Path) -> None:
    gate = threading.Barrier(2, timeout=10)
    model = Scripted(before=gate.wait)
    entry = gateway(tmp_path, model, limits=Limits(tokens=12))
    entry.phase = "optimise"
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(entry.complete, "task", asking(str(n)), "task") for n in range(2)]
    assert all(done.result().text for done in both)
