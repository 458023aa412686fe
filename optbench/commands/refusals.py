"""Which rows of a merge do not belong beside the others of their dataset, and why."""

from __future__ import annotations

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
)
"""Columns that all rows of a dataset must have alike, and what they are called."""


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


def divided(
    rows: pd.DataFrame, reference: pd.Series | None = None
) -> tuple[pd.DataFrame, list[Refusal]]:
    """The rows that may stand beside each other, and the others.

    What a dataset's rows must agree on (:data:`MUST_AGREE`) is decided by the rows of the reference,
    where there is one that has the dataset; else by the most rows, and of as many by those that came
    first. Rows of one budget never stand beside those of another.

    Args:
        rows: All of them, in the order in which they came.
        reference: Which of them decide, by their index.
    """
    import pandas as pd

    keep = pd.Series(True, index=rows.index)
    refused: list[Refusal] = []
    of_reference = pd.Series(False, index=rows.index) if reference is None else reference
    for dataset, alike in rows.groupby("dataset", sort=True, observed=True):
        deciding = alike[of_reference[alike.index]]
        by = "the reference" if len(deciding) else "most rows of the dataset"
        chosen = _most(deciding if len(deciding) else alike)
        reasons = [_reason(row, chosen, by) for row in _keys(alike)]
        for at, reason in zip(alike.index, reasons, strict=True):
            keep[at] = reason is None
        told = alike.assign(why=reasons)
        told = told[told["why"].notna()]
        for (who, why), group in told.groupby(["submitter", "why"], sort=False, observed=True):
            refused.append(Refusal(str(who), str(dataset), str(why), len(group)))
    return rows[keep], refused


def distinct(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Each task once, the first that came; and what is said of the others.

    Args:
        rows: In the order in which they came.
    """
    again = rows.duplicated("identity")
    first = rows[~again].set_index("identity")
    same: dict[str, int] = {}
    told: list[str] = []
    for row in rows[again].to_dict("records"):
        kept = first.loc[row["identity"]]
        if row["final"] == kept["final"] and row["initial"] == kept["initial"]:
            same[str(row["submitter"])] = same.get(str(row["submitter"]), 0) + 1
            continue
        told.append(
            f"{_task(row)} of {word(row['submitter'], 60)} is there already from "
            f"{word(kept['submitter'], 60)}, with another score: {row['final']:.6g} here, "
            f"{kept['final']:.6g} there, which is kept"
        )
    counts = [f"{n} of {word(who, 60)} are there already, with the same scores"
              for who, n in same.items()]  # fmt: skip
    return rows[~again], counts + told


def _keys(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    columns = [rows[name].astype("object").where(rows[name].notna(), None)
               for name, _ in MUST_AGREE]  # fmt: skip
    return list(zip(*columns, strict=True))


def _most(rows: pd.DataFrame) -> tuple[Any, ...]:
    counts: dict[tuple[Any, ...], int] = {}
    for key in _keys(rows):
        counts[key] = counts.get(key, 0) + 1
    return max(counts, key=lambda key: counts[key])  # of as many, the first


def _reason(row: tuple[Any, ...], chosen: tuple[Any, ...], by: str) -> str | None:
    wrong = [
        f"{what} {_short(mine)}, where {by} {'has' if by.startswith('the ') else 'have'} "
        f"{_short(theirs)}"
        for (_, what), mine, theirs in zip(MUST_AGREE, row, chosen, strict=True)
        if mine != theirs
    ]
    return "; ".join(wrong) or None


def _short(value: Any) -> str:
    if value is None:
        return "unknown"
    text = str(value)
    return text[:8] if len(text) == 64 and text.isalnum() else f"'{visible(text, 80)}'"


def _task(row: Any) -> str:
    return f"{word(row['dataset'], 60)}/{word(row['optimizer'], 60)}/seed {row['seed']}"
