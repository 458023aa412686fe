"""The test items of each job, cut so that a page stays small."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optbench.report import diff
from optbench.report.blocks import Blocks, packed
from optbench.report.runs import Runs

if TYPE_CHECKING:
    import pandas as pd

LIMITS = (600, 300, 150, 60)
"""Characters of an output or a reason that are kept: the first that fits the budget."""

NAME_LIMIT = 200
BUDGET = 6_000_000  # bytes of the items of all jobs, so that a page stays under 8 MB
_SAMPLED_JOBS, _SAMPLED_ROWS = 20, 500
_PHASES = ("baseline", "final")


@dataclass
class Drilldown:
    """What can be opened of each job.

    Attributes:
        limit: Characters kept of an output or a reason.
        jobs: For each row of ``runs.tasks``: numbers of the blocks of the prompts, of the baseline's
            and of the final prompt's items; None where there is nothing.
        left_out: Jobs whose prompts and items did not fit.
        unread: What could not be read, a sentence each.
    """

    limit: int = LIMITS[0]
    jobs: list[tuple[int | None, int | None, int | None]] = field(default_factory=list)
    left_out: int = 0
    unread: list[str] = field(default_factory=list)


def drilldown(runs: Runs, tasks: pd.DataFrame, blocks: Blocks, budget: int = BUDGET) -> Drilldown:
    """Packs prompts and test items of every job that has them.

    Args:
        runs: To read them from.
        tasks: Its jobs, see :func:`optbench.report.runs.ordinary`.
        blocks: To pack them into.
        budget: Bytes for all of them.
    """
    found = Drilldown()
    jobs = list(zip(tasks["identity"], tasks["metric"], tasks["state"], strict=True))
    finished = [job for job in jobs if job[2] == "success"]
    found.limit = _limit(runs, finished, budget)
    before = blocks.size
    for identity, metric, state in jobs:
        full = blocks.size - before > budget
        found.left_out += full and state == "success"
        if full or state != "success":
            found.jobs.append((None, None, None))
            continue
        try:
            prompts = _prompts(runs, identity, blocks)
            rows = runs.texts(identity)
        except Exception as error:  # a folder is untrusted: whatever is wrong with one is said
            found.unread.append(f"{identity[:8]}: {type(error).__name__}: {error}")
            found.jobs.append((None, None, None))
            continue
        parts = [blocks.add(part) if part else None for part in _parts(rows, metric, found.limit)]
        found.jobs.append((prompts, parts[0], parts[1]))
    return found


def _prompts(runs: Runs, identity: str, blocks: Blocks) -> int | None:
    both = runs.prompts(identity)
    messages = diff.prompts(both.get("initial"), both.get("final"))
    return blocks.add(messages) if messages else None


def _parts(
    rows: Iterable[dict[str, Any]], metric: str, limit: int
) -> list[dict[str, list[Any]] | None]:
    """Columns of the baseline's and of the final prompt's test items."""
    by_phase: dict[str, list[dict[str, Any]]] = {phase: [] for phase in _PHASES}
    for row in rows:
        if row.get("slice") == "test" and row.get("phase") in by_phase:
            by_phase[row["phase"]].append(row)
    return [_columns(by_phase[phase], metric, limit) for phase in _PHASES]


def _columns(
    rows: Sequence[dict[str, Any]], metric: str, limit: int
) -> dict[str, list[Any]] | None:
    if not rows:
        return None
    rows = sorted(rows, key=lambda row: _natural(str(row.get("item_id"))))
    outputs = [_cut(row.get("output"), limit) for row in rows]
    reasons = [_cut(row.get(f"reason.{metric}"), limit) for row in rows]
    return {
        "item": [str(row.get("item_id"))[:NAME_LIMIT] for row in rows],
        "score": [_number(row.get(f"score.{metric}")) for row in rows],
        "output": [text for text, _ in outputs],
        "length": [length for _, length in outputs],
        "reason": [text for text, _ in reasons],
        "reason_length": [length for _, length in reasons],
    }


def _natural(name: str) -> list[str | int]:
    """``item-2`` before ``item-10``."""
    parts = re.split(r"([0-9]{1,18})", name[:NAME_LIMIT])
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _cut(text: Any, limit: int) -> tuple[str | None, int]:
    """The beginning of a text; and its whole length where it was cut, 0 where not."""
    if text is None:
        return None, 0
    text = str(text)
    return (text, 0) if len(text) <= limit else (text[:limit], len(text))


def _number(value: Any) -> float | None:
    return round(float(value), 6) if isinstance(value, int | float) else None


def _limit(runs: Runs, jobs: Sequence[tuple[str, str, str]], budget: int) -> int:
    """The largest limit with which some items of some jobs say that all of them fit."""
    sample = jobs[:: max(1, len(jobs) // _SAMPLED_JOBS)]
    sizes = dict.fromkeys(LIMITS, 0.0)
    known: set[str] = set()
    for identity, metric, _ in sample:
        try:
            rows = list(runs.texts(identity))
        except Exception:  # said when it is packed
            continue
        some = rows[:: max(1, len(rows) // _SAMPLED_ROWS)]
        for limit in LIMITS:
            for text in map(packed, filter(None, _parts(some, metric, limit))):
                if text not in known:
                    sizes[limit] += len(text) * len(rows) / len(some)
                    known.add(text)
    share = budget * len(sample) / max(1, len(jobs))
    return next((limit for limit in LIMITS if sizes[limit] <= share), LIMITS[-1])
