"""Items, trials and calls that are broken or hostile: what can be told of them is kept."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from job_files import (
    CALL,
    METRICS,
    beside_a_good_one,
    everything,
    only_problem,
    row_of,
    rows,
    told,
    trial,
    write_calls,
)
from pyarrow import parquet

from optbench.layout import write_items
from optbench.results import calls as calls_module
from optbench.results import items as items_module
from optbench.results.runs import load


def test_scores_of_items_that_are_no_finite_numbers_are_unknown_and_counted(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    spoiled = rows("baseline", "test", (math.nan, math.inf, None, 1.0))
    write_items(folder.items, [*spoiled, *rows("final", "test", (1.0, 0.0, 1.0, 0.0))], METRICS)
    runs = everything(load(tmp_path))
    items = runs.items[runs.items["identity"] == "b" * 64]
    assert items["score"].isna().sum() == 3
    assert len(items) == 8
    said = [(kind, excluded, n) for _, kind, _, excluded, n in told(runs)]
    assert said == [("nan", False, 3)]


def test_items_that_are_there_twice_or_have_no_name(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    test = rows("baseline", "test", (0.0, 0.0, 1.0, 0.0)) + rows(
        "final", "test", (1.0, 0.0, 1.0, 0.0)
    )
    again = [{**test[0], "score.exact_match": 1.0}]
    nameless = [{**test[0], "item_id": None}, {**test[0], "slice": None}, {**test[0], "slice": "x"}]
    write_items(folder.items, [*test, *again, *nameless], METRICS)
    runs = everything(load(tmp_path))
    items = runs.items[runs.items["identity"] == "b" * 64]
    assert len(items) == 8
    assert items["score"].iloc[0] == 0.0
    said = {kind: (excluded, n) for _, kind, _, excluded, n in told(runs)}
    assert said == {"duplicate": (True, 1), "malformed": (True, 3)}


def test_items_that_contradict_the_result(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    fewer = rows("baseline", "test", (0.0, 0.0)) + rows("final", "test", (1.0, 1.0, 1.0, 0.0))
    write_items(folder.items, fewer, METRICS)
    runs = everything(load(tmp_path))
    said = [(kind, what, n) for _, kind, what, _, n in told(runs)]
    assert said == [
        ("mismatch", "the final test score is 0.5 in result.json and 0.75 over the items", 1),
        ("truncated", "items.parquet has 2 of 4 test items in phase baseline", 2),
    ]


def test_items_cut_anywhere_are_left_out(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    whole = folder.items.read_bytes()
    for end in range(0, len(whole), len(whole) // 12):
        folder.items.write_bytes(whole[:end])
        runs = everything(load(tmp_path))
        assert runs.texts("b" * 64) == []
        assert {(kind, excluded) for _, kind, _, excluded, _ in told(runs)} == {("truncated", True)}
        assert row_of(runs)["final"] == 0.5


def test_items_with_damage_inside_never_raise(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    whole = folder.items.read_bytes()
    for place in range(4, len(whole) - 8, len(whole) // 40):
        folder.items.write_bytes(whole[:place] + b"\xfe\xca" + whole[place + 2 :])
        everything(load(tmp_path)).texts("b" * 64)


def table(**columns: Any) -> pa.Table:
    found = {"phase": ["final"], "slice": ["test"], "item_id": ["i1"], "score.exact_match": [1.0]}
    return pa.table({name: one for name, one in {**found, **columns}.items() if one is not None})


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"score.exact_match": ["high"]}, "has string in its column 'score.exact_match'"),
        ({"score.exact_match": [[1.0]]}, "has nested columns|has list"),
        ({"score.exact_match": None}, "has no column 'score.exact_match'"),
        ({"item_id": [1]}, "has int64 in its column 'item_id'"),
        ({"phase": [{"deep": "er"}]}, "has no column 'phase'"),
        ({"slice": pa.array([b"test"])}, "has binary"),
        ({"cost_usd": ["free"]}, "has string in its column 'cost_usd'"),
    ],
)
def test_items_of_another_shape_are_left_out(
    tmp_path: Path, changed: dict[str, Any], what: str
) -> None:
    folder = beside_a_good_one(tmp_path)
    parquet.write_table(
        table(**changed).replace_schema_metadata({"optbench_schema_version": "1"}), folder.items
    )
    runs = everything(load(tmp_path))
    kind, said, excluded, _ = only_problem(runs)
    assert (kind, excluded) == ("schema", True)
    assert re.search(what, said)


@pytest.mark.parametrize("version", [None, "2", "\x1b[31m" * 50])
def test_items_of_another_schema_version_are_left_out(tmp_path: Path, version: str | None) -> None:
    folder = beside_a_good_one(tmp_path)
    metadata = None if version is None else {"optbench_schema_version": version}
    parquet.write_table(table().replace_schema_metadata(metadata), folder.items)
    runs = everything(load(tmp_path))
    kind, what, excluded, _ = only_problem(runs)
    assert (kind, excluded) == ("schema", True)
    assert what.isprintable()
    assert len(what) < 100
    assert runs.texts("b" * 64) == []


def test_items_in_other_types_of_the_same_meaning_are_read(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path, items={"test": 1})
    found = table(
        item_id=pa.array(["i1"], pa.large_string()),
        phase=pa.array(["final"]).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())),
        **{"score.exact_match": pa.array([1], pa.int8())},
    )
    parquet.write_table(
        found.replace_schema_metadata({"optbench_schema_version": "1"}), folder.items
    )
    runs = everything(load(tmp_path))
    mine = runs.items[runs.items["identity"] == "b" * 64]
    assert mine["score"].tolist() == [1.0]
    assert mine["cost_usd"].isna().all()


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_BYTES"])
def test_small_file_of_a_great_deal_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    folder = beside_a_good_one(tmp_path)
    many = 200_000
    bomb = table(phase=["final"] * many, slice=["test"] * many, item_id=["i"] * many,
                 **{"score.exact_match": [float(i) for i in range(many)]})  # fmt: skip
    parquet.write_table(
        bomb.replace_schema_metadata({"optbench_schema_version": "1"}), folder.items
    )
    monkeypatch.setattr(items_module, limit, 100_000)
    assert only_problem(everything(load(tmp_path)))[0] == "large"


def test_trials_with_bad_lines_keep_the_others(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    lines = [
        json.dumps(trial(0)),
        json.dumps(trial(1, schema_version=2)),
        json.dumps(trial(2, score=math.nan)),
        json.dumps(trial(3, items="many", cumulative=[])),
        "[" * 100_000,
        "[]",
        json.dumps(trial(4))[:30],
    ]
    folder.trials.write_text("\n".join(lines))
    runs = everything(load(tmp_path))
    trials = runs.trials[runs.trials["identity"] == "b" * 64]
    assert trials["index"].tolist() == [0, 2, 3]
    assert trials["rollouts"].fillna(-1).tolist() == [4, -1, -1]
    assert trials["score"].isna().tolist() == [False, True, False]
    said = {kind: (excluded, n) for _, kind, _, excluded, n in told(runs)}
    assert said == {
        "truncated": (True, 2), "schema": (True, 2), "malformed": (False, 1), "nan": (False, 1),
    }  # fmt: skip


def test_calls_cut_anywhere_are_left_out(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    whole = folder.calls.read_bytes()
    for end in (1, 50, 1000, 4096, len(whole) - 4096):
        folder.calls.write_bytes(whole[:end])
        runs = everything(load(tmp_path))
        assert {(kind, excluded) for _, kind, _, excluded, _ in told(runs)} == {("truncated", True)}


def test_calls_of_another_version_or_task_are_left_out(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    with closing(sqlite3.connect(folder.calls)) as db, db:
        db.execute("PRAGMA user_version=1")
    kind, what, *_ = only_problem(everything(load(tmp_path)))
    assert (kind, what) == ("schema", "calls.sqlite is of schema version 1, not 2")
    folder.calls.unlink()
    write_calls(folder.calls, "another", [CALL])
    kind, what, *_ = only_problem(everything(load(tmp_path)))
    assert (kind, what) == ("mismatch", "calls.sqlite belongs to another task (another)")


def test_calls_with_values_of_another_type_are_unknown(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    folder.calls.unlink()
    spoiled = {"tokens_in": "ten", "cost_usd": b"\x00", "role": 5, "model": "m" * 5000,
               "tokens_out": 2**62, "latency_s": "1e999", "attempt": -(2**63)}  # fmt: skip
    write_calls(folder.calls, "b" * 64, [{**CALL, **spoiled}, CALL])
    runs = everything(load(tmp_path))
    calls = runs.calls[runs.calls["identity"] == "b" * 64]
    first = calls.iloc[0]
    unknown = ["tokens_in", "cost_usd", "role", "tokens_out", "latency_s", "attempt"]
    assert first[unknown].isna().all()
    assert len(first["model"]) == 200
    assert calls.iloc[1].notna().all()


def test_calls_that_compute_for_ever_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = beside_a_good_one(tmp_path)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n"
    with closing(sqlite3.connect(folder.calls)) as db, db:
        db.execute("DROP TABLE task")
        db.execute(f"CREATE VIEW task AS SELECT max(i) AS identity FROM ({endless})")
    monkeypatch.setattr(calls_module, "MAX_SECONDS", 0.2)
    assert only_problem(everything(load(tmp_path)))[0] == "truncated"
