"""Rows of one task in a merge: the same again, with other scores, or contradicting each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optbench.wording import counted

from .refusals import MUST_AGREE, Refusal, keys, short
from .text import word

if TYPE_CHECKING:
    import pandas as pd

FACTS = (
    *MUST_AGREE,
    ("dataset", "dataset"),
    ("model", "model"),
    ("seed", "seed"),
    ("test_mode", "test_mode"),
)
"""Columns that follow from a task's identity, and what they are called."""
_SCORES = (
    ("final", "score"),
    ("initial", "score of the initial prompt"),
    ("final_validation", "validation score"),
    ("initial_validation", "validation score of the initial prompt"),
)


def distinct(
    rows: pd.DataFrame, reference: pd.Series | None = None
) -> tuple[pd.DataFrame, list[Refusal], list[str]]:
    """Each task once, those that contradict it, and what is said of the others.

    The same are rows of one identity, with the same facts (:data:`FACTS`) and the same scores. That
    of the reference is kept, else the first that came.

    Args:
        rows: Those that may stand beside each other, in the order in which they came.
        reference: Which of them come first, by their index.
    """
    again = _later(rows, reference)
    kept = rows[~again]
    first = _by_identity(kept)
    same: dict[str, int] = {}
    against: dict[tuple[str, str, str], int] = {}
    told: list[str] = []
    for row, facts, scores in zip(
        rows[again].to_dict("records"), keys(rows[again], FACTS), keys(rows[again], _SCORES),
        strict=True,
    ):  # fmt: skip
        who, (whose, theirs, of_theirs) = str(row["submitter"]), first[row["identity"]]
        if facts != theirs:
            why = f"the same identity as of {word(whose, 60)}, yet {_differing(facts, theirs)}"
            key = who, str(row["dataset"]), why
            against[key] = against.get(key, 0) + 1
        elif scores == of_theirs:
            same[who] = same.get(who, 0) + 1
        else:
            told.append(f"{_task(row)} of {word(who, 60)} is there already from {word(whose, 60)}, "
                        f"with another {_other_score(scores, of_theirs)}, which is kept")  # fmt: skip
    counts = [f"{n} of {word(who, 60)} are there already, with the same scores"
              for who, n in same.items()]  # fmt: skip
    return kept, [Refusal(*key, n) for key, n in against.items()], counts + told


def contradictions(rows: pd.DataFrame, kept: pd.DataFrame) -> list[str]:
    """A line for all rows that say otherwise than another row of their identity.

    Args:
        rows: All, the refused ones too.
        kept: Those that stand; an identity that has none is compared with its first row.
    """
    standing = {**_by_identity(rows), **_by_identity(kept)}
    found: dict[tuple[str, str, str, str], int] = {}
    columns = (rows["identity"], rows["submitter"], rows["dataset"], keys(rows, FACTS))
    for identity, who, dataset, facts in zip(*columns, strict=True):
        whose, theirs, _ = standing[identity]
        if facts != theirs:
            key = str(who), str(dataset), whose, _differing(facts, theirs)
            found[key] = found.get(key, 0) + 1
    return [
        f"conflict: {counted(n, 'task')} of {word(who, 60)}, {word(dataset, 60)}: the same by identity "
        f"as of {word(whose, 60)}, yet {what}"
        for (who, dataset, whose, what), n in found.items()
    ]


def _later(rows: pd.DataFrame, reference: pd.Series | None) -> pd.Series:
    """Which rows are of an identity that is there before them, or in the reference."""
    if reference is None:
        return rows.duplicated("identity")
    order = rows.assign(_later=~reference[rows.index]).sort_values("_later", kind="stable")
    return order.duplicated("identity")[rows.index]


def _by_identity(rows: pd.DataFrame) -> dict[Any, tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
    """Submitter, facts and scores of the first row of each identity."""
    found: dict[Any, tuple[str, tuple[Any, ...], tuple[Any, ...]]] = {}
    columns = rows["identity"], rows["submitter"], keys(rows, FACTS), keys(rows, _SCORES)
    for identity, who, facts, scores in zip(*columns, strict=True):
        found.setdefault(identity, (str(who), facts, scores))
    return found


def _differing(mine: Sequence[Any], theirs: Sequence[Any]) -> str:
    return "; ".join(
        f"{what} {short(one)} here, {short(other)} there"
        for (_, what), one, other in zip(FACTS, mine, theirs, strict=True)
        if one != other
    )


def _other_score(mine: Sequence[Any], theirs: Sequence[Any]) -> str:
    """The first score that differs; one of them does."""
    return next(
        f"{what}: {_figure(one)} here, {_figure(other)} there"
        for (_, what), one, other in zip(_SCORES, mine, theirs, strict=True)
        if one != other
    )


def _figure(score: float | None) -> str:
    return "unknown" if score is None else f"{score:.6g}"


def _task(row: Any) -> str:
    return f"{word(row['dataset'], 60)}/{word(row['optimizer'], 60)}/seed {row['seed']}"
