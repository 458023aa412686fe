"""``trials.jsonl`` of many jobs as one table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from optbench.layout import SCHEMA_VERSION
from optbench.results.job import Job
from optbench.results.problems import Problems
from optbench.results.read import Document, UnreadableError, read_lines
from optbench.results.together import each, repeated

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "index": "Int64",
    "candidate": "str",
    "slice": "str",
    "items": "Int64",
    "score": "float64",
    "rollouts": "Int64",
    "calls": "Int64",
    "tokens": "Int64",
    "cost_usd": "float64",
    "seconds": "float64",
}


def read_trials(jobs: Sequence[Job], problems: Problems) -> pd.DataFrame:
    """One row a trial, in the order in which they ended; see :attr:`.runs.Runs.trials`."""
    import numpy as np
    import pandas as pd

    read = each(lambda job: list(_of_job(job, problems)), jobs)
    rows = [row for of_job in read for row in of_job]
    number = np.repeat(np.arange(len(jobs)), [len(of_job) for of_job in read])
    columns = repeated(jobs, number)
    for name, kind in COLUMNS.items():
        columns[name] = pd.array([row[name] for row in rows], dtype=kind)
    for name in ("candidate", "slice"):
        columns[name] = pd.Categorical(columns[name])
    return pd.DataFrame(columns)


def _of_job(job: Job, problems: Problems) -> Iterator[dict[str, Any]]:
    path = job.found.file("trials")
    if path is None:
        if job.finished and job.row.get("trials"):
            problems.add(job.place, "missing", "there is no trials.jsonl", excluded=True)
        return
    wrong = {"truncated": 0, "schema": 0, "malformed": 0, "nan": 0}
    rollouts: int | None = 0
    try:
        for line in read_lines(path):
            row = _row(line, wrong)
            if row is None:
                rollouts = None  # how many it took is not known, so neither is any sum after it
                continue
            rollouts = None if None in (rollouts, row["items"]) else rollouts + row["items"]
            yield {**row, "rollouts": rollouts}
    except UnreadableError as error:
        problems.add(job.place, error.kind, f"{path.name} {error.what}", excluded=True)
    if job.row["state"] == "running":
        wrong["truncated"] = 0  # its last line is being written
    _say(job, wrong, problems)


def _row(line: bytes, wrong: dict[str, int]) -> dict[str, Any] | None:
    try:
        loaded = json.loads(line)
    except (ValueError, RecursionError):
        wrong["truncated"] += 1
        return None
    found = Document(loaded)
    if not isinstance(loaded, dict) or found.whole("schema_version") != SCHEMA_VERSION:
        wrong["schema"] += 1
        return None
    row = {
        "index": found.whole("index"),
        "candidate": found.text("candidate"),
        "slice": found.text("slice"),
        "items": found.whole("items"),
        "score": found.number("score"),
        "calls": found.whole("cumulative", "calls"),
        "tokens": found.whole("cumulative", "tokens"),
        "cost_usd": found.number("cumulative", "cost_usd"),
        "seconds": found.number("cumulative", "seconds"),
    }
    wrong["malformed"] += bool(found.malformed)
    wrong["nan"] += "score" in found.not_finite
    return row


def _say(job: Job, wrong: dict[str, int], problems: Problems) -> None:
    said = {
        "truncated": "lines that are no whole JSON",
        "schema": "lines of another schema version",
        "malformed": "lines with values of another type, read as unknown",
        "nan": "scores that are NaN or infinite, read as unknown",
    }
    for kind, n in wrong.items():
        if n:
            left_out = kind in ("truncated", "schema")
            what = f"trials.jsonl has {n:,} {said[kind]}"
            problems.add(job.place, kind, what, excluded=left_out, n=n)  # type: ignore[arg-type]
