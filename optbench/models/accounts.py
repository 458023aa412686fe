"""Sums over calls: what was used, and what was paid."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from optbench.models.calls import Call, Phase, Role


@dataclass
class Spent:
    """A running sum.

    Attributes:
        calls: All of them, ``failed`` of them without a reply, ``invalid`` with a useless one.
        tokens_in: ``tokens_cached`` of them from the provider's prompt cache.
        known_usd: Sum of the known prices; ``unpriced_calls`` replies are missing from it, so that
            unknown never reads as free.
    """

    calls: int = 0
    failed: int = 0
    invalid: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    known_usd: float = 0.0
    unpriced_calls: int = 0

    def add(self, call: Call) -> None:
        """Takes one call in."""
        self.calls += 1
        self.invalid += call.outcome == "invalid"
        if not call.answered:
            self.failed += 1
            return
        self.tokens_in += call.tokens_in
        self.tokens_out += call.tokens_out
        self.tokens_cached += call.tokens_cached
        if call.cost_usd is None:
            self.unpriced_calls += 1
        else:
            self.known_usd += call.cost_usd

    def __iadd__(self, other: Spent) -> Spent:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    @property
    def replies(self) -> int:
        """Calls that brought a reply."""
        return self.calls - self.failed

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.tokens_in + self.tokens_out

    @property
    def cost_usd(self) -> float | None:
        """The known part in USD; None when there are replies and no price of any is known."""
        if self.replies and self.unpriced_calls == self.replies:
            return None
        return round(self.known_usd, 9)

    def to_json(self) -> dict[str, Any]:
        """As plain data, for files."""
        plain = {name: value for name, value in vars(self).items() if name != "known_usd"}
        return {**plain, "cost_usd": self.cost_usd}


class Account:
    """Sums by phase and role; adding costs the same however many calls there have been."""

    def __init__(self) -> None:
        self._spent: dict[tuple[Phase, Role], Spent] = defaultdict(Spent)

    def add(self, call: Call) -> None:
        """Takes one call in."""
        self._spent[call.phase, call.role].add(call)

    def roles(self, phase: Phase) -> set[Role]:
        """Who has called in a phase."""
        return {role for each, role in self._spent if each == phase}

    def total(self, phase: Phase | None = None, role: Role | None = None) -> Spent:
        """The sum over a phase and a role; None stands for all of them."""
        total = Spent()
        for (each_phase, each_role), spent in list(self._spent.items()):
            if phase in (None, each_phase) and role in (None, each_role):
                total += spent
        return total


def price_text(cost_usd: float | None, unpriced_calls: int) -> str:
    """A cost as a person reads it; unknown is not free."""
    if cost_usd is None:
        return "cost unknown"
    return f"${cost_usd:.4f}{' + unknown' if unpriced_calls else ''}"
