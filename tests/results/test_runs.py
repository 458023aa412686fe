"""Job folders become tables that say what the files say."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import job_files
import pytest
from job_files import make, unfinished
from support import composed

from optbench.errors import OptbenchError
from optbench.layout import JobFolder, write_json
from optbench.results.row import COLUMNS
from optbench.results.runs import Runs, load
from optbench.task import Task, run_task


def only(runs: Runs) -> dict[str, Any]:
    assert len(runs.tasks) == 1
    row: dict[str, Any] = runs.tasks.iloc[0].to_dict()
    return row


def states(*paths: Path) -> list[str]:
    return list(load(*paths).tasks["state"])


def test_row_of_a_finished_job_says_what_its_result_says(tmp_path: Path) -> None:
    folder = make(tmp_path / "sweep" / "a", identity="a" * 64)
    runs = load(tmp_path / "sweep")
    assert tuple(runs.tasks.columns) == COLUMNS
    row = only(runs)
    assert row == row | {
        "folder": str(folder.path), "sweep": str(tmp_path / "sweep"), "identity": "a" * 64,
        "dataset": "tickets", "agent": "chat", "optimizer": "few_shot", "model": "small",
        "optimizer_model": "large", "seed": 1, "budget": "trials=2, usd=0.5", "test_mode": False,
        "state": "success", "engine": "local", "metric": "exact_match", "direction": "maximize",
        "n_test": 4, "n_validation": 4, "initial": 0.25, "final": 0.5, "initial_validation": 0.25,
        "final_validation": 0.5, "prompt_changed": True, "finish_reason": "max_trials", "trials": 2,
        "candidates": 2, "simulated": True, "fingerprint_test": "test-rows",
        "fingerprint_validation": "validation-rows", "fingerprint_train": "train-rows",
        "seconds": 2.5, "initial_words": 3, "final_words": 4, "error": "",
        "versions": {"optbench": "0.1.0"}, "identity_version": 3,
    }  # fmt: skip
    assert runs.tasks[["judge_model", "transferred_from", "source_model"]].isna().all(axis=None)
    assert runs.problems.empty


def test_spending_is_that_of_the_phase_optimise_over_all_roles(tmp_path: Path) -> None:
    make(tmp_path / "a")
    row = only(load(tmp_path))
    assert (row["rollouts"], row["calls"], row["tokens"], row["optimizer_calls"]) == (8, 13, 240, 3)
    assert row["cost_usd"] == pytest.approx(1.0)
    assert row["paid_usd"] == pytest.approx(0.7)


def test_spending_of_unknown_price_is_unknown_and_of_no_calls_is_nothing(tmp_path: Path) -> None:
    unpriced = {**job_files.SPENT, "unpriced_calls": 10, "cost_usd": None}

    def no_price(result: dict[str, Any]) -> None:
        result["ledger"]["optimise"] = {"task": {"used": unpriced, "paid": unpriced}}

    def no_calls(result: dict[str, Any]) -> None:
        del result["ledger"]["optimise"]

    make(tmp_path / "a", edit=no_price)
    make(tmp_path / "b", edit=no_calls)
    make(tmp_path / "c", edit=lambda result: result.pop("ledger"))
    tasks = load(tmp_path).tasks
    assert tasks["cost_usd"].isna().tolist() == [True, False, True]
    assert tasks["cost_usd"][1] == 0
    assert tasks["calls"].fillna(-1).tolist() == [10, 0, -1]


def test_rollouts_come_from_the_trials_where_a_result_lacks_them(tmp_path: Path) -> None:
    make(tmp_path / "a", edit=lambda result: result.pop("rollouts"))
    make(tmp_path / "b", edit=lambda result: result.pop("rollouts"), trials=0)
    assert load(tmp_path).tasks["rollouts"].tolist() == [8, 0]


def test_transferred_prompt_says_where_it_comes_from(tmp_path: Path) -> None:
    source = {"optimizer": "gepa", "model": "tiny", "dataset": "squad", "seed": 3, "identity": "x"}
    make(tmp_path / "a", optimizer_details={"transfer": source})
    row = only(load(tmp_path))
    told = row["transferred_from"], row["source_model"], row["source_dataset"]
    assert told == ("gepa", "tiny", "squad")


def test_words_of_a_program_are_those_of_all_its_prompts(tmp_path: Path) -> None:
    both = {
        "prompts": {"first": job_files.prompt("One two."), "second": job_files.prompt("Three.")}
    }
    make(tmp_path / "a", prompts={"initial": both, "final": {"strange": 1}})
    runs = load(tmp_path)
    assert only(runs)["initial_words"] == 5
    assert runs.tasks["final_words"].isna().all()


def test_items_are_those_of_baseline_and_final_prompt_without_texts(tmp_path: Path) -> None:
    make(tmp_path / "a", identity="a" * 64)
    make(tmp_path / "b", identity="b" * 64, seed=2, optimizer="gepa")
    items = load(tmp_path).items
    assert list(items.columns) == [
        "identity", "dataset", "model", "optimizer", "seed", "phase", "slice", "item_id", "score",
        "score.contains", "tokens_in", "tokens_out", "cost_usd", "latency_s",
    ]  # fmt: skip
    assert len(items) == 2 * 16
    assert set(items["phase"]) == {"baseline", "final"}
    mine = items[(items["identity"] == "b" * 64) & (items["phase"] == "final")]
    assert set(mine["optimizer"]) == {"gepa"}
    assert set(mine["seed"]) == {2}
    test = mine[mine["slice"] == "test"].set_index("item_id")
    assert test["score"].to_dict() == {"i1": 1.0, "i2": 0.0, "i3": 1.0, "i4": 0.0}
    assert test["tokens_in"].tolist() == [10] * 4
    for name in ("identity", "dataset", "model", "optimizer", "phase", "slice", "item_id"):
        assert items[name].dtype == "category", name
    assert list(items["item_id"].cat.categories) == list(job_files.ITEMS)


def test_score_is_that_of_each_jobs_own_objective(tmp_path: Path) -> None:
    directions = {"contains": "minimize", "exact_match": "maximize"}
    make(tmp_path / "a", identity="a" * 64)
    scores = {when: {"test": {"contains": 1.0}} for when in ("initial", "final")}
    other_one = {"objective": "contains", "directions": directions, "scores": scores}
    make(tmp_path / "b", identity="b" * 64, **other_one)
    runs = load(tmp_path)
    items = runs.items.set_index("identity")
    other = items.loc["b" * 64]
    assert set(other["score"]) == {1.0}
    assert set(other["score.exact_match"]) == {0.0, 1.0}
    assert other["score.contains"].isna().all()
    assert items.loc["a" * 64, "score.exact_match"].isna().all()
    assert runs.tasks["direction"].tolist() == ["maximize", "minimize"]
    assert runs.problems.empty


def test_kept_prompt_has_its_baseline_rows_as_final_ones(tmp_path: Path) -> None:
    scores = (0.0, 1.0, 1.0, 0.0)
    make(tmp_path / "a", before=scores, after=scores, identity="a" * 64, prompt_changed=False)
    make(tmp_path / "b", identity="b" * 64)
    runs = load(tmp_path)
    items = runs.items
    kept = items[items["identity"] == "a" * 64]
    by_phase = {phase: rows.drop(columns="phase").reset_index(drop=True)
                for phase, rows in kept.groupby("phase", observed=True)}  # fmt: skip
    assert by_phase["final"].equals(by_phase["baseline"])
    assert len(by_phase["final"]) == 8
    assert items["identity"].tolist() == ["a" * 64] * 16 + ["b" * 64] * 16
    assert runs.problems.empty


def test_trials_come_with_what_had_been_used_when_they_ended(tmp_path: Path) -> None:
    make(tmp_path / "a")
    trials = load(tmp_path).trials
    assert trials["index"].tolist() == [0, 1]
    assert trials["rollouts"].tolist() == [4, 8]
    assert trials["calls"].tolist() == [5, 10]
    assert trials["score"].tolist() == [0.5, 0.5]
    assert set(trials["slice"]) == {"validation"}


def test_calls_come_without_texts(tmp_path: Path) -> None:
    make(tmp_path / "a", identity="a" * 64)
    calls = load(tmp_path).calls
    assert list(calls.columns) == [
        "identity", "phase", "role", "model", "outcome", "source", "tokens_in", "tokens_out",
        "cost_usd", "latency_s", "at_s", "attempt",
    ]  # fmt: skip
    assert calls["role"].tolist() == ["task", "optimizer"]
    assert set(calls["identity"]) == {"a" * 64}
    assert calls["tokens_in"].tolist() == [10, 10]
    assert calls["at_s"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("alive", [True, False])
def test_calls_that_still_stand_in_the_log_are_read_without_touching_the_folder(
    tmp_path: Path, alive: bool
) -> None:
    folder = make(tmp_path / "a")
    if alive:
        folder.result.unlink()
        write_json(folder.status, {"state": "running", "pid": os.getpid(), "host": platform.node()})
    with closing(sqlite3.connect(folder.calls, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("INSERT INTO calls (phase) VALUES ('final')")
        if not alive:  # as a killed process leaves it
            log = folder.calls.with_name("calls.sqlite-wal")
            kept = folder.calls.read_bytes(), log.read_bytes()
    if alive:
        assert len(load(tmp_path).calls) == 3
        return
    folder.calls.write_bytes(kept[0])
    log.write_bytes(kept[1])
    before = sorted(path.name for path in folder.path.iterdir())
    assert len(load(tmp_path).calls) == 3
    assert sorted(path.name for path in folder.path.iterdir()) == before
    assert log.read_bytes() == kept[1]


def test_texts_and_prompts_of_one_job(tmp_path: Path) -> None:
    make(tmp_path / "a", identity="a" * 64)
    runs = load(tmp_path)
    texts = runs.texts("a" * 64)
    assert len(texts) == 20
    assert texts[0]["output"] == "<b>text</b>"
    assert texts[0]["reason.exact_match"] == "why"
    assert runs.prompts("a" * 64)["final"] == job_files.prompt("Say it so.")
    with pytest.raises(
        OptbenchError, match=r"no job has the identity 'aab'.* Known: aaaaaaaaaaaa\."
    ):
        runs.texts("aab")


def test_tasks_alone_open_no_parquet(tmp_path: Path) -> None:
    make(tmp_path / "a")
    script = (
        "import sys; from optbench.results import load; "
        f"assert len(load({str(tmp_path)!r}).tasks) == 1; "
        "print([name for name in ('pyarrow.parquet', 'sqlite3', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "pyarrow.parquet" not in done.stdout


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({"state": "failed", "error": {"type": "OptbenchError", "message": "no\nmore"}}, "failed"),
        ({"state": "interrupted"}, "interrupted"),
        ({"state": "running", "pid": os.getpid(), "host": platform.node()}, "running"),
        ({"state": "running", "pid": 2**30, "host": platform.node()}, "interrupted"),
        ({"state": "running", "pid": 1, "host": "another", "written_at": "now"}, "running"),
        ({"state": "running", "pid": 1, "host": "another", "written_at": 1.0}, "interrupted"),
        ({"state": "running", "pid": -1, "host": platform.node()}, "interrupted"),
        ({"state": ["a", "list"]}, "interrupted"),
        (None, "interrupted"),
    ],
)  # fmt: skip
def test_job_without_a_result_is_a_row_with_its_state(
    tmp_path: Path, status: dict[str, Any] | None, state: str
) -> None:
    if status and status.get("written_at") == "now":  # not when the tests were collected
        status = {**status, "written_at": time.time()}
    unfinished(tmp_path / "a", status)
    runs = load(tmp_path)
    row = only(runs)
    assert row["state"] == state
    named = row["dataset"], row["optimizer"], row["model"], row["seed"], row["metric"]
    assert named == ("tickets", "few_shot", "small", 9, "exact_match")
    assert (row["budget"], row["engine"], row["simulated"]) == ("trials=2, usd=0.5", "local", True)
    assert runs.tasks["final"].isna().all()
    kind = "failed" if state == "failed" else "unfinished"
    assert runs.problems["kind"].tolist() == [kind]
    assert row["error"] == ("OptbenchError: no" if state == "failed" else "")
    assert runs.prompts("u" * 64) == {"initial": None, "final": None}


def test_what_an_unfinished_job_has_measured_is_read(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    folder.result.unlink()
    write_json(folder.status, {"state": "interrupted"})
    runs = load(tmp_path)
    assert len(runs.items) == 16
    assert len(runs.trials) == 2
    assert len(runs.calls) == 2


def test_job_that_failed_before_its_task_was_described_is_named_from_hydras_config(
    tmp_path: Path,
) -> None:
    folder = JobFolder(tmp_path / "a")
    folder.hydra_config.parent.mkdir(parents=True)
    folder.hydra_config.write_text(
        "dataset: {name: tickets, metrics: [{name: label}]}\noptimizer: {name: gepa}\nseed: 4\n"
    )
    assert states(tmp_path) == ["waiting"]
    write_json(folder.status, {"state": "failed", "error": {"type": "ConfigError", "message": "x"}})
    row = only(load(tmp_path))
    assert (row["state"], row["dataset"], row["optimizer"]) == ("failed", "tickets", "gepa")
    assert (row["seed"], row["metric"], row["error"]) == (4, "label", "ConfigError: x")


def test_unfinished_jobs_can_be_left_out_which_is_said(tmp_path: Path) -> None:
    make(tmp_path / "a")
    unfinished(tmp_path / "b", {"state": "interrupted"})
    runs = load(tmp_path, unfinished=False)
    assert runs.tasks["state"].tolist() == ["success"]
    left = runs.problems[runs.problems["excluded"]]
    assert left["what"].tolist() == ["left out, being interrupted"]


def test_any_mix_of_sweeps_jobs_and_engines(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    make(one / "x" / "a", identity="a" * 64)
    remote = make(other / "b", identity="b" * 64)
    task = json.loads(remote.task.read_text())
    task["config"]["engine"]["name"] = "modal"
    remote.task.write_text(json.dumps(task))
    runs = load(one, other / "b", one / "x" / "a", f"{one}/")
    assert runs.tasks["identity"].tolist() == ["a" * 64, "b" * 64]
    assert runs.tasks["engine"].tolist() == ["local", "modal"]
    assert runs.tasks["sweep"].tolist() == [str(one), str(other / "b")]
    assert runs.problems.empty


def test_tables_of_jobs_that_left_nothing_have_their_columns(tmp_path: Path) -> None:
    unfinished(tmp_path / "a", {"state": "interrupted"})
    runs = load(tmp_path)
    assert (len(runs.items), len(runs.trials), len(runs.calls)) == (0, 0, 0)
    assert {"identity", "phase", "score", "cost_usd"} <= set(runs.items.columns)
    assert {"identity", "index", "rollouts"} <= set(runs.trials.columns)
    assert {"identity", "role", "tokens_in"} <= set(runs.calls.columns)


def test_jobs_that_optbench_ran(tmp_path: Path) -> None:
    for name in ("none", "random_few_shot"):
        task = Task.from_config(composed("model=simulated", f"optimizer={name}", "test_mode=true"))
        run_task(task, tmp_path / name, tmp_path)
    runs = load(tmp_path)
    tasks = runs.tasks.set_index("optimizer")
    assert set(tasks["state"]) == {"success"}
    unknown = set(tasks.columns[tasks.isna().any()])
    assert unknown == {
        "judge_model", "transferred_from", "source_model", "source_dataset", "source_seed",
    }  # fmt: skip
    items = runs.items[runs.items["slice"] == "test"]
    means = items.groupby(["optimizer", "phase"], observed=True)["score"].mean()
    for name, row in tasks.iterrows():
        assert means[name, "baseline"] == pytest.approx(row["initial"])
        assert means[name, "final"] == pytest.approx(row["final"])
    trials = runs.trials.groupby("optimizer", observed=True)["rollouts"].max()
    assert tasks["rollouts"].to_dict() == {"none": 0, "random_few_shot": trials["random_few_shot"]}
    assert (runs.calls["phase"] == "optimise").sum() == tasks["calls"].sum()
    assert runs.problems.empty, runs.problems["what"].tolist()
