"""What conclusions say, as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from optbench.wording import counted

from .tables import Column, Table, text
from .text import (
    better,
    between,
    chance,
    count,
    decimals,
    number,
    seconds,
    signed,
    unknown,
    usd,
    word,
)

if TYPE_CHECKING:
    import pandas as pd

    from optbench.statistics.conclusions import Conclusions

MEANS_FROM, POINTS_FROM = 100, 110
"""Widths from which on there is room for the interval of the mean, and for the cost of a point."""


def leaderboard(said: Conclusions) -> Table:
    """Optimizers in the order of means, their place by ranks beside it, and groups of ties."""
    board = said.leaderboard
    columns = [
        Column("place"), text("optimizer"), Column("score"), Column("by rank"),
        Column("mean rank"), Column("won-tied-lost"), text("group"),
    ]  # fmt: skip
    rows = [
        [
            f"{row['place']}", word(row["optimizer"]), f"{row['normalised']:.2f}",
            f"{row['place_by_rank']}", f"{row['mean_rank']:.1f}",
            f"{row['wins']}-{row['ties']}-{row['losses']}", word(row["group"]),
        ]
        for row in board.to_dict("records")
    ]  # fmt: skip
    units = int(board["n_units"].max()) if len(board) else 0
    below = [
        f"score: 0 the worst, 1 the best of each dataset and model ({units} of them), averaged. "
        f"Optimizers that share a letter cannot be told apart at level {said.alpha:g}."
    ]
    if not board["place_by_rank"].is_monotonic_increasing:
        below.append("The order of means and that of ranks differ.")
    return Table("Leaderboard", columns, rows, below)


def scores(said: Conclusions, width: int = 200) -> Iterator[Table]:
    """A table for each dataset and model: what each optimizer reached on the test items.

    Args:
        said: The conclusions.
        width: Of the terminal; see :data:`MEANS_FROM`.
    """
    confidence = f"{100 * (1 - said.alpha):g} %"
    if (said.scores["n_seeds"] * said.scores["n_items"]).eq(1).all():
        yield _matrix(said.scores)
        return
    for _, part in said.scores.groupby(["dataset", "model"], sort=False, observed=True):
        best_first = part.sort_values(
            "mean", ascending=bool(part["direction"].iloc[0] == "minimize"), kind="stable"
        )
        yield _of_block(best_first, confidence, width)


def _matrix(scores: pd.DataFrame) -> Table:
    """Published figures and the like: a score a cell, with nothing to tell its error by."""
    names = list(dict.fromkeys(scores["optimizer"]))
    rows = []
    for (dataset, model), part in scores.groupby(["dataset", "model"], sort=False, observed=True):
        of_one = dict(zip(part["optimizer"], part["mean"], strict=True))
        places = decimals(*of_one.values())
        where = word(dataset) + (f", {word(model)}" if model else "")
        where += " (less is better)" if part["direction"].iloc[0] == "minimize" else ""
        rows.append([where, *(number(of_one.get(name), places) for name in names)])
    columns = [text("dataset"), *(Column(word(name)) for name in names)]
    below = ["One score a cell: nothing can be said of the error of each."]
    return Table("Scores", columns, rows, below)


def _of_block(part: pd.DataFrame, confidence: str, width: int) -> Table:
    wide, per_point = width >= MEANS_FROM, width >= POINTS_FROM
    lifted = part["lift"].notna().any()
    costs = "cost_usd" in part
    alike = _alike(part)
    columns = [text("optimizer"), Column("mean")]
    columns += [Column(confidence)] if wide or not lifted else []
    if lifted:
        columns += [Column("lift"), Column(f"{confidence} of lift"), Column("P(better)")]
    columns += [] if alike else [Column("n")]
    columns += [Column("cost")] if costs else []
    columns += [Column("per point")] if costs and per_point else []
    places = decimals(*part["mean"])
    rows = []
    for row in part.to_dict("records"):
        cells = [word(row["optimizer"]), number(row["mean"], places)]
        if wide or not lifted:
            cells.append(between(row["low"], row["high"], places))
        if lifted:
            interval = between(row["lift_low"], row["lift_high"], places, sign=True)
            cells += [signed(row["lift"], places), interval, better(row["p_better"])]
        cells += [] if alike else [f"{row['n_seeds']}x{row['n_items']}"]
        if costs:
            cells.append(usd(row["cost_usd"]))
            cells += [usd(row["usd_per_point"])] if per_point else []
        rows.append(cells)
    return Table(_title(part), columns, rows, _below(part))


def _alike(part: pd.DataFrame) -> str:
    """``n = 5 seeds x 100 items`` where that is so for all of them; else a column says it."""
    if len(part[["n_seeds", "n_items"]].drop_duplicates()) > 1:
        return ""
    seeds, items = (int(part[name].iloc[0]) for name in ("n_seeds", "n_items"))
    return f"n = {counted(seeds, 'seed')} x {counted(items, 'item')}"


def _title(part: pd.DataFrame) -> str:
    first = part.iloc[0]
    of = [word(first["metric"]), "less is better" if first["direction"] == "minimize" else ""]
    base = part["baseline"].mean()
    of.append("" if unknown(base) else f"initial prompt {number(base)}")
    of.append(_alike(part))
    where = word(first["dataset"]) + (f", {word(first['model'])}" if first["model"] else "")
    return f"{where} ({', '.join(one for one in of if one)})"


def _below(part: pd.DataFrame) -> list[str]:
    notes: dict[str, list[str]] = {}
    for row in part.to_dict("records"):
        if row["note"]:
            notes.setdefault(str(row["note"]), []).append(word(row["optimizer"], 60))
    everyone = len(part)
    return [
        f"{'all' if len(names) == everyone else ', '.join(names)}: {note}"
        for note, names in notes.items()
    ]


def pairs(said: Conclusions) -> Iterator[Table]:
    """A table for each dataset and model, and one over all: who differs from whom."""
    single = len(said.scores.groupby(["dataset", "model"], observed=True)) == 1
    for (dataset, model), part in said.pairs.groupby(
        ["dataset", "model"], sort=False, observed=True
    ):
        if (single and dataset == "all") or part["p"].isna().all():
            continue  # the same again; nothing that could be tested
        where = "all datasets and models" if dataset == "all" else word(dataset)
        if dataset != "all" and model:
            where += f", {word(model)}"
        columns = [
            text("a"), text("b"), Column("a - b"), Column("interval"), Column("p"),
            Column("p (Holm)"), text("verdict"),
        ]  # fmt: skip
        places = decimals(*part["difference"])
        rows = [_pair(row, places) for row in part.to_dict("records")]
        methods = sorted({word(one) for one in part["method"]})
        notes = list(dict.fromkeys(word(one) for one in part["note"] if one))
        yield Table(f"Pairs: {where}", columns, rows, [f"Test: {'; '.join(methods)}.", *notes])


def _pair(row: dict[str, Any], places: int) -> list[str]:
    verdicts = {"a": "a better", "b": "b better", "tie": "not shown", "too few": "too few"}
    return [
        word(row["a"]), word(row["b"]), signed(row["difference"], places),
        between(row["low"], row["high"], places, sign=True), chance(row["p"]), chance(row["p_holm"]),
        verdicts.get(row["verdict"], word(row["verdict"])),
    ]  # fmt: skip


def noise(said: Conclusions) -> Iterator[Table]:
    """Where the noise of scores comes from, and what the search took: a table a dataset and model."""
    ours = "tokens" in said.scores
    columns = [
        text("optimizer"), Column("seeds"), Column("items"), Column("rest"), Column("gap"),
        Column("words"), Column("tokens"), Column("time"),
    ]  # fmt: skip
    below = ["seeds, items, rest: standard deviations of the test score by where they come from."]
    if ours:
        below.append(
            "gap: lift on validation less lift on test (positive: overfitting); words: "
            "added to the prompt; tokens, time: of one run's search."
        )
    for (dataset, model), part in said.scores.groupby(
        ["dataset", "model"], sort=False, observed=True
    ):
        rows = [_effort(row, ours) for row in part.to_dict("records")]
        where = word(dataset) + (f", {word(model)}" if model else "")
        yield Table(f"Noise and effort: {where}", columns[: len(rows[0])], rows, below)


def _effort(row: dict[str, Any], ours: bool) -> list[str]:
    cells = [word(row["optimizer"])]
    cells += [number(row[key]) for key in ("seed_sd", "item_sd", "residual_sd")]
    if ours:
        words = row["words_added"]
        cells += [
            signed(row["validation_gap"]), "-" if unknown(words) else f"{words:+.0f}",
            count(row["tokens"]), seconds(row["seconds"]),
        ]  # fmt: skip
    return cells


def ranks(said: Conclusions) -> str:
    """Friedman's test in a sentence."""
    found = said.friedman
    if found["n_units"] < 2:
        return "Ranks: one dataset and model tells nothing of others."
    told = (
        f"Ranks over {found['n_units']} datasets and models: {found['method']}, "
        f"p {chance(found['p'])}; critical difference (Nemenyi) {number(found['critical_difference'])}."
    )
    return f"{told} {found['note']}." if found["note"] else told
