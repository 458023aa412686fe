"""Files that are broken, foreign or hostile are named, and take nothing else with them."""

from __future__ import annotations

import json
import math
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from job_files import CALL, METRICS, config, make, rows, trial, unfinished, write_calls
from pyarrow import parquet

from optbench.errors import OptbenchError
from optbench.results import calls as calls_module
from optbench.results import items as items_module
from optbench.results import read as read_module
from optbench.results.layout import JobFolder, write_items, write_json
from optbench.results.load import Runs, load

GOOD = "g" * 64


def beside_a_good_one(tmp_path: Path, **how: Any) -> JobFolder:
    """A job to be spoiled, in a sweep with one that is well."""
    make(tmp_path / "good", identity=GOOD)
    return make(tmp_path / "bad", identity="b" * 64, **how)


def told(runs: Runs) -> list[tuple[str, str, str, bool, int]]:
    """The problems, by the folder's name."""
    found = runs.problems
    return [
        (Path(folder).name, kind, what, excluded, n)
        for folder, kind, what, excluded, n in found.itertuples(index=False)
    ]


def only_problem(runs: Runs) -> tuple[str, str, bool, int]:
    """Kind, sentence, exclusion and count of the one problem, which is the bad job's."""
    ((folder, *rest),) = told(runs)
    assert folder == "bad"
    kind, what, excluded, n = rest
    return kind, what, excluded, n


def everything(runs: Runs) -> Runs:
    """All tables read; the good job's rows are whole."""
    assert (runs.tasks["identity"] == GOOD).sum() == 1
    assert (runs.items["identity"] == GOOD).sum() == 16
    assert (runs.trials["identity"] == GOOD).sum() == 2
    assert (runs.calls["identity"] == GOOD).sum() == 2
    return runs


def row_of(runs: Runs, name: str = "bad") -> dict[str, Any]:
    tasks = runs.tasks
    (row,) = tasks[tasks["folder"].map(lambda folder: Path(folder).name) == name].to_dict("records")
    return row


def test_folders_that_are_no_sweep(tmp_path: Path) -> None:
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OptbenchError, match=r"holds no job: it is no sweep\n.*mend: give a sweep's"
    ):
        load(tmp_path / "empty")
    with pytest.raises(OptbenchError, match="nowhere' is not there"):
        load(tmp_path / "nowhere")
    with pytest.raises(OptbenchError, match="file' is a file, no folder"):
        load(tmp_path / "file")
    with pytest.raises(OptbenchError, match="no folder was given"):
        load()
    make(tmp_path / "sweep" / "a")
    with pytest.raises(OptbenchError, match="nowhere"):
        load(tmp_path / "sweep", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        (b'{"schema_version": 1, "identity": "b', "truncated", "is no whole JSON"),
        (b"", "truncated", "is no whole JSON"),
        (b"\xff\xfe", "truncated", "is no whole JSON"),
        (b"[]", "malformed", "is no JSON object"),
        (b"[" * 200_000, "malformed", "is nested too deeply"),
        (b'{"schema_version": ' + b"9" * 5000 + b"}", "truncated", "is no whole JSON"),
        (b'{"schema_version": 2}', "schema", "is of schema version 2, not 1"),
        (b'{"schema_version": true}', "schema", "is of schema version True, not 1"),
        (b'{"schema_version": "1"}', "schema", "is of schema version '1', not 1"),
        (b"{}", "schema", "is of schema version None, not 1"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value)[:20],
)
def test_result_that_cannot_be_read_leaves_a_row_from_the_task(
    tmp_path: Path, text: bytes, kind: str, what: str
) -> None:
    folder = beside_a_good_one(tmp_path)
    folder.result.write_bytes(text)
    runs = load(tmp_path)
    found, said, excluded, n = only_problem(runs)
    assert (found, excluded, n) == (kind, True, 1)
    assert said.startswith(f"result.json {what}")
    row = row_of(everything(runs))
    assert (row["state"], row["dataset"], row["optimizer"]) == ("unreadable", "tickets", "few_shot")
    assert math.isnan(row["final"])


