"""Anybody's table, by the same statistics."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from commands.conftest import Run

PAPER = """Benchmark,Method,Acc
gsm8k,base,50.1
gsm8k,gepa,61.0
arc,base,48.0
arc,gepa,57.5
hotpot,base,52.0
hotpot,gepa,60.5
"""
COLUMNS = ("--dataset", "Benchmark", "--optimizer", "Method", "--score", "Acc")


def scores() -> pd.DataFrame:
    """Five seeds, eight items: b is better by a clear 0.5, a and c are the same."""
    rows = [
        {"d": "one", "o": name, "s": seed, "i": f"i{item}",
         "y": 0.5 * (name == "b") + 0.1 * ((seed + item) % 3)}
        for name in ("a", "b", "c") for seed in range(5) for item in range(8)
    ]  # fmt: skip
    return pd.DataFrame(rows)


NAMED = ("--dataset", "d", "--optimizer", "o", "--score", "y", "--seed", "s", "--item", "i")


def test_published_figures_give_ranks_and_say_what_they_cannot(run: Run) -> None:
    Path("paper.csv").write_text(PAPER)
    done = run("stats", "paper.csv", *COLUMNS)
    assert done.code == 0, done.err
    assert "3 datasets x 2 optimizers" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    assert ["gsm8k", "50.1", "61.0"] in lines
    assert next(line for line in lines if line[:1] == ["1"])[1] == "gepa"
    assert "nothing can be said of the error" in done.out


def test_less_is_better_where_it_is_said(run: Run) -> None:
    Path("paper.csv").write_text(PAPER)
    done = run("stats", "paper.csv", *COLUMNS, "--minimize", "gsm8k", "arc", "hotpot", "--raw")
    told = json.loads(done.out)
    assert told["leaderboard"][0]["optimizer"] == "base"
    assert run("stats", "paper.csv", *COLUMNS, "--minimize", "gsm8").code == 2


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_seeds_and_items_are_paired_in_every_format(run: Run, kind: str) -> None:
    table = scores()
    {"csv": lambda: table.to_csv("t.csv", index=False), "parquet": lambda: table.to_parquet("t.parquet"),
     "jsonl": lambda: table.to_json("t.jsonl", orient="records", lines=True)}[kind]()  # fmt: skip
    told = json.loads(run("stats", f"t.{kind}", *NAMED, "--raw").out)
    (b,) = [row for row in told["scores"] if row["optimizer"] == "b"]
    assert (b["n_seeds"], b["n_items"]) == (5, 8)
    verdicts = {(row["a"], row["b"]): row["verdict"] for row in told["pairs"]
                if row["dataset"] == "one"}  # fmt: skip
    assert verdicts["a", "c"] == "too few"  # all alike: only the exact test has something to say
    assert told["leaderboard"][0]["optimizer"] == "b"


def test_columns_that_are_called_so_need_no_naming(run: Run) -> None:
    names = {"d": "dataset", "o": "optimizer", "s": "seed", "i": "item", "y": "score"}
    scores().to_csv("short.csv", index=False)
    scores().rename(columns=names).to_csv("t.csv", index=False)
    told = run("stats", "short.csv", *NAMED, "--raw").out
    assert run("stats", "t.csv", "--raw").out == told.replace("short.csv", "t.csv")
    # A column that is named as one thing is not another, too.
    scores().rename(columns={**names, "i": "model"}).to_csv("m.csv", index=False)
    done = json.loads(run("stats", "m.csv", "--item", "model", "--raw").out)
    assert {(row["model"], row["n_items"]) for row in done["scores"]} == {("", 8)}
    scores().rename(columns={"d": "dataset", "y": "score"}).to_csv("no.csv", index=False)
    refused = run("stats", "no.csv")
    assert refused.code == 2
    assert "which column is the optimizer?" in refused.err


def test_a_hole_is_refused_unless_asked_for(run: Run) -> None:
    scores()[1:].to_csv("t.csv", index=False)
    done = run("stats", "t.csv", *NAMED)
    assert done.code == 1
    assert "--incomplete" in done.err
    assert run("stats", "t.csv", *NAMED, "--incomplete").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("paper.csv", "--dataset", "Benchmrk", *COLUMNS[2:]), 2, "Did you mean Benchmark?"),
        (("paper.csv", *COLUMNS[:4]), 2, "which column is the score?"),
        (("gone.csv", *COLUMNS), 2, "cannot be read: No such file"),
        (("paper.xls", *COLUMNS), 2, "none of .csv, .parquet, .jsonl"),
        (("bad.jsonl", *COLUMNS), 2, "line 2 is no JSON object"),
        (("bad.parquet", *COLUMNS), 2, "cannot be read"),
        (("empty.csv", *COLUMNS), 2, "cannot be read"),
        (("paper.csv", *COLUMNS[:4], "--score", "Method"), 1, "no score is a finite number"),
        (("twice.csv", *COLUMNS), 1, "share dataset"),
    ],
)
def test_bad_tables_are_told(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    Path("paper.csv").write_text(PAPER)
    Path("twice.csv").write_text(PAPER + "arc,gepa,1\n")
    Path("empty.csv").write_text("")
    Path("bad.jsonl").write_text('{"Benchmark": "a"}\n[1]\n')
    Path("bad.parquet").write_bytes(b"PAR1 and nothing else")
    done = run("stats", *words)
    assert done.code == code
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_score_that_is_no_number_is_counted(run: Run) -> None:
    Path("paper.csv").write_text(PAPER.replace("57.5", "n/a"))
    done = run("stats", "paper.csv", *COLUMNS, "--incomplete")
    assert "1 of 6 scores are no finite number" in done.out.replace("\n", " ")


def test_items_of_one_cluster_count_once(run: Run) -> None:
    scores().assign(text=lambda t: t["i"].str[1:].astype(int) // 2).to_csv("t.csv", index=False)
    done = run("stats", "t.csv", *NAMED, "--cluster", "text", "--raw")
    told = json.loads(done.out)
    assert {row["n_items"] for row in told["scores"]} == {4}
    assert any("8 items are 4 clusters" in note for note in told["notes"])
