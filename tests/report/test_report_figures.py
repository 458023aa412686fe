"""Charts: what stands in them, that they compile, and that a name is never more than data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import made_up
import numpy as np
import pandas as pd
import pytest
from attacks import NAMES
from hypothesis import given
from hypothesis import strategies as st

from optbench.report import figures, pictures
from optbench.report.figures.costs import on_front
from optbench.report.figures.ranks import cliques
from optbench.report.gallery import gallery

vl_convert = pytest.importorskip("vl_convert")

DOES_THINGS = {"signal", "expr", "calculate", "filter", "test", "labelExpr", "href", "url", "sort"}


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every leaf of a spec, and where it stands."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from walk(one, (*path, key))
    elif isinstance(value, list):
        for one in value:
            yield from walk(one, path)
    else:
        yield path, value


def everything(names: tuple[str, ...] = made_up.OPTIMIZERS) -> dict[str, dict[str, Any]]:
    """A spec of every kind, of a study with these names."""
    runs = made_up.runs(names[:2], names, names[:2], 2, 8)
    tasks = runs.tasks.astype({"transferred_from": "object"})
    half = tasks.index % 2 == 0
    tasks.loc[half, ["transferred_from", "source_model", "source_dataset"]] = names[0]
    charts = gallery(tasks, made_up.conclusions(tasks), made_up.curves(tasks))
    return {name: chart["specs"][-1]["spec"] for name, chart in charts.items()}


def values_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return list(spec["data"]["values"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_chart_is_a_picture(theme: str) -> None:
    specs = everything()
    assert set(specs) == {
        "critical_difference", "heat_map", "forest", "validation_gap", "pareto", "anytime",
        "transfer_matrix", "prompt_growth",
    }  # fmt: skip
    for spec in specs.values():
        drawn = pictures.svg(spec, theme=theme)
        assert drawn.startswith("<svg")
        assert "few_shot" in drawn
        assert "NaN" not in drawn
        assert "href=" not in drawn.replace("xmlns:xlink", "")


def test_a_picture_is_the_same_each_time() -> None:
    spec = everything()["forest"]
    assert pictures.svg(spec) == pictures.svg(json.loads(json.dumps(spec)))


def test_names_are_data_and_nothing_else() -> None:
    for name, spec in everything(NAMES).items():
        assert not {key for path, _ in walk(spec) for key in path} & (DOES_THINGS - {"sort"}), name
        assert {one for path, one in walk(spec) if path[-1] == "sort"} <= {None}
        compiled = vl_convert.vegalite_to_vega(pictures.sized(spec, 400))
        for path, one in walk(compiled):
            if path[-1] in DOES_THINGS or path[-1] in ("update", "field", "name"):
                assert "owned" not in str(one), (name, path)
        drawn = pictures.svg(spec)
        assert "<script" not in drawn
        assert "<img" not in drawn
        assert "\u202e" not in drawn


def test_a_heat_map_is_blue_for_better_whatever_the_direction() -> None:
    scores = made_up.conclusions(made_up.runs().tasks).scores
    lower = scores.assign(direction="minimize")
    gains = [row["gain"] for row in values_of(figures.heat_map(scores))]
    assert [row["gain"] for row in values_of(figures.heat_map(lower))] == [-one for one in gains]
    assert max(gains) > 0


@pytest.mark.parametrize(
    ("low", "high", "direction", "sense"),
    [
        (0.1, 0.2, "maximize", "better"),
        (0.1, 0.2, "minimize", "worse"),
        (-0.2, -0.1, "maximize", "worse"),
        (-0.2, -0.1, "minimize", "better"),
        (-0.1, 0.1, "maximize", "cannot be told"),
        (0.0, 0.1, "maximize", "cannot be told"),
        (np.nan, np.nan, "maximize", "cannot be told"),
    ],
)
def test_a_lift_is_better_when_its_interval_says_so(
    low: float, high: float, direction: str, sense: str
) -> None:
    scores = made_up.conclusions(made_up.runs(seeds=1).tasks).scores.head(1)
    scores = scores.assign(lift_low=low, lift_high=high, direction=direction)
    (row,) = values_of(figures.forest(scores))
    assert row["sense"] == sense
    assert row["beside"] == "n = 20×1"
    assert row["unit"].endswith("↑" if direction == "maximize" else "↓")


def test_lifts_of_different_metrics_share_no_scale() -> None:
    scores = made_up.conclusions(made_up.runs().tasks).scores
    assert "resolve" not in figures.forest(scores)
    mixed = scores.assign(metric=["exact", *["rouge"] * (len(scores) - 1)])
    assert figures.forest(mixed)["resolve"] == {"scale": {"x": "independent"}}


def test_models_are_named_where_there_are_several() -> None:
    one = made_up.conclusions(made_up.runs(models=("m",)).tasks).scores
    two = made_up.conclusions(made_up.runs(models=("m", "n")).tasks).scores
    assert {row["unit"] for row in values_of(figures.heat_map(one))} == {
        "arithmetic", "tickets_routing",
    }  # fmt: skip
    assert "arithmetic · n" in {row["unit"] for row in values_of(figures.heat_map(two))}


def test_transfers_are_named_by_what_differs() -> None:
    tasks = made_up.runs(models=("m", "n"), seeds=1).tasks
    moved = tasks.assign(transferred_from="gepa", source_model="big", source_dataset="arithmetic")
    cells = values_of(figures.transfer_matrix(moved))
    assert {cell["source"] for cell in cells} == {"gepa"}
    assert {cell["target"] for cell in cells} == {
        f"{dataset} · {model}" for dataset in ("arithmetic", "tickets_routing") for model in "mn"
    }
    moved.loc[0, "source_model"] = "other"
    cells = values_of(figures.transfer_matrix(moved))
    assert {cell["source"] for cell in cells} == {"gepa · big", "gepa · other"}
    flipped = values_of(figures.transfer_matrix(moved.assign(direction="minimize")))
    assert [cell["gain"] for cell in flipped] == [-cell["gain"] for cell in cells]


@pytest.mark.parametrize(
    ("ranks", "width", "found"),
    [
        ([1, 2, 3, 4], 0.5, []),
        ([1, 2, 3, 4], 1.0, [(0, 1), (1, 2), (2, 3)]),
        ([1, 2, 3, 4], 9.0, [(0, 3)]),
        ([1.2, 1.8, 3.5, 3.5], 0.6, [(0, 1), (2, 3)]),
        ([1.0], 2.0, []),
        ([], 2.0, []),
    ],
)
def test_cliques_are_the_longest_runs(
    ranks: list[float], width: float, found: list[tuple[int, int]]
) -> None:
    assert cliques(ranks, width) == found


@pytest.mark.parametrize("critical", [None, float("nan"), "wide"])
def test_without_a_critical_difference_no_bar_is_drawn(critical: Any) -> None:
    board = made_up.conclusions(made_up.runs().tasks).leaderboard
    spec = figures.critical_difference(board, {"critical_difference": critical})
    assert spec["layer"][-1]["data"]["values"] == []
    assert pictures.svg(spec).startswith("<svg")


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8), st.booleans()
)
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int]], lower: bool) -> None:
    frame = pd.DataFrame(points, columns=["x", "y"])
    front = on_front(frame.assign(direction="minimize" if lower else "maximize"))
    sign = -1 if lower else 1
    for (x, y), kept in zip(points, front, strict=True):
        better = [
            (a, b) for a, b in points
            if a <= x and sign * b >= sign * y and (a < x or sign * b > sign * y)
        ]  # fmt: skip
        assert kept == (not better)


def test_spending_is_of_finished_jobs_alone() -> None:
    runs = made_up.runs(failed=1)
    runs.tasks.loc[runs.tasks["state"] == "failed", "cost_usd"] = 1e6
    told = made_up.conclusions(runs.tasks)
    points = figures.spent(told.scores, runs.tasks, "cost_usd")
    assert points["x"].max() == pytest.approx(0.006)
    together = figures.spent_together(told.leaderboard, points)
    assert list(together["optimizer"]) == list(told.leaderboard["optimizer"])


def test_a_transfer_stands_beside_its_source() -> None:
    runs = made_up.runs(("home", "away"), ("few_shot", "none"), ("m",), 2, 8)
    tasks = runs.tasks.astype(dict.fromkeys(
        ("transferred_from", "source_model", "source_dataset"), "object"
    ))  # fmt: skip
    away = (tasks["dataset"] == "away") & (tasks["optimizer"] == "few_shot")
    tasks.loc[away, ["transferred_from", "source_model", "source_dataset"]] = [
        "few_shot",
        "m",
        "home",
    ]
    tasks.loc[away, "optimizer"] = "transfer-few_shot"
    done = tasks[tasks["state"] == "success"]
    cells = values_of(figures.transfer_matrix(done))
    assert {(one["source"], one["target"]) for one in cells} == {
        ("few_shot", "home"), ("few_shot", "away"),
    }  # fmt: skip
    of_moved = gallery(done[away], made_up.conclusions(done[away]), made_up.curves(done[away]))
    assert {"transfer_matrix", "prompt_growth"} <= set(of_moved)
    alone = values_of(figures.transfer_matrix(done[away]))
    assert {one["target"] for one in alone} == {"away"}


def test_curves_end_in_test_scores() -> None:
    curves = made_up.curves(made_up.runs().tasks)
    rows = curves[curves["dataset"] == curves["dataset"].iloc[0]]
    spec = figures.anytime(rows, "tokens", None)
    marks = [one for one in spec["layer"] if one["mark"].get("shape") == "diamond"]
    ends = marks[0]["data"]["values"]
    assert len(ends) == 2 * rows["optimizer"].nunique() * rows["model"].nunique()
    assert figures.anytime(rows.drop(columns="test"), "tokens")["layer"][-1]["data"]["values"] == []


def test_nothing_to_show_makes_no_chart() -> None:
    tasks = made_up.runs().tasks.assign(state="failed")
    none = made_up.conclusions(made_up.runs().tasks)
    empty = type(none)(*(frame.head(0) for frame in (none.grid, none.scores, none.pairs,
                                                     none.leaderboard)), {})  # fmt: skip
    assert gallery(tasks, empty, made_up.curves(tasks)) == {}
