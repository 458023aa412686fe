"""``stats``: the same statistics on anybody's tidy table."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.errors import ConfigError

from . import views
from .columns import named_columns
from .concluded import everything
from .screen import console, say, show
from .text import visible

if TYPE_CHECKING:
    import pandas as pd

    from optbench.statistics.conclusions import Conclusions

COLUMNS = ("dataset", "optimizer", "score", "model", "seed", "item", "cluster", "baseline")


def run(given: argparse.Namespace) -> int:
    """Concludes and prints; fails where the grid has holes and that was not asked for."""
    from optbench.statistics.conclude import of_table

    path = Path(given.table)
    named = named_columns(path, {name: getattr(given, name) for name in COLUMNS})
    scores = named.scores
    for dataset in given.minimize or []:
        if dataset not in set(scores["dataset"]):
            from optbench.wording import close_names

            known = {visible(one, 60) for one in scores["dataset"].unique()[:30]}
            raise ConfigError(
                f"there is no dataset '{visible(dataset, 80)}'.{close_names(dataset, known)}",
                key="--minimize",
            )
    said = of_table(
        scores,
        minimize=[*named.minimize, *(given.minimize or [])],
        alpha=given.alpha,
        incomplete=given.incomplete,
    )
    said = replace(said, notes=[*named.notes, *said.notes])
    if given.raw:
        json.dump({"table": str(path), **everything(said)}, sys.stdout, indent=1, allow_nan=False)
        print()
        return 0
    _print(said, scores, path)
    return 0


def _print(said: Conclusions, scores: pd.DataFrame, path: Path) -> None:
    on = console()
    say(on, f"{path.name}: {len(scores):,} rows, {_axes(scores)}", "bold")
    for note in said.notes:
        say(on, f"! {note}", "yellow")
    for table in (views.leaderboard(said), *views.scores(said, on.width),
                  *views.pairs(said)):  # fmt: skip
        on.print()
        show(on, table)
    on.print()
    say(on, views.ranks(said))


def _axes(scores: pd.DataFrame) -> str:
    told: list[Any] = [
        f"{n} {what}{'' if n == 1 else 's'}"
        for what in ("dataset", "model", "optimizer", "seed", "item")
        if (n := scores[what].nunique()) > 1 or what in ("dataset", "optimizer")
    ]
    return " x ".join(told)
