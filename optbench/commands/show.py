"""``show``: what a sweep says, from the notes to the last job."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optbench.errors import OptbenchError
from optbench.wording import counted

from . import remotes, views
from .chosen import runs_of
from .concluded import everything, records
from .screen import console, say, show
from .sweeps import Sweep, find_all, is_under_way
from .tables import Column, Table, text
from .text import number, visible, word

if TYPE_CHECKING:
    import pandas as pd

    from optbench.results.runs import Runs
    from optbench.statistics.conclusions import Conclusions

ORDER = ("running", "failed", "unreadable", "interrupted", "waiting", "success")
"""Of states: what needs a look comes first."""
JOBS = 40
"""That are shown without ``--detailed``."""


def run(given: argparse.Namespace) -> int:
    """Shows it; 0 also where there is nothing to conclude yet."""
    sweeps = find_all(given.run)
    if given.collect:
        remotes.collect(sweeps)
    away = [line for one in sweeps for line in remotes.lines(one.folder, ask=True)]
    try:
        sweeps, runs = runs_of(given)
    except OptbenchError:
        if not away:
            raise
        return _elsewhere(sweeps, away, given.raw)
    said, why = _concluded(runs, given)
    if given.raw:
        _print_raw(sweeps, runs, said, why, away)
        return 0
    on = console()
    _head(on, sweeps, runs.tasks, away)
    if said is None:
        show(on, jobs(runs.tasks, None if given.detailed else JOBS))
        say(on, f"No statistics: {why}", "bold")
    else:
        _statistics(on, said)
    if given.detailed:
        _details(on, runs, said)
    _foot(on, sweeps, runs)
    return 0


def counted_states(tasks: Any) -> str:
    """``3 success, 1 failed``."""
    counts: dict[str, int] = {}
    for state in tasks:
        counts[state] = counts.get(state, 0) + 1
    order = sorted(counts, key=lambda one: ORDER[::-1].index(one) if one in ORDER else 9)
    return ", ".join(f"{counts[state]} {state}" for state in order)


def jobs(tasks: pd.DataFrame, most: int | None = None) -> Table:
    """A row a job, those that need a look first.

    Args:
        tasks: ``runs.tasks``.
        most: Rows; None for all.
    """
    place = tasks["state"].map({state: at for at, state in enumerate(ORDER)})
    rows = tasks.assign(place=place).sort_values(
        ["place", "dataset", "optimizer", "model", "seed"], kind="stable"
    )
    shown = rows if most is None else rows.head(most)
    cells = [
        [
            word(row["dataset"]), word(row["optimizer"]), word(row["model"]), _whole(row["seed"]),
            row["state"], number(row["initial"]), number(row["final"]), visible(row["error"], 300),
        ]
        for row in shown.to_dict("records")
    ]  # fmt: skip
    columns = [
        text("dataset"), text("optimizer"), text("model"), Column("seed"), text("state"),
        Column("initial"), Column("final"), text("error"),
    ]  # fmt: skip
    for at in (7, 2):  # no error, one model
        if cells and len({row[at] for row in cells}) == 1 and (at == 2 or not cells[0][at]):
            cells = [[*row[:at], *row[at + 1 :]] for row in cells]
            columns = [*columns[:at], *columns[at + 1 :]]
    left = len(rows) - len(shown)
    return Table("Jobs", columns, cells, [f"and {left} more (--detailed)"] if left else [])


def _concluded(runs: Runs, given: argparse.Namespace) -> tuple[Conclusions | None, str]:
    from optbench.statistics.conclude import of_runs

    try:
        return of_runs(runs, alpha=given.alpha, incomplete=given.incomplete), ""
    except OptbenchError as error:
        return None, f"{error.what}." + (f"\nTo get them: {error.mend}." if error.mend else "")


def _head(on: Any, sweeps: Sequence[Sweep], tasks: pd.DataFrame, away: Sequence[str]) -> None:
    names = ", ".join(visible(one.id) for one in sweeps)
    axes = " x ".join(
        f"{n} {what}{'' if n == 1 else 's'}"
        for what in ("dataset", "optimizer", "model", "seed")
        if (n := tasks[what].nunique())
    )
    say(
        on,
        f"{names}: {counted(len(tasks), 'job')} ({counted_states(tasks['state'])}), {axes}",
        "bold",
    )
    for one in sweeps:
        if is_under_way(one):
            say(on, f"{one.id} is under way on this machine.", "yellow")
    for line in away:
        say(on, line, "yellow")


def _statistics(on: Any, said: Conclusions) -> None:
    for note in said.notes:
        say(on, f"! {note}", "yellow")
    on.print()
    show(on, views.leaderboard(said))
    for table in views.scores(said, on.width):
        on.print()
        show(on, table)
    told = "lift: over the initial prompt, same items. n: seeds x test items."
    if "cost_usd" in said.scores:
        told += " cost: of one run's search, at full price."
        told += " per point: of 0.01 of lift." if on.width >= views.POINTS_FROM else ""
    say(on, told, "dim")


def _details(on: Any, runs: Runs, said: Conclusions | None) -> None:
    if said is not None:
        for table in views.pairs(said):
            on.print()
            show(on, table)
        on.print()
        say(on, views.ranks(said))
        for table in views.noise(said):
            on.print()
            show(on, table)
        on.print()
        show(on, jobs(runs.tasks))
    problems = _beside_states(runs.problems)
    if len(problems):
        on.print()
        show(on, problems_table(problems))


def problems_table(problems: pd.DataFrame) -> Table:
    """What was wrong with what was read, a row for what is the same in several folders."""
    rows = []
    for (kind, what, excluded), alike in problems.groupby(
        ["kind", "what", "excluded"], sort=False, observed=True
    ):
        folders = [os.path.relpath(one) if len(os.path.relpath(one)) < len(one) else one
                   for one in alike["folder"].str.split(", ").str[0]]  # fmt: skip
        more = f" and {len(folders) - 1} more" if len(folders) > 1 else ""
        rows.append([kind, visible(what, 300), "yes" if excluded else "no", folders[0] + more])
    columns = [text("problem"), text("what"), text("left out"), text("folder")]
    return Table("Problems", columns, rows)


def _beside_states(problems: pd.DataFrame) -> pd.DataFrame:
    """Without those that the states of jobs say already."""
    return problems[~problems["kind"].isin(["failed", "unfinished"])]


def _foot(on: Any, sweeps: Sequence[Sweep], runs: Runs) -> None:
    problems = _beside_states(runs.problems)
    lost = int((runs.tasks["state"] == "failed").sum())
    on.print()
    if len(problems):
        out = int(problems["excluded"].sum())
        said = (
            f"{counted(len(problems), 'problem')} while reading, {out} of which left something out"
        )
        say(on, f"{said} (--detailed).", "yellow")
    if lost:
        say(on, f"{lost} failed: optbench-results failures {sweeps[0].folder}", "yellow")
    for one in sweeps:
        say(on, f"files: {one.folder}")


def _elsewhere(sweeps: Sequence[Sweep], away: Sequence[str], raw: bool) -> int:
    if raw:
        json.dump({"folders": [str(one.folder) for one in sweeps], "remote": list(away),
                   "tasks": []}, sys.stdout, indent=1)  # fmt: skip
        print()
        return 0
    on = console()
    for one in sweeps:
        say(on, f"{one.id}: no job has come home yet", "bold")
    for line in away:
        say(on, line, "yellow")
    return 0


def _print_raw(
    sweeps: Sequence[Sweep], runs: Runs, said: Conclusions | None, why: str, away: Sequence[str]
) -> None:
    told = {
        "folders": [str(one.folder) for one in sweeps],
        "remote": list(away),
        "statistics": None if said is None else everything(said),
        "why_no_statistics": why or None,
        "tasks": records(runs.tasks),
        "problems": records(runs.problems),
    }
    json.dump(told, sys.stdout, indent=1, allow_nan=False)
    print()


def _whole(value: Any) -> str:
    return "-" if value is None or value != value else f"{value}"
