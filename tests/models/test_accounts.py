"""Sums over calls, to the last of them."""

from __future__ import annotations

from typing import Any

import pytest

from optbench.models.accounts import Account, Spent, price_text
from optbench.models.calls import Call


def call(**facts: Any) -> Call:
    plain: dict[str, Any] = {
        "phase": "baseline", "role": "task", "model": "m", "request": "r", "occurrence": 1,
        "attempt": 1, "outcome": "ok", "source": "model", "tokens_in": 7, "tokens_out": 5,
        "tokens_cached": 3, "cost_usd": 0.25, "reply": "yes",
    }  # fmt: skip
    return Call(**{**plain, **facts})


FAILED = call(outcome="timeout", reply=None, cost_usd=None)
INVALID = call(outcome="invalid", cost_usd=None)


def test_every_figure_of_a_sum() -> None:
    spent = Spent()
    for one in (call(), call(), FAILED, INVALID, INVALID):
        spent.add(one)
    assert spent.to_json() == {
        "calls": 5, "failed": 1, "invalid": 2, "tokens_in": 28, "tokens_out": 20,
        "tokens_cached": 12, "unpriced_calls": 2, "cost_usd": 0.5,
    }  # fmt: skip
    assert (spent.replies, spent.tokens, spent.known_usd) == (4, 48, 0.5)


def test_two_sums_make_one() -> None:
    one, other = Spent(), Spent()
    one.add(call())
    for each in (call(), FAILED, INVALID):
        other.add(each)
    one += other
    assert vars(one) == {
        "calls": 4, "failed": 1, "invalid": 1, "tokens_in": 21, "tokens_out": 15,
        "tokens_cached": 9, "known_usd": 0.5, "unpriced_calls": 1,
    }  # fmt: skip


def test_unknown_is_not_free_and_nothing_is() -> None:
    assert Spent().cost_usd == 0.0
    assert Spent(calls=2, failed=2).cost_usd == 0.0  # no reply has no price
    assert Spent(calls=3, failed=1, unpriced_calls=2).cost_usd is None
    assert Spent(calls=3, failed=1, unpriced_calls=1, known_usd=0.1).cost_usd == 0.1
    assert Spent(calls=1, known_usd=0.1234567894).cost_usd == 0.123456789


def test_accounts_are_kept_by_phase_and_role() -> None:
    account = Account()
    for phase, role, count in (
        ("baseline", "task", 1),
        ("optimise", "task", 2),
        ("optimise", "optimizer", 4),
        ("final", "judge", 8),
    ):
        for _ in range(count):
            account.add(call(phase=phase, role=role))
    assert account.roles("optimise") == {"task", "optimizer"}
    assert account.roles("final") == {"judge"}
    assert account.total().calls == 15
    assert account.total("optimise").calls == 6
    assert account.total(role="task").calls == 3
    assert account.total("optimise", "task").calls == 2
    assert account.total("final", "task").calls == 0


@pytest.mark.parametrize(
    ("cost", "unpriced", "text"),
    [
        (None, 3, "cost unknown"),
        (0.0, 0, "$0.0000"),
        (1.23456, 0, "$1.2346"),
        (1.0, 1, "$1.0000 + unknown"),
    ],
)
def test_a_cost_as_a_person_reads_it(cost: float | None, unpriced: int, text: str) -> None:
    assert price_text(cost, unpriced) == text
