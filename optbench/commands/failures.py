"""``failures``: each failed job, those with one error together."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optbench.wording import counted

from .chosen import folder_of, runs_of
from .screen import console, say, verbatim
from .show import counted_states
from .statuses import Failure, failure_of, log_tail
from .text import visible, word

STATES = ("failed", "unreadable", "interrupted")
NAMED = 12
"""Jobs of a group that are named."""
TRACE_LINES = 60


def run(given: argparse.Namespace) -> int:
    """Prints them; 0 whether or not there are any."""
    _, runs = runs_of(given)
    tasks = runs.tasks
    rows = [row for row in tasks.to_dict("records") if row["state"] in STATES]
    groups: dict[str, list[tuple[Mapping[str, Any], Failure | None]]] = {}
    for row in rows:
        failure = failure_of(folder_of(row)) if row["state"] != "unreadable" else None
        groups.setdefault(_said(row, failure, runs.problems), []).append((row, failure))
    on = console()
    say(on, f"{counted(len(tasks), 'job')} ({counted_states(tasks['state'])})", "bold")
    if not rows:
        say(on, "None failed.")
    ordered = sorted(groups.items(), key=lambda one: -len(one[1]))
    for at, (said, alike) in enumerate(ordered, 1):
        on.print()
        _group(on, f"[{at}] {counted(len(alike), 'job')}: {said}", alike, given)
    return 0


def _said(row: Mapping[str, Any], failure: Failure | None, problems: Any) -> str:
    if failure is not None:
        return failure.said
    if row["state"] == "unreadable":
        of_job = problems[problems["folder"] == row["folder"]]
        return "its result cannot be used: " + "; ".join(of_job["what"].unique())
    return {"interrupted": "interrupted"}.get(row["state"], "no reason was written down")


def _group(
    on: Any,
    title: str,
    alike: Sequence[tuple[Mapping[str, Any], Failure | None]],
    given: argparse.Namespace,
) -> None:
    say(on, visible(title, 2000), "bold red")
    failure = alike[0][1]
    if failure is not None and failure.key:
        say(on, f"key: {failure.key}")
    if failure is not None and failure.mend:
        say(on, f"mend: {visible(failure.mend, 1000)}", "green")
    for row, _ in alike[: None if given.all else NAMED]:
        verbatim(on, f"  {_job(row)}")
    if len(alike) > NAMED and not given.all:
        say(on, f"  and {len(alike) - NAMED} more (--all)")
    for row, of_one in alike if given.all else alike[:1]:
        _details(on, folder_of(row), of_one, given.lines)


def _job(row: Mapping[str, Any]) -> str:
    names = (word(row[key], 60) for key in ("dataset", "optimizer", "model"))
    seed = f"seed {row['seed']}" if row["seed"] == row["seed"] else ""
    return f"{' / '.join(names)} {seed} ({row['state']}): {_near(str(row['folder']))}"


def _details(on: Any, folder: Path, failure: Failure | None, lines: int) -> None:
    if failure is not None and failure.traceback.strip():
        trace = failure.traceback.rstrip().splitlines()
        left = len(trace) - TRACE_LINES
        say(on, f"traceback of {_near(str(folder))}:", "dim")
        for line in ([f"... {left} lines more in status.json ..."] if left > 0 else []) + trace[
            -TRACE_LINES:
        ]:
            verbatim(on, f"  {visible(line, 500)}")
    tail = log_tail(folder, lines)
    if tail:
        say(on, f"last lines of {_near(str(folder / 'job.log'))}:", "dim")
        for line in tail:
            verbatim(on, f"  {visible(line, 500)}")


def _near(folder: str) -> str:
    near = os.path.relpath(folder)
    return near if len(near) < len(folder) else folder
