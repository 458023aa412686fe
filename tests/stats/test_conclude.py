"""From runs to conclusions: every column by another way of reckoning it."""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optbench.errors import OptbenchError
from optbench.results.brief import SIMULATED
from optbench.statistics.compare import of_differences
from optbench.statistics.conclude import named, of_runs, of_table
from optbench.statistics.conclusions import Conclusions
from optbench.statistics.intervals import interval

CHANCE = {"none": 0.3, "better": 0.9, "worse": 0.4}
N_ITEMS = 30


def scored(kind: str, dataset: str, seed: int, phase: str) -> list[float]:
    rng = np.random.default_rng([ord(kind[0]), len(dataset), seed])
    chance = CHANCE[kind] if phase == "final" else 0.3
    return (rng.uniform(size=N_ITEMS) < chance).astype(float).tolist()


def study(**changes: Any) -> Any:
    """Two datasets, three optimizers, three seeds, thirty items; ``changes`` of all tasks."""
    tasks, items, trials = [], [], []
    for dataset in ("one", "second"):
        for kind in CHANCE:
            for seed in (1, 2, 3):
                identity = f"{dataset}-{kind}-{seed}"
                rows = {
                    phase: scored(kind, dataset, seed, phase) for phase in ("baseline", "final")
                }
                for phase, scores in rows.items():
                    items += [
                        {"identity": identity, "slice": part, "phase": phase, "item_id": f"i{at}",
                         "score": score if part == "test" else 9.0}
                        for part in ("test", "validation") for at, score in enumerate(scores)
                    ]  # fmt: skip
                spent = {"none": 0.0, "better": 10.0, "worse": 20.0}[kind] + seed
                trials.append({
                    "identity": identity, "slice": "validation", "items": 8, "index": 0,
                    "score": CHANCE[kind], "rollouts": spent, "tokens": 100 * spent,
                    "cost_usd": spent / 10, "seconds": spent / 2,
                })  # fmt: skip
                tasks.append({
                    "identity": identity, "folder": f"/nowhere/{identity}", "dataset": dataset,
                    "model": "m", "optimizer": kind, "seed": seed, "state": "success",
                    "agent": "chat", "optimizer_model": None, "judge_model": None,
                    "budget": None if kind == "none" else "trials=3", "test_mode": False,
                    "transferred_from": None, "source_model": None, "source_dataset": None,
                    "source_seed": None, "fingerprint_test": f"{dataset}-rows", "metric": "exact",
                    "direction": "maximize", "simulated": False, "n_validation": 8,
                    "initial_validation": 0.3, "final_validation": CHANCE[kind],
                    "initial": float(np.mean(rows["baseline"])),
                    "final": float(np.mean(rows["final"])), "initial_words": 4,
                    "final_words": 4 + 10 * seed, "rollouts": spent, "calls": 2 * spent,
                    "tokens": 100 * spent, "cost_usd": spent / 10, "seconds": spent / 2, **changes,
                })  # fmt: skip
    frames = {"tasks": tasks, "items": items, "trials": trials}
    return SimpleNamespace(**{name: pd.DataFrame(rows) for name, rows in frames.items()})


@cache
def plain() -> Conclusions:
    """Of the study as it is; only to be read."""
    return of_runs(study())


def row(frame: pd.DataFrame, **wanted: Any) -> dict[str, Any]:
    for key, value in wanted.items():
        frame = frame[frame[key] == value]
    (found,) = frame.to_dict("records")
    return found


def matrix(kind: str, dataset: str, phase: str) -> np.ndarray:
    return np.array([scored(kind, dataset, seed, phase) for seed in (1, 2, 3)])


