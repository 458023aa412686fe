"""``export``: one table of a sweep, for other programs and for papers."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from .chosen import runs_of
from .concluded import SAID, frame_of
from .formats import check, write
from .tables import Table
from .views import leaderboard, pairs, scores

if TYPE_CHECKING:
    from optbench.statistics.conclusions import Conclusions


def run(given: argparse.Namespace) -> int:
    """Writes it; fails where the table is one of statistics and the sweep is incomplete."""
    check(given.format, given.output)
    _, runs = runs_of(given)
    said: Conclusions | None = None
    if given.table in SAID:
        from optbench.statistics.conclude import of_runs

        said = of_runs(runs, alpha=given.alpha, incomplete=given.incomplete)
    frame = frame_of(given.table, runs, said)
    drawn = None if said is None else drawn_tables(given.table, said)
    write(frame, given.format, given.output, drawn)
    return 0


def drawn_tables(name: str, said: Conclusions) -> list[Table]:
    """The same as people read it, the notes below the last; none where there is nothing to say."""
    found = [leaderboard(said)] if name == "leaderboard" else []
    found += scores(said) if name == "scores" else pairs(said) if name == "pairs" else []
    if found:
        last = found.pop()
        found.append(replace(last, below=[*last.below, *said.notes]))
    return found