def test_task_and_status_that_cannot_be_read(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    folder.task.write_text("{")
    runs = load(tmp_path)
    assert only_problem(runs)[0] == "truncated"
    assert row_of(runs)["state"] == "success"
    folder.result.unlink()
    folder.status.write_text("{")
    runs = everything(load(tmp_path))
    assert row_of(runs)["state"] == "interrupted"
    assert [kind for _, kind, *_ in told(runs)] == ["truncated", "truncated", "unfinished"]


def test_success_without_a_result_is_no_success(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    folder.result.unlink()
    runs = everything(load(tmp_path))
    assert row_of(runs)["state"] == "unreadable"
    assert only_problem(runs)[:3] == (
        "missing", "status.json says success, but there is no result.json", True,
    )  # fmt: skip


HOSTILE = [True, -1.5, 10**40, "x" * 100_000, "", [], {}, [[1]], {"a": {"b": []}}, "\ud800", "\x00"]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_never_raise(tmp_path: Path, value: Any) -> None:
    """Each key of the result and the task in its turn."""
    folder = make(tmp_path / "bad", identity="b" * 64)
    for file in (folder.result, folder.task):
        whole = json.loads(file.read_text())
        if file == folder.task:
            folder.result.unlink()
        inner = [one for one in whole.values() if isinstance(one, dict)]
        for parent, key in [(one, key) for one in (whole, *inner) for key in one]:
            before = parent[key]
            parent[key] = value
            file.write_text(json.dumps(whole))
            runs = load(tmp_path)
            assert len(runs.tasks) == 1
            assert all(len(what) < 500 and "\n" not in what for what in runs.problems["what"])
            runs.tasks.to_json()
            parent[key] = before


@pytest.mark.parametrize(
    ("key", "value"),
    [("dataset", ["a"]), ("optimizer", {}), ("model", "m" * 201), ("seed", "1"), ("seed", 10**40),
     ("objective", 3), ("identity", True), ("seed", True)],
)  # fmt: skip
def test_result_that_does_not_say_what_it_is_of_is_unreadable(
    tmp_path: Path, key: str, value: Any
) -> None:
    folder = beside_a_good_one(tmp_path, edit=lambda result: result.update({key: value}))
    folder.task.unlink()
    runs = load(tmp_path)
    assert row_of(runs)["state"] == "unreadable"
    said = [(kind, what, excluded) for _, kind, what, excluded, _ in told(runs)]
    column = {"objective": "metric"}.get(key, key)
    assert (
        "malformed",
        f"result.json has values of another type than they must be: {key}",
        False,
    ) in said
    assert any(kind == "malformed" and excluded and f"does not say its {column}" in what
               for kind, what, excluded in said)  # fmt: skip


def test_values_of_another_type_are_unknown_and_named(tmp_path: Path) -> None:
    def spoil(result: dict[str, Any]) -> None:
        result["timings"]["optimise"] = "long"
        result["prompts"]["final"] = [1]
        result["versions"] = {"a": 1, "b": "2"}
        result["trials"] = 1.5
        result["directions"]["exact_match"] = "maximize"
        result["optimizer_details"] = {"transfer": ["gepa"]}

    beside_a_good_one(tmp_path, edit=spoil)
    runs = everything(load(tmp_path))
    row = row_of(runs)
    assert row["state"] == "success"
    assert math.isnan(row["seconds"])
    assert row["versions"] == {"b": "2"}
    kind, what, excluded, n = only_problem(runs)
    assert (kind, excluded, n) == ("malformed", False, 3)
    assert what.endswith("trials, timings.optimise, optimizer_details.transfer")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_mean_that_is_no_finite_number_is_unknown(tmp_path: Path, value: float) -> None:
    def spoil(result: dict[str, Any]) -> None:
        result["scores"]["final"]["test"]["exact_match"] = value

    beside_a_good_one(tmp_path, edit=spoil)
    runs = everything(load(tmp_path))
    row = row_of(runs)
    assert row["state"] == "success"
    assert math.isnan(row["final"])
    assert row["initial"] == 0.25
    kind, what, excluded, n = only_problem(runs)
    assert (kind, excluded, n) == ("nan", False, 1)
    assert "scores.final.test.exact_match" in what


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


def test_more_than_anybody_writes_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside_a_good_one(tmp_path, edit=lambda result: result.update(more="x" * 20_000))
    monkeypatch.setattr(read_module, "MAX_JSON_BYTES", 20_000)
    kind, what, excluded, _ = only_problem(load(tmp_path))
    assert (kind, excluded) == ("large", True)
    assert "bytes; 20,000 are read" in what


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


def test_missing_files_of_a_finished_job_are_named(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    for file in (folder.items, folder.trials, folder.calls):
        file.unlink()
    runs = everything(load(tmp_path))
    assert [what for _, _, what, _, _ in told(runs)] == [
        "there is no calls.sqlite", "there is no items.parquet", "there is no trials.jsonl",
    ]  # fmt: skip


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside" / "job", identity="o" * 64)
    sweep = tmp_path / "sweep"
    folder = beside_a_good_one(sweep)
    folder.items.unlink()
    folder.items.symlink_to(outside.items)
    (sweep / "more").symlink_to(tmp_path / "outside", target_is_directory=True)
    (sweep / "round").symlink_to(sweep, target_is_directory=True)
    runs = everything(load(sweep))
    assert len(runs.tasks) == 2
    assert (runs.items["identity"] == "b" * 64).sum() == 0
    said = [(name, what.split("'")[1]) for name, kind, what, _, _ in told(runs) if kind == "link"]
    assert said == [("sweep", "more"), ("sweep", "round"), ("bad", "items.parquet")]


def test_links_within_the_folder_and_to_it_are_followed(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path / "sweep")
    kept = tmp_path / "sweep" / "kept.json"
    folder.result.rename(kept)
    folder.result.symlink_to(kept)
    (tmp_path / "link").symlink_to(tmp_path / "sweep", target_is_directory=True)
    runs = everything(load(tmp_path / "link"))
    assert runs.tasks["state"].tolist() == ["success", "success"]
    assert told(runs) == []


def test_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    for file in (folder.task, folder.items):
        file.unlink()
        os.mkfifo(file)
    runs = everything(load(tmp_path))
    assert row_of(runs)["state"] == "success"


@pytest.mark.parametrize(
    ("after", "said"),
    [((1.0, 0.0, 1.0, 0.0), "their scores are the same"),
     ((1.0, 1.0, 1.0, 1.0), "their scores differ: 1.0 here, 0.5 there, on test")],
)  # fmt: skip
def test_identity_found_twice_counts_once(
    tmp_path: Path, after: tuple[float, ...], said: str
) -> None:
    make(tmp_path / "a", identity="a" * 64)
    make(tmp_path / "b", identity="a" * 64, after=after)
    runs = load(tmp_path)
    assert runs.tasks["folder"].tolist() == [str(tmp_path / "a")]
    assert len(runs.items) == 16
    ((name, kind, what, excluded, n),) = told(runs)
    assert (name, kind, excluded, n) == ("b", "duplicate", True, 1)
    assert what == f"is the same task as '{tmp_path / 'a'}', which is kept; {said}"


def test_of_an_identity_found_twice_the_first_finished_one_is_kept(tmp_path: Path) -> None:
    unfinished(tmp_path / "a", {"state": "failed"}, identity="a" * 64)
    make(tmp_path / "b", identity="a" * 64)
    make(tmp_path / "c", identity="a" * 64)
    runs = load(tmp_path)
    assert runs.tasks["folder"].tolist() == [str(tmp_path / "b")]
    assert [name for name, kind, *_ in told(runs) if kind == "duplicate"] == ["a", "c"]
    unfinished(tmp_path / "none" / "x", {"state": "failed"}, identity="c" * 64)
    unfinished(tmp_path / "none" / "y", {"state": "failed"}, identity="c" * 64)
    assert load(tmp_path / "none").tasks["folder"].tolist() == [str(tmp_path / "none" / "x")]


def test_task_of_another_identity_than_the_result(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    write_json(folder.task, {"identity": "z" * 64, "config": config()})
    runs = everything(load(tmp_path))
    assert row_of(runs)["identity"] == "b" * 64
    assert only_problem(runs)[0] == "mismatch"


def test_mixed_identity_versions_and_mixed_data_are_named(tmp_path: Path) -> None:
    make(tmp_path / "a", identity_version=2)
    make(tmp_path / "b", fingerprints={"test": "other-rows"})
    make(tmp_path / "c", fingerprints={"test": "small-rows"}, test_mode=True)
    said = told(load(tmp_path))
    assert [(kind, excluded, n) for _, kind, _, excluded, n in said] == [
        ("data", False, 2), ("identity", False, 3),
    ]  # fmt: skip
    assert "dataset 'tickets' was tested on 2 different slices" in said[0][2]


def test_job_of_which_nothing_can_be_read_is_a_row(tmp_path: Path) -> None:
    folder = beside_a_good_one(tmp_path)
    of_it = (folder.result, folder.task, folder.status, folder.trials, folder.items, folder.calls)
    for file in of_it:
        file.write_bytes(b"\x00" * 100)
    runs = everything(load(tmp_path))
    assert row_of(runs)["state"] == "unreadable"
    assert {kind for _, kind, *_ in told(runs)} == {"truncated"}
