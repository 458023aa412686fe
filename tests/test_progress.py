"""The display, in a terminal and without one."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from optbench.models.ledger import Call, Ledger
from optbench.progress import Display, dollars
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
        trial = Trial(0, "c", "validation", 40, {"exact_match": 0.5})
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
    from optbench.models.ledger import totals

    call = Call("final", "task", "m", "x", 1, "ok", 1, 1, 0, None, 0.1)
    assert dollars(totals([call])) == "cost unknown"