@pytest.mark.parametrize("kind", list(CHANCE))
def test_scores_are_of_the_test_items_of_the_final_prompt(kind: str) -> None:
    found = row(plain().scores, dataset="one", optimizer=kind)
    final, base = matrix(kind, "one", "final"), matrix(kind, "one", "baseline")
    alone = interval(final, bounds=(0.0, 1.0))
    lift = interval(final - base, bounds=(-1.0, 1.0))
    wanted = {
        "mean": alone.mean, "low": alone.low, "high": alone.high, "baseline": base.mean(),
        "lift": lift.mean, "lift_low": lift.low, "lift_high": lift.high, "n_seeds": 3,
        "n_items": N_ITEMS, "p_better": lift.p_positive, "seed_sd": alone.spread.seed_sd,
        "item_sd": alone.spread.item_sd, "residual_sd": alone.spread.residual_sd,
        "metric": "exact", "direction": "maximize", "method": alone.method,
    }  # fmt: skip
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_what_a_run_cost_and_how_far_selection_fooled_it(direction: str) -> None:
    told = of_runs(study(direction=direction))
    sign = 1 if direction == "maximize" else -1
    found = row(told.scores, dataset="one", optimizer="better")
    lift = float((matrix("better", "one", "final") - matrix("better", "one", "baseline")).mean())
    assert lift > 0.2
    assert {key: found[key] for key in ("rollouts", "calls", "tokens", "cost_usd", "seconds")} == {
        "rollouts": 12.0, "calls": 24.0, "tokens": 1200.0, "cost_usd": pytest.approx(1.2),
        "seconds": 6.0,
    }  # fmt: skip
    assert found["validation_gap"] == pytest.approx(sign * (0.6 - lift))
    assert found["words_added"] == 20.0
    per_point = [found["usd_per_point"], found["tokens_per_point"]]
    points = 100 * lift if sign > 0 else math.nan
    assert per_point == pytest.approx([1.2 / points, 1200 / points], nan_ok=True)
    better = interval(matrix("better", "one", "final") - matrix("better", "one", "baseline"),
                      bounds=(-1.0, 1.0)).p_positive  # fmt: skip
    assert found["p_better"] == pytest.approx(better if sign > 0 else 1 - better)
    assert found["direction"] == direction


def test_areas_go_as_far_as_any_optimizer_of_the_block() -> None:
    told = plain()
    assert told.curves is not None
    for optimizer, height in (("better", 0.9), ("none", 0.3)):
        found = row(told.scores, dataset="one", optimizer=optimizer)
        for axis, scale in (("rollouts", 1), ("tokens", 100), ("cost_usd", 0.1), ("seconds", 0.5)):
            # Curves are drawn in 60 steps; the longest run of all used 23.
            first = 12.0 if optimizer == "better" else 23.0
            wanted = (0.3 * first + height * (23 - first)) / 23
            assert found[f"area_{axis}"] == pytest.approx(wanted, abs=0.02), (axis, scale)


def test_the_grid_says_what_is_there() -> None:
    runs = study()
    gone = (runs.tasks["dataset"] == "second") & (runs.tasks["optimizer"] == "worse")
    runs.tasks = runs.tasks[~(gone & (runs.tasks["seed"] == 2))]
    told = of_runs(runs, incomplete=True)
    assert row(told.grid, dataset="one", optimizer="worse") == {
        "dataset": "one", "model": "m", "optimizer": "worse", "seeds": 3, "expected_seeds": 3,
        "items": N_ITEMS, "complete": True,
    }  # fmt: skip
    short = row(told.grid, dataset="second", optimizer="worse")
    assert (short["seeds"], short["expected_seeds"], short["complete"]) == (2, 3, False)
    runs.tasks = runs.tasks[~gone.loc[runs.tasks.index]]
    none = row(of_runs(runs, incomplete=True).grid, dataset="second", optimizer="worse")
    assert (none["seeds"], none["items"], none["complete"]) == (0, 0, False)


def test_pairs_within_datasets_and_over_all() -> None:
    pairs = plain().pairs
    assert len(pairs) == 9
    inner = row(pairs, dataset="one", a="better", b="worse")
    difference = matrix("better", "one", "final") - matrix("worse", "one", "final")
    within = interval(difference, bounds=of_differences((0.0, 1.0)))
    assert (inner["n_seeds"], inner["n_items"], inner["n_units"]) == (3, N_ITEMS, 3)
    assert [inner["difference"], inner["low"], inner["high"]] == pytest.approx(
        [within.mean, within.low, within.high]
    )
    outer = row(pairs, dataset="all", a="better", b="worse")
    assert outer["model"] == "all"
    assert math.isnan(outer["n_seeds"])
    assert math.isnan(outer["n_items"])
    assert outer["n_units"] == 6
    assert outer["smallest_p"] == 2 / 2**6
    assert outer["p_holm"] == min(1.0, 3 * outer["p"])  # the smallest of three


