"""The tables of a page that its script shows: column by column, paged and filtered in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from optbench.report.figures.values import units

if TYPE_CHECKING:
    import pandas as pd

    from optbench.report.drilldown import Drilldown

TEXT_LIMIT = 2_000  # characters of a text in a table
JOB_LIMIT = 200  # of a name


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: In the frame.
        title: In the page.
        kind: How it is written: ``text``, ``long``, ``int``, ``score``, ``signed``, ``p``, ``usd`` or
            ``seconds``.
        chosen: Whether the table has a menu to choose a value of it.
    """

    name: str
    title: str
    kind: str = "text"
    chosen: bool = False


JOBS = (
    Column("dataset", "Dataset", chosen=True),
    Column("optimizer", "Optimizer", chosen=True),
    Column("model", "Model", chosen=True),
    Column("seed", "Seed", "int"),
    Column("state", "State", chosen=True),
    Column("initial", "Baseline", "score"),
    Column("final", "Final", "score"),
    Column("lift", "Lift", "signed"),
    Column("trials", "Trials", "int"),
    Column("rollouts", "Rollouts", "int"),
    Column("tokens", "Tokens", "int"),
    Column("cost_usd", "USD", "usd"),
    Column("seconds", "Seconds", "seconds"),
)
PAIRS = (
    Column("unit", "On", chosen=True),
    Column("a", "A", chosen=True),
    Column("b", "B", chosen=True),
    Column("verdict", "Verdict", chosen=True),
    Column("difference", "A − B", "signed"),
    Column("low", "From", "signed"),
    Column("high", "To", "signed"),
    Column("p", "p", "p"),
    Column("p_holm", "p (Holm)", "p"),
    Column("smallest_p", "Smallest p", "p"),
    Column("method", "Test"),
    Column("n_items", "Items", "int"),
    Column("n_seeds", "Seeds", "int"),
    Column("note", "Note"),
)
SCORES = (
    Column("unit", "On", chosen=True),
    Column("optimizer", "Optimizer", chosen=True),
    Column("mean", "Mean", "score"),
    Column("low", "From", "score"),
    Column("high", "To", "score"),
    Column("baseline", "Baseline", "score"),
    Column("lift", "Lift", "signed"),
    Column("lift_low", "Lift from", "signed"),
    Column("lift_high", "Lift to", "signed"),
    Column("p_better", "P(better)", "score"),
    Column("n_items", "Items", "int"),
    Column("n_seeds", "Seeds", "int"),
    Column("seed_sd", "SD seeds", "score"),
    Column("item_sd", "SD items", "score"),
    Column("usd_per_point", "USD a point", "usd"),
    Column("tokens_per_point", "Tokens a point", "int"),
    Column("area_rollouts", "Area", "score"),
    Column("note", "Note"),
)
FAILURES = (
    Column("state", "State", chosen=True),
    Column("dataset", "Dataset", chosen=True),
    Column("optimizer", "Optimizer", chosen=True),
    Column("model", "Model"),
    Column("seed", "Seed", "int"),
    Column("error", "Error", "long"),
    Column("folder", "Folder"),
)
PROBLEMS = (
    Column("kind", "Kind", chosen=True),
    Column("what", "What", "long"),
    Column("n", "Count", "int"),
    Column("excluded", "Excluded"),
    Column("folder", "Folder"),
)
_FACTS = {
    "identity": "Identity", "folder": "Folder", "agent": "Agent", "budget": "Budget", "engine": "Engine",
    "metric": "Objective", "direction": "Direction", "n_test": "Test items",
    "n_validation": "Validation items", "initial_validation": "Validation, baseline",
    "final_validation": "Validation, final", "candidates": "Candidates", "finish_reason": "Finished",
    "optimizer_model": "Optimizer's model", "judge_model": "Judge's model",
    "optimizer_calls": "Optimizer's own calls", "paid_usd": "Paid, USD", "initial_words": "Words before",
    "final_words": "Words after", "transferred_from": "Transferred from", "error": "Error",
}  # fmt: skip


def jobs(tasks: pd.DataFrame, opened: Drilldown) -> dict[str, Any]:
    """All jobs, with what is shown and opened of each."""
    made = table(tasks.assign(lift=tasks["final"] - tasks["initial"]), JOBS)
    facts = [name for name in _FACTS if name in tasks]
    made["facts"] = [[_FACTS[name], _plain(tasks[name], JOB_LIMIT)] for name in facts]
    made["blocks"] = opened.jobs
    made["examples"] = _examples(tasks)
    return made


def _examples(tasks: pd.DataFrame) -> list[int]:
    """Rows of the jobs whose prompts are shown first: of each optimizer and unit, best on validation."""
    done = tasks.reset_index(drop=True)
    done = done[(done["state"] == "success") & done["final_validation"].notna()]
    sign = done["direction"].map({"minimize": -1}).fillna(1)
    done = done.assign(_key=sign * done["final_validation"]).sort_values(
        ["prompt_changed", "_key"], ascending=False, kind="stable"
    )
    best = done.drop_duplicates(["dataset", "model", "optimizer"])
    changed = best[best["prompt_changed"].fillna(False).astype(bool)]
    return [int(row) for row in changed.index]


def pairs(frame: pd.DataFrame) -> dict[str, Any]:
    """Pairwise comparisons, the verdict in words."""
    if not len(frame):
        return table(frame.assign(unit=[]), PAIRS)
    everywhere = frame["dataset"].astype(str) == "all"
    on = units(frame[~everywhere]).reindex(frame.index)
    said = [_verdict(row) for row in frame.itertuples(index=False)]
    return table(frame.assign(unit=on.where(~everywhere, "all together"), verdict=said), PAIRS)


def scores(frame: pd.DataFrame) -> dict[str, Any]:
    """All that is said of each optimizer on each dataset; columns that are not there are left out."""
    frame = frame.assign(unit=units(frame))
    return table(frame, [column for column in SCORES if column.name in frame])


def failures(tasks: pd.DataFrame) -> dict[str, Any]:
    """Jobs that have no result."""
    return table(tasks[tasks["state"] != "success"], FAILURES)


def problems(frame: pd.DataFrame) -> dict[str, Any]:
    """What was wrong with what was read."""
    said = frame["excluded"].map({True: "yes", False: "no"})
    return table(frame.assign(excluded=said), PROBLEMS)


def table(frame: pd.DataFrame, columns: Sequence[Column]) -> dict[str, Any]:
    """A table as data: ``columns`` and, in the same order, ``data`` (a list a column)."""
    return {
        "columns": [column._asdict() for column in columns],
        "data": [
            _plain(frame[name], TEXT_LIMIT) if name in frame else [None] * len(frame)
            for name, *_ in columns
        ],
    }


def _plain(column: pd.Series, limit: int) -> list[Any]:
    return [_value(one, limit) for one in column.tolist()]


def _value(one: Any, limit: int) -> Any:
    if one is None or isinstance(one, bool | int):
        return one
    if isinstance(one, float):
        return None if one != one else float(f"{one:.6g}")
    text = str(one)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def _verdict(row: Any) -> str:
    if row.verdict == "a":
        return "A better"
    return "B better" if row.verdict == "b" else str(row.verdict)
