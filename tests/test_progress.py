"""The display, in a terminal and without one."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from optbench.models.accounts import Spent
from optbench.models.calls import Call
from optbench.models.ledger import Ledger
from optbench.progress import Display, dollars
from optbench.prompts import Prompt
from optbench.recorder import Trial


def shown(tmp_path: Path, *, terminal: bool) -> str:
    out = io.StringIO()
    display = Display(
        "a task",
        Ledger(tmp_path / "calls.sqlite"),
        Console(file=out, force_terminal=terminal, width=120),
    )
    with display.running():
        display.phase("baseline", 60)
        display.phase("optimise", None)
        trial = Trial(0, Prompt(()), "validation", 40, {"exact_match": 0.5})
        display.trial(trial, "exact_match", whole=True, better=True)
    return out.getvalue()


def test_plain_lines_without_a_terminal(tmp_path: Path) -> None:
    text = shown(tmp_path, terminal=False)
    assert "[optimise] trial 0: exact_match 0.500 on 40 validation items (best so far)" in text
    assert "\x1b" not in text


def test_live_in_a_terminal_forgets_the_last_phases_total(tmp_path: Path) -> None:
    text = shown(tmp_path, terminal=True)
    assert "optimise" in text
    assert "0/60" not in text.split("optimise")[-1]


def test_unknown_cost_is_said() -> None:
    spent = Spent()
    spent.add(Call("final", "task", "m", "x", 1, 1, "ok", "model", 1, 1, 0, None))
    assert dollars(spent, spent) == "cost unknown"
    assert dollars(spent, Spent()) == "$0.0000 paid of cost unknown used"