def test_the_leaderboard_has_the_best_first() -> None:
    told = plain()
    board = told.leaderboard
    assert board["optimizer"].iloc[0] == "better"
    assert list(board["place"]) == [1, 2, 3]
    assert list(board["n_units"]) == [2, 2, 2]
    single = told.pairs[told.pairs["dataset"] != "all"]
    for one in board.to_dict("records"):
        mine = single[(single["a"] == one["optimizer"]) | (single["b"] == one["optimizer"])]
        won = sum(pair[pair["verdict"]] == one["optimizer"] for pair in mine.to_dict("records")
                  if pair["verdict"] in "ab")  # fmt: skip
        assert one["wins"] == won
        assert one["wins"] + one["ties"] + one["losses"] == len(mine) == 4
    assert board["normalised"].iloc[0] == 1.0
    assert board["mean_rank"].iloc[0] == 1.0


def test_equal_optimizers_share_their_place() -> None:
    table = pd.DataFrame([
        {"dataset": f"d{d}", "model": "", "optimizer": name, "seed": "", "item": "", "score": score}
        for d in range(3) for name, score in (("b", 0.5), ("a", 0.5), ("c", 0.25), ("d", 0.0))
    ])  # fmt: skip
    board = of_table(table).leaderboard
    assert list(board["optimizer"]) == ["a", "b", "c", "d"]
    assert list(board["place"]) == list(board["place_by_rank"]) == [1, 1, 3, 4]
    assert list(board["normalised"]) == [1.0, 1.0, 0.5, 0.0]
    assert list(board["mean_rank"]) == [1.5, 1.5, 3.0, 4.0]


def test_jobs_without_a_result_are_counted_by_kind() -> None:
    runs = study()
    runs.tasks.loc[[0, 1, 5], "state"] = ["failed", "failed", "lost"]
    with pytest.raises(
        OptbenchError, match=r"3 of 18 jobs have no result: one/none failed x 2, one/better lost"
    ):
        of_runs(runs)
    notes = of_runs(runs, incomplete=True).notes
    assert any(note.startswith("3 of 18 jobs have no result") for note in notes)
    runs.tasks["state"] = "failed"
    with pytest.raises(OptbenchError, match=r"no job has finished yet \(18 failed\)"):
        of_runs(runs, incomplete=True)


def test_only_so_many_kinds_of_failure_are_named() -> None:
    runs = study()
    runs.tasks["optimizer"] = [f"o{at:02}" for at in range(18)]
    runs.tasks.loc[1:, "state"] = "failed"
    with pytest.raises(OptbenchError, match="o08 failed and 9 more") as caught:
        of_runs(runs)
    assert "o09" not in str(caught.value)
    runs.tasks.loc[9:, "state"] = "success"
    with pytest.raises(OptbenchError, match=r"o08 failed") as caught:
        of_runs(runs)
    assert "more" not in str(caught.value)


def test_finished_jobs_without_items_are_told() -> None:
    runs = study()
    lost = runs.items["identity"] == "one-none-1"
    runs.items = runs.items[~lost]
    notes = of_runs(runs, incomplete=True).notes
    assert "1 finished jobs have no test items that could be read" in notes
    runs.items = runs.items.head(0)
    with pytest.raises(OptbenchError, match="none of 18 finished jobs has test items"):
        of_runs(runs, incomplete=True)


def test_an_item_twice_counts_once() -> None:
    runs = study()
    again = runs.items[
        (runs.items["identity"] == "one-better-1") & (runs.items["phase"] == "final")
    ]
    runs.items = pd.concat([runs.items, again.assign(score=5.0)])
    told = of_runs(runs)
    assert f"{N_ITEMS} items are there twice in a run; the first counts" in told.notes
    assert row(told.scores, dataset="one", optimizer="better")["mean"] == pytest.approx(
        matrix("better", "one", "final").mean()
    )


def test_an_item_without_a_baseline_leaves_the_lift_unknown() -> None:
    runs = study()
    first = runs.items[(runs.items["identity"] == "one-none-1")
                       & (runs.items["phase"] == "baseline")].index[0]  # fmt: skip
    runs.items = runs.items.drop(first)
    told = of_runs(runs).scores
    assert math.isnan(row(told, dataset="one", optimizer="none")["lift"])
    assert not math.isnan(row(told, dataset="second", optimizer="none")["lift"])


def test_cautions_are_said_where_they_hold() -> None:
    assert of_runs(study(simulated=True)).notes[0] == SIMULATED
    assert any(note.startswith("test_mode") for note in of_runs(study(test_mode=True)).notes)
    plain = study()
    notes = of_runs(plain).notes
    assert not any(word in note for note in notes for word in (SIMULATED, "test_mode", "budgets"))
    plain.tasks.loc[plain.tasks["optimizer"] == "worse", "budget"] = "usd=1"
    assert [note for note in of_runs(plain).notes if "budgets" in note] == [
        f"{dataset} with m: budgets differ (trials=3, usd=1), so these optimizers were not given "
        "the same" for dataset in ("one", "second")
    ]  # fmt: skip


