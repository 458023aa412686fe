"""Jobs that are broken, foreign or hostile are named, and take nothing else with them."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from job_files import (
    beside_a_good_one,
    config,
    everything,
    make,
    only_problem,
    row_of,
    told,
    unfinished,
)

from optbench.errors import OptbenchError
from optbench.layout import write_json
from optbench.results import read as read_module
from optbench.results.runs import load


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


def test_more_than_anybody_writes_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside_a_good_one(tmp_path, edit=lambda result: result.update(more="x" * 20_000))
    monkeypatch.setattr(read_module, "MAX_JSON_BYTES", 20_000)
    kind, what, excluded, _ = only_problem(load(tmp_path))
    assert (kind, excluded) == ("large", True)
    assert "bytes; 20,000 are read" in what


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
