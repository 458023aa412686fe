"""What the page says without a script: its head, the leaderboard, and where it all comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from optbench.report.drilldown import Drilldown
    from optbench.statistics.conclusions import Conclusions

_FINGERPRINTS = {
    "fingerprint_train": "train",
    "fingerprint_validation": "validation",
    "fingerprint_test": "test",
}
_LISTED = 12  # names in a sentence
_TEXT = 300  # characters of anything


def head(tasks: pd.DataFrame, conclusions: Conclusions, opened: Drilldown) -> dict[str, Any]:
    """Counts, names and notes of the page's head."""
    states = tasks["state"].value_counts()
    notes = [_short(note, 1_000) for note in conclusions.notes]
    if opened.left_out:
        notes.append(
            f"Prompts and items of {opened.left_out} jobs are left out, to keep this page small."
        )
    notes += [f"Could not be read: {_short(said)}" for said in opened.unread[:_LISTED]]
    simulated = tasks["simulated"].fillna(False).astype(bool)
    return {
        "jobs": len(tasks),
        "states": [(str(state), int(count)) for state, count in states.items()],
        "names": [
            (title, _listed(tasks[column]))
            for title, column in (
                ("Datasets", "dataset"), ("Optimizers", "optimizer"), ("Models", "model"),
                ("Seeds", "seed"), ("Budgets", "budget"),
            )
        ],
        "simulated": int(simulated.sum()),
        "test_mode": int(tasks["test_mode"].fillna(False).astype(bool).sum()),
        "notes": notes,
        "alpha": conclusions.alpha,
    }  # fmt: skip


def leaderboard(conclusions: Conclusions) -> dict[str, Any]:
    """The rows of the leaderboard, best first, and what Friedman's test says."""
    frame = conclusions.leaderboard
    rows = [
        {key: _short(one) if isinstance(one, str) else _number(one) for key, one in row.items()}
        for row in frame.to_dict("records")
    ]
    friedman = {
        key: _short(one) if isinstance(one, str) else _number(one)
        for key, one in conclusions.friedman.items()
    }
    return {"rows": rows, "friedman": friedman, "agree": not _opposed(rows)}


def _opposed(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some two optimizers stand in one order by mean and in the other by rank; a tie is none."""
    known = [(row["place"], row["place_by_rank"]) for row in rows]
    return any(
        a < b and by_rank_a > by_rank_b
        for (a, by_rank_a), (b, by_rank_b) in permutations(known, 2)
        if None not in (a, b, by_rank_a, by_rank_b)
    )


def provenance(tasks: pd.DataFrame) -> dict[str, Any]:
    """Versions, fingerprints, seeds and budgets, each with the number of jobs that had it."""
    versions: dict[tuple[str, str], int] = {}
    for one in tasks["versions"]:
        for name, version in one.items() if isinstance(one, dict) else ():
            key = (_short(str(name)), _short(_text(version)))
            versions[key] = versions.get(key, 0) + 1
    return {
        "versions": [(*key, count) for key, count in sorted(versions.items())],
        "fingerprints": _fingerprints(tasks),
        "runs": _runs(tasks),
        "identity_versions": _listed(tasks["identity_version"]),
        "sweeps": _listed(tasks["sweep"]),
    }


def _fingerprints(tasks: pd.DataFrame) -> list[tuple[str, str, str, int]]:
    found = []
    for column, part in _FINGERPRINTS.items():
        counts = tasks.groupby(["dataset", column], observed=True, sort=False).size()
        found += [(_short(str(name)), part, _short(str(mark)), int(n))
                  for (name, mark), n in counts.items()]  # fmt: skip
    return sorted(found)


def _runs(tasks: pd.DataFrame) -> list[dict[str, Any]]:
    """What ran on each dataset and model."""
    rows = []
    for (dataset, model), jobs in tasks.groupby(["dataset", "model"], observed=True, sort=False):
        rows.append(
            {
                "dataset": _short(str(dataset)),
                "model": _short(str(model)),
                "optimizers": _listed(jobs["optimizer"]),
                "seeds": _listed(jobs["seed"]),
                "budgets": _listed(jobs["budget"]),
                "metrics": _listed(jobs["metric"]),
                "jobs": len(jobs),
            }
        )
    return rows


def _listed(column: pd.Series) -> str:
    """Distinct values in a sentence, in order; the count of those beyond a dozen."""
    known = column.dropna().unique().tolist()
    try:
        known = sorted(known)
    except TypeError:
        known = sorted(known, key=str)
    names = [_short(_text(_whole(one)), 60) for one in known[:_LISTED]]
    more = len(known) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "") if names else "none"


def _whole(one: Any) -> Any:
    return int(one) if isinstance(one, float) and one.is_integer() else one


def _number(one: Any) -> Any:
    """A number of a table, None where it cannot be told."""
    if one is None or isinstance(one, bool):
        return one
    number = float(one)
    return None if number != number else number


def _text(one: Any) -> str:
    return one if isinstance(one, str) else json.dumps(one, default=str)


def _short(text: str, limit: int = _TEXT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