def test_transferred_prompts_compete_with_no_search() -> None:
    runs = study()
    moved = runs.tasks["optimizer"] == "worse"
    changes = {"transferred_from": "worse", "source_model": "big", "source_dataset": "one"}
    for column, value in changes.items():
        runs.tasks[column] = None
        runs.tasks.loc[moved, column] = value
    told = of_runs(runs)
    assert set(told.leaderboard["optimizer"]) == {"none", "better"}
    assert "6 transferred prompts are no part of leaderboard and tests" in told.notes
    alone = study(source_model="big", source_dataset="one")
    alone.tasks["transferred_from"] = alone.tasks["optimizer"]
    alone.tasks = alone.tasks[alone.tasks["dataset"] == "one"]
    assert set(of_runs(alone).leaderboard["optimizer"]) == {f"{name} from big" for name in CHANCE}


def test_datasets_of_other_rows_or_metrics_are_told_apart() -> None:
    tasks = study().tasks
    tasks.loc[0:2, "fingerprint_test"] = "0123456789"
    tasks.loc[17, "fingerprint_test"] = None
    names = list(named(tasks)["dataset"])
    assert names[:4] == ["one#01234567"] * 3 + ["one#one-rows"]
    assert names[9:] == ["second"] * 9
    tasks.loc[9, "dataset"] = None
    assert list(named(tasks)["dataset"])[9] == "?"


@pytest.mark.parametrize(("seeds", "count", "said"), [((1, 2, 3), 3, "3 seeds"), ((1,), 0, "")])
def test_the_t_test_is_said_to_stand_in(seeds: tuple[int, ...], count: int, said: str) -> None:
    runs = study()
    runs.tasks = runs.tasks[runs.tasks["seed"].isin(seeds)]
    notes = [note for note in of_runs(runs).notes if "t test" in note]
    if not count:
        assert notes == []
        return
    (note,) = notes
    assert (
        f"{said} are too few for the exact test to reach 0.05 over {count} pairs (7 would" in note
    )
    two = study()
    two.tasks = two.tasks[two.tasks["optimizer"] != "none"]
    (note,) = (note for note in of_runs(two).notes if "t test" in note)
    assert "over 1 pair (6 would do)" in note


def test_one_block_decides_by_its_own_pairs() -> None:
    runs = study()
    runs.tasks = runs.tasks[runs.tasks["dataset"] == "one"]
    told = of_runs(runs)
    assert "one dataset and model: nothing is said about others" in told.notes
    apart = told.pairs[(told.pairs["dataset"] == "one") & told.pairs["verdict"].isin(["a", "b"])]
    letters = dict(zip(told.leaderboard["optimizer"], told.leaderboard["group"], strict=True))
    for pair in told.pairs[told.pairs["dataset"] == "one"].to_dict("records"):
        together = set(letters[pair["a"]]) & set(letters[pair["b"]])
        assert bool(together) == (pair["verdict"] not in ("a", "b"))
    assert len(apart)


def test_alpha_reaches_every_number() -> None:
    strict, loose = of_runs(study(), alpha=0.01), of_runs(study(), alpha=0.2)
    assert (strict.alpha, loose.alpha) == (0.01, 0.2)
    widths = [(t.scores["high"] - t.scores["low"]).sum() for t in (strict, loose)]
    lifts = [(t.scores["lift_high"] - t.scores["lift_low"]).sum() for t in (strict, loose)]
    pairs = [(t.pairs["high"] - t.pairs["low"]).sum() for t in (strict, loose)]
    bands = [
        (t.curves["high"] - t.curves["low"]).sum() for t in (of_runs(_apart(), alpha=0.01),
                                                             of_runs(_apart(), alpha=0.2))
        if t.curves is not None
    ]  # fmt: skip
    for wide, narrow in (widths, lifts, pairs, bands):
        assert wide > narrow
    critical = [t.friedman["critical_difference"] for t in (strict, loose)]
    assert critical[0] > critical[1]


def _apart() -> Any:
    """A study whose runs found prompts of other validation scores, so that curves have bands."""
    runs = study()
    runs.trials["score"] += np.linspace(0, 0.05, len(runs.trials))
    return runs
