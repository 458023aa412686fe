"""``export``: one table of a sweep, for other programs and for papers."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from optbench.errors import OptbenchError
from optbench.results.brief import SIMULATED
from optbench.wording import counted

from .chosen import runs_of
from .concluded import SAID, frame_of
from .formats import check, write
from .tables import Table
from .text import visible
from .views import leaderboard, pairs, scores

if TYPE_CHECKING:
    import pandas as pd

    from optbench.results.runs import Runs
    from optbench.statistics.conclusions import Conclusions


FILES = {"items": "items.parquet", "trials": "trials.jsonl", "calls": "calls.sqlite"}
"""What tables are read from; those of conclusions from items, too."""


def run(given: argparse.Namespace) -> int:
    """Writes it; fails where the table is one of statistics and the sweep is incomplete, and where
    it is empty because nothing could be read.
    """
    check(given.format, given.output)
    _, runs = runs_of(given)
    said = _concluded(runs, given) if given.table in SAID else None
    frame = frame_of(given.table, runs, said)
    out = runs.problems[runs.problems["excluded"]]
    if frame.empty:
        _refuse_unread(given.table, out)
    drawn = None if said is None else drawn_tables(given.table, said)
    write(frame, given.format, given.output, drawn)
    for note in _notes(given.table, runs.tasks) if said is None else said.notes:
        _say(f"! {note}")
    if len(out):
        left = f"{counted(len(out), 'problem')} while reading left something out"
        _say(f"! {left}, such as: {out['what'].iloc[0]} (optbench-results show --detailed)")
    return 0


def _concluded(runs: Runs, given: argparse.Namespace) -> Conclusions:
    from optbench.statistics.conclude import of_runs

    try:
        return of_runs(runs, alpha=given.alpha, incomplete=given.incomplete)
    except OptbenchError:
        if runs.items.empty:
            _refuse_unread(given.table, runs.problems[runs.problems["excluded"]])
        raise


def _refuse_unread(table: str, out: pd.DataFrame) -> None:
    """Nothing was there to be read, or none of it could be.

    Raises:
        OptbenchError: When none of it could be.
    """
    file = FILES.get(table, FILES["items"])
    unread = out[out["what"].str.contains(file, regex=False)]
    if len(unread):
        raise OptbenchError(
            f"there is no row: {counted(len(unread), 'problem')} with {file}, such as: "
            f"{unread['what'].iloc[0]}",
            key=f"--table {table}",
            mend="see which jobs: optbench-results show RUN --detailed",
        )


def _notes(table: str, tasks: pd.DataFrame) -> list[str]:
    """What must be known of a table that no conclusion is drawn from."""
    notes = [SIMULATED] if tasks["simulated"].fillna(False).any() else []
    left = int((tasks["state"] != "success").sum())
    if left and table in FILES:
        notes.append(f"{left} of {counted(len(tasks), 'job')} have no result")
    return notes


def _say(line: str) -> None:
    print(visible(line), file=sys.stderr)


def drawn_tables(name: str, said: Conclusions) -> list[Table]:
    """The same as people read it, the notes below the last; none where there is nothing to say."""
    found = [leaderboard(said)] if name == "leaderboard" else []
    found += scores(said) if name == "scores" else pairs(said) if name == "pairs" else []
    if found:
        last = found.pop()
        found.append(replace(last, below=[*last.below, *said.notes]))
    return found
