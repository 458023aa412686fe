"""Which rows of a merge do not belong beside the others of their dataset, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .text import visible, word

if TYPE_CHECKING:
    import pandas as pd

MUST_AGREE = (
    ("fingerprint_test", "test items"),
    ("fingerprint_validation", "validation items"),
    ("fingerprint_train", "train items"),
    ("budget", "budget"),
    ("metric", "metric"),
    ("metric_params", "parameters of the metric"),
    ("metric_version", "version of the metric"),
    ("direction", "direction of the metric"),
)
"""Columns that all rows of a dataset must have alike, and what they are called."""

Tasks = dict[tuple[Any, ...], set[Any]]
"""Identities by the values of :data:`MUST_AGREE` that their rows have."""


@dataclass(frozen=True)
class Refusal:
    """Rows that are left out for one reason.

    Attributes:
        who: Their submitter.
        dataset: Of them.
        why: A sentence.
        n: How many.
    """

    who: str
    dataset: str
    why: str
    n: int


@dataclass(frozen=True)
class _Chosen:
    """What the rows of a dataset must have.

    Attributes:
        key: Values of :data:`MUST_AGREE`.
        has: Who has it, with a verb: ``the reference has``.
        tie: What is said where as many are for another; empty where that is not so.
    """

    key: tuple[Any, ...]
    has: str
    tie: str = ""


def divided(
    rows: pd.DataFrame, reference: pd.Series | None = None
) -> tuple[pd.DataFrame, list[Refusal], list[str]]:
    """The rows that may stand beside each other, the others, and the ties that were broken.

    What a dataset's rows must agree on (:data:`MUST_AGREE`) is decided by the rows of the reference,
    where it has the dataset; else each submitter has one vote, so that rows which are there again
    outvote nobody. Of as many votes those with more tasks win, then those that came first; that is
    said. Rows of one budget never stand beside those of another.

    Args:
        rows: All of them, in the order in which they came.
        reference: Which of them decide, by their index.
    """
    import pandas as pd

    keep = pd.Series(True, index=rows.index)
    refused: list[Refusal] = []
    ties: list[str] = []
    of_reference = pd.Series(False, index=rows.index) if reference is None else reference
    for dataset, alike in rows.groupby("dataset", sort=True, observed=True):
        deciding = alike[of_reference[alike.index]]
        chosen = _of_reference(deciding, alike) if len(deciding) else _voted(alike)
        ties += [f"{word(dataset, 60)}: {chosen.tie}"] if chosen.tie else []
        reasons = [_reason(row, chosen) for row in keys(alike, MUST_AGREE)]
        for at, reason in zip(alike.index, reasons, strict=True):
            keep[at] = reason is None
        told = alike.assign(why=reasons)
        told = told[told["why"].notna()]
        for (who, why), group in told.groupby(["submitter", "why"], sort=False, observed=True):
            refused.append(Refusal(str(who), str(dataset), str(why), len(group)))
    return rows[keep], refused, ties


def keys(rows: pd.DataFrame, columns: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
    """What rows say in these columns, each with its name; what is not known is None."""
    values = [rows[name].astype("object").where(rows[name].notna(), None) for name, _ in columns]
    return list(zip(*values, strict=True))


def short(value: Any) -> str:
    """A value in a sentence; of a fingerprint its beginning."""
    if value is None:
        return "unknown"
    text = str(value)
    return text[:8] if len(text) == 64 and text.isalnum() else f"'{visible(text, 80)}'"


def _of_reference(rows: pd.DataFrame, alike: pd.DataFrame) -> _Chosen:
    return _Chosen(_vote(_tasks(rows), _tasks(alike)), "the reference has")


def _voted(rows: pd.DataFrame) -> _Chosen:
    tasks = _tasks(rows)
    votes: dict[tuple[Any, ...], list[str]] = {}
    for who, own in rows.groupby("submitter", sort=False, observed=True, dropna=False):
        votes.setdefault(_vote(_tasks(own), tasks), []).append(str(who))
    best = max(votes, key=lambda key: (len(votes[key]), len(tasks[key])))
    even = [key for key in votes if key != best and len(votes[key]) == len(votes[best])]
    who = word(votes[best][0], 60)
    if not even:
        several = sum(map(len, votes.values())) > 1
        return _Chosen(best, "most submitters have" if several else "most rows have")
    more = all(len(tasks[key]) < len(tasks[best]) for key in even)
    against = ", ".join(word(votes[key][0], 60) for key in even[:5])
    tie = (
        f"as many are for {against} as for {who}, which {'has more tasks' if more else 'came first'} "
        "and is kept; --reference RUN decides it"
    )
    return _Chosen(best, f"{who} has", tie)


def _vote(own: Tasks, all_: Tasks) -> tuple[Any, ...]:
    """What most tasks of one submitter have; of as many, what most of all submitters have."""
    return max(own, key=lambda key: (len(own[key]), len(all_[key])))


def _tasks(rows: pd.DataFrame) -> Tasks:
    """Identities by what their rows say, in the order in which that came."""
    found: Tasks = {}
    for key, identity in zip(keys(rows, MUST_AGREE), rows["identity"], strict=True):
        found.setdefault(key, set()).add(identity)
    return found


def _reason(row: tuple[Any, ...], chosen: _Chosen) -> str | None:
    wrong = [
        f"{what} {short(mine)}, where {chosen.has} {short(theirs)}"
        for (_, what), mine, theirs in zip(MUST_AGREE, row, chosen.key, strict=True)
        if mine != theirs
    ]
    return "; ".join(wrong) or None
