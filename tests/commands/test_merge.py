"""Sweeps of several people in one file: what is comparable, and why the rest is not in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from commands.conftest import FAIR, GOOD, POOR, Run, sweep
from results.job_files import make, unfinished


def mine(
    folder: str, optimizer: str, seeds: tuple[int, ...] = (1, 2, 3), **changes: object
) -> None:
    after = changes.pop("after", FAIR)
    for seed in seeds:
        make(
            Path(folder) / optimizer / f"s{seed}", before=POOR, after=after,
            optimizer=optimizer, seed=seed, **changes,
        )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_two_people_join_and_are_concluded_from(run: Run, kind: str) -> None:
    mine("a", "gepa", after=GOOD)
    mine("b", "few_shot")
    done = run("merge", "a", "b", "--name", "ann=a", "-o", f"m.{kind}")
    assert done.code == 0, done.err
    assert "6 rows, 1 dataset, 2 optimizers, 2 submitters" in done.out
    table = pd.read_csv("m.csv") if kind == "csv" else pd.read_parquet("m.parquet")
    assert set(table["submitter"]) == {"ann", "b"}
    assert set(table["budget"]) == {"trials=2, usd=0.5"}
    assert json.loads(table["versions"][0]) == {"optbench": "0.1.0"}
    assert table["cost_usd"].notna().all()
    assert not table.astype("str").apply(lambda one: one.str.contains(str(Path.cwd()))).any().any()
    told = json.loads(run("stats", f"m.{kind}", "--raw").out)
    assert told["leaderboard"][0]["optimizer"] == "gepa"
    assert {row["n_seeds"] for row in told["scores"]} == {3}
    assert {row["lift"] for row in told["scores"]} == {0.5, 0.25}
    assert any("SIMULATED" in note for note in told["notes"])


def test_a_merged_file_takes_further_sweeps_and_doubles_none(run: Run) -> None:
    mine("a", "gepa")
    mine("b", "few_shot")
    run("merge", "a", "-o", "one.csv")
    done = run("merge", "one.csv", "a", "b", "-o", "two.csv")
    assert done.code == 0
    assert "3 of a are there already, with the same scores" in done.err
    assert len(pd.read_csv("two.csv")) == 6
    again = run("merge", "two.csv", "-o", "three.csv")
    assert again.code == 0
    assert Path("three.csv").read_text() == Path("two.csv").read_text()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"budget": {"trials": 9}}, "budget 'trials=9', where a has 'trials=2, usd=0.5'"),
        ({"fingerprints": {"train": "train-rows", "validation": "validation-rows", "test": "x"}},
         "test items 'x'"),
        ({"objective": "contains"}, "metric 'contains'"),
    ],
)  # fmt: skip
def test_what_differs_is_refused_with_the_reason(
    run: Run, changes: dict[str, object], why: str
) -> None:
    mine("a", "gepa")
    mine("b", "few_shot", seeds=(1, 2), **changes)
    done = run("merge", "a", "b", "-o", "m.csv")
    assert done.code == 1
    assert "refused: 2 rows of b, tickets:" in done.err
    assert why in done.err
    assert "tickets: as many are for b as for a, which has more tasks and is kept" in done.err
    assert set(pd.read_csv("m.csv")["optimizer"]) == {"gepa"}
    other = run("merge", "a", "b", "--reference", "b", "-o", "m.csv")
    assert "refused: 3 rows of a" in other.err
    assert "where the reference has" in other.err
    assert "as many" not in other.err
    assert set(pd.read_csv("m.csv")["optimizer"]) == {"few_shot"}


def test_rows_that_are_there_twice_outvote_nobody(run: Run) -> None:
    mine("a", "gepa", seeds=(1, 2))
    mine("b", "few_shot", seeds=(1,), budget={"trials": 9})
    run("merge", "b", "-o", "b.csv")
    run("merge", "b", "-o", "b2.csv")
    done = run("merge", "b", "b.csv", "b2.csv", "a", "-o", "m.csv")
    assert "refused: 3 rows of b" in done.err


def test_each_submitter_has_one_vote(run: Run) -> None:
    mine("a", "gepa", seeds=(1, 2, 3, 4, 5), budget={"trials": 9})
    mine("b", "few_shot", seeds=(1,))
    mine("c", "none", seeds=(1,))
    done = run("merge", "a", "b", "c", "-o", "m.csv")
    assert (
        "refused: 5 rows of a, tickets: budget 'trials=9', where most submitters have" in done.err
    )
    assert set(pd.read_csv("m.csv")["optimizer"]) == {"few_shot", "none"}


def altered(copy: str) -> None:
    """The sweep ``a``, and its copy with other test items of one dataset and another budget."""
    seeds = (1, 2, 3)
    for dataset in ("arithmetic", "tickets"):
        for optimizer in ("gepa", "few_shot"):
            for seed in seeds:
                make(Path(f"a/{dataset}/{optimizer}/s{seed}"), dataset=dataset, optimizer=optimizer,
                     seed=seed)  # fmt: skip
    shutil.copytree("a", copy)
    for file in Path(copy).rglob("result.json"):
        told = json.loads(file.read_text())
        if told["dataset"] == "arithmetic":
            told["fingerprints"]["test"] = "0" * 64
        elif told["optimizer"] == "few_shot":
            told["budget"]["trials"] = 99
        file.write_text(json.dumps(told))


def test_a_bad_copy_neither_displaces_good_rows_nor_hides(run: Run) -> None:
    altered("b2")
    done = run("merge", "b2", "a", "-o", "m.csv")
    assert done.code == 1
    assert "refused: 3 rows of b2, tickets: budget 'trials=99, usd=0.5', where most" in done.err
    assert "conflict: 3 tasks of b2, tickets: the same by identity as of a, yet budget" in done.err
    assert "arithmetic: as many are for a as for b2, which came first" in done.err
    assert "conflict: 6 tasks of a, arithmetic: the same by identity as of b2" in done.err
    assert "3 of a are there already" in done.err
    table = pd.read_csv("m.csv")
    tickets = table[table["dataset"] == "tickets"]
    assert tickets.groupby("optimizer").size().to_dict() == {"few_shot": 3, "gepa": 3}
    assert set(tickets["budget"]) == {"trials=2, usd=0.5"}


@pytest.mark.parametrize(("reference", "mark"), [("a", "test-rows"), ("b2", "0" * 64)])
def test_the_reference_decides_whatever_came_first(run: Run, reference: str, mark: str) -> None:
    altered("b2")
    other = "a" if reference == "b2" else "b2"
    for words in (("a", "b2"), ("b2", "a")):
        done = run("merge", *words, "--reference", reference, "-o", "m.csv")
        assert done.code == 1
        assert f"refused: 6 rows of {other}, arithmetic: test items" in done.err
        assert "refused: 3 rows of b2, tickets: budget 'trials=99" in done.err
        table = pd.read_csv("m.csv", dtype="str")
        assert set(table.loc[table["dataset"] == "arithmetic", "fingerprint_test"]) == {mark}
        assert len(table) == 12


def test_a_task_of_two_models_is_a_conflict(run: Run) -> None:
    for folder, model in (("a", "small"), ("b", "large")):
        make(Path(folder) / "x", identity="1" * 64, model=model)
    done = run("merge", "a", "b", "-o", "m.csv")
    assert done.code == 1
    assert "the same identity as of a, yet model 'large' here, 'small' there" in done.err
    assert list(pd.read_csv("m.csv")["model"]) == ["small"]


def test_another_score_of_the_same_task_is_told(run: Run) -> None:
    for folder, after in (("a", GOOD), ("b", FAIR)):
        make(Path(folder) / "x", before=POOR, after=after, identity="1" * 64)
    done = run("merge", "a", "b", "-o", "m.csv")
    assert "with another score: 0.5 here, 0.75 there, which is kept" in done.err
    assert list(pd.read_csv("m.csv")["final"]) == [0.75]


def test_two_configs_by_one_name_are_told_apart_by_their_people(run: Run) -> None:
    mine("a", "gepa")
    mine("b", "gepa", after=GOOD)
    run("merge", "a", "b", "--name", "ann=a", "--name", "bob=b", "-o", "m.parquet")
    told = json.loads(run("stats", "m.parquet", "--raw").out)
    assert [row["optimizer"] for row in told["leaderboard"]] == ["gepa of bob", "gepa of ann"]


def test_jobs_without_a_result_are_counted(run: Run) -> None:
    mine("a", "gepa")
    unfinished(Path("a/late"), {"state": "failed", "error": None})
    assert "a: 1 of 4 jobs have no result" in run("merge", "a", "-o", "m.csv").err


def test_a_hostile_file_and_hostile_names(run: Run) -> None:
    hostile = "=cmd|' /C calc'!A0"
    mine("a", hostile.replace("/", "\\"), seeds=(1,))
    run("merge", "a", "-o", "m.csv")
    assert ",=cmd" not in Path("m.csv").read_text()
    run("merge", "m.csv", "-o", "again.parquet")
    assert list(pd.read_parquet("again.parquet")["optimizer"]) == [hostile.replace("/", "\\")]
    table = pd.read_csv("m.csv", dtype="str")
    table["final"] = "a lot"
    table.to_csv("bad.csv", index=False)
    done = run("merge", "bad.csv", "-o", "x.csv")
    assert done.code == 1
    assert "1 row without what a row must have" in done.err
    table.assign(merge_version="2").to_csv("bad.csv", index=False)
    assert "of version 2, not 1" in run("merge", "bad.csv", "-o", "x.csv").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a", "-o", "m.txt"), "neither .parquet nor .csv"),
        (("a", "--name", "ann", "-o", "m.csv"), "no PERSON=RUN"),
        (("a", "--name", "ann=b", "-o", "m.csv"), "not merged"),
        (("t.csv", "-o", "m.csv"), "no file of merge"),
        (("gone", "-o", "m.csv"), "no folder and no id"),
    ],
)
def test_wrong_usage_is_told(run: Run, words: tuple[str, ...], said: str) -> None:
    mine("a", "gepa", seeds=(1,))
    sweep(Path("b"), seeds=(1,))
    Path("t.csv").write_text("a,b\n1,2\n")
    done = run("merge", *words)
    assert done.code == 2
    assert said in done.err
