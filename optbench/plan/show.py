"""A plan on the screen, and nothing of it on disk."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from optbench.layout import JobFolder
from optbench.models.accounts import price_text
from optbench.plan.detectable import detectable
from optbench.plan.estimate import Expected
from optbench.wording import counted

SHOWN = 50
"""Rows of the table; the total counts all."""

PLAIN_WIDTH = 120
"""Columns of the table where there is no terminal to ask."""


def show(planned: Sequence[Expected], *, sweep_usd: float | None = None, left_out: int = 0) -> None:
    """Prints the table and the total.

    Args:
        planned: The tasks.
        sweep_usd: The sweep's cap, in USD.
        left_out: Combinations that are excluded.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    console.print(_table(planned[:SHOWN]))
    if len(planned) > SHOWN:
        console.print(f"... and {counted(len(planned) - SHOWN, 'more task')}")
    console.print(_total(planned, left_out), soft_wrap=True)
    console.print(
        "counted: replies at dataset.max_tokens, prompts at the initial one's length (4 characters "
        "a token) with all demonstrations, every job alone: what jobs share is paid once",
        soft_wrap=True,
        style="dim",
    )
    for line in detectable(planned):
        console.print(line, soft_wrap=True, style="dim")
    if sweep_usd is not None:
        console.print(f"budget.sweep_usd stops all jobs at ${sweep_usd:.2f}")


def _table(planned: Sequence[Expected]) -> Table:
    table = Table(header_style="bold")
    for name in ("dataset", "optimizer", "model", "seed", "state"):
        table.add_column(name)
    for name in ("calls", "answered", "tokens", "USD to pay"):
        table.add_column(name, justify="right")
    for one in planned:
        table.add_row(
            one.dataset,
            one.optimizer,
            one.model,
            str(one.seed),
            one.state,
            f"{one.calls:,}",
            f"{one.answered:,}",
            f"{one.tokens:,}",
            price_text(one.usd, 0).removeprefix("$"),
        )
    return table


def _total(planned: Sequence[Expected], left_out: int) -> str:
    states = Counter(one.state for one in planned)
    known = [one.usd for one in planned if one.usd is not None]
    missing = len(planned) - len(known)
    done = f"{states['done']} done, " if states["done"] else ""
    begun = f"{states['begun']} begun, " if states["begun"] else ""
    begun += f"{states['unreadable']} unreadable, " if states["unreadable"] else ""
    price = price_text(sum(known) if known or not missing else None, missing)
    left = f"about {price}" if known or not missing else "unknown"
    excluded = f", {left_out} excluded" if left_out else ""
    return (
        f"plan: {counted(len(planned), 'task')} ({done}{begun}{states['new']} new{excluded}), about "
        f"{sum(one.calls for one in planned):,} calls "
        f"({sum(one.answered for one in planned):,} answered already), "
        f"{sum(one.tokens for one in planned):,} tokens; left to pay: "
        f"{left}; nothing was started"
    )


def leave_no_trace(folder: Path) -> None:
    """Removes a folder that Hydra made for a plan, and those it made around it; nothing else."""
    if not folder.is_dir():
        return
    hydras = {".hydra", "multirun.yaml", JobFolder(folder).log.name}
    if {file.name for file in folder.iterdir()} - hydras:
        return
    shutil.rmtree(folder)
    here = Path.cwd()
    for parent in folder.absolute().parents:
        if here not in parent.parents or any(parent.iterdir()):
            return
        parent.rmdir()
