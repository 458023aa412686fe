"""A task that is killed at any moment goes on where it was, and pays for what is new only."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peers import completion, openai
from support import command, start

SMALL = (
    "n_threads=1",
    "budget=trials_3",
    "dataset.slices.train.count=8",
    "dataset.slices.validation.count=8",
    "dataset.slices.test.count=8",
    "hydra.run.dir=out",
)


def rows(folder: Path) -> int:
    try:
        with closing(sqlite3.connect(folder / "calls.sqlite", timeout=5)) as db:
            return int(db.execute("select count(*) from calls").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def kill_after(calls: int, pause_s: float, *words: str, cwd: Path) -> bool:
    """Starts the command and kills it once it has made some calls; False if it was done before."""
    process = start(*words, cwd=cwd)
    out = cwd / "out"
    try:
        while process.poll() is None and rows(out) < calls:
            time.sleep(0.002)
        time.sleep(pause_s)
        ended = process.poll() is None
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    return ended


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "timings"}


def result_of(folder: Path) -> dict[str, Any]:
    return without_times(json.loads((folder / "out" / "result.json").read_text()))


@pytest.mark.parametrize(
    ("optimizer", "kills"),
    [("meta_prompt", 2), *(
        pytest.param(name, kills, marks=marks)
        for name in ("gepa", "evolutionary_optimizer")
        for kills, marks in ((3, pytest.mark.slow), (10, pytest.mark.soak))
    )],
)  # fmt: skip
def test_killed_and_resumed_equals_calm(optimizer: str, kills: int, tmp_path: Path) -> None:
    words = (*SMALL, "model=simulated", "model.latency_s=0.01", f"optimizer={optimizer}")
    calm, torn = tmp_path / "calm", tmp_path / "torn"
    for folder in (calm, torn):
        folder.mkdir()
    assert command(*words, cwd=calm).returncode == 0
    total = rows(calm / "out")
    rng = random.Random(7)
    killed = 0
    for calls in sorted(rng.sample(range(1, total - 1), kills)):
        killed += kill_after(calls, rng.random() * 0.02, *words, cwd=torn)
    assert killed >= kills - 1  # the last may have come too late
    done = command(*words, cwd=torn)
    assert done.returncode == 0, done.stderr
    assert result_of(torn) == result_of(calm)
    with closing(sqlite3.connect(torn / "out" / "calls.sqlite")) as db:
        paid = db.execute(
            "select request, occurrence from calls where source = 'model' and reply is not null"
        ).fetchall()
    assert max(Counter(paid).values()) == 1
    trials = [(folder / "out" / "trials.jsonl").read_text() for folder in (calm, torn)]
    scores = [[json.loads(line)["scores"] for line in text.splitlines()] for text in trials]
    assert scores[0] == scores[1]


@pytest.mark.slow
def test_what_was_in_flight_is_all_that_is_asked_again(tmp_path: Path) -> None:
    """The server counts: a killed client cannot."""
    threads, kills = 2, 3

    def answer(_: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        time.sleep(0.02)
        return 200, completion("nothing")

    with openai(answer) as (address, seen):
        words = (
            *SMALL, f"n_threads={threads}", "cache=off", "model=vllm", "model.id=hosted_vllm/peer",
            f"model.api_base={address}", "optimizer=random_few_shot",
        )  # fmt: skip
        for calls in (5, 17, 30):
            assert kill_after(calls, 0.0, *words, cwd=tmp_path)
        assert command(*words, cwd=tmp_path).returncode == 0
        needed = result_of(tmp_path)["ledger"]["total"]["used"]["calls"]
        assert needed <= len(seen) <= needed + kills * threads


def test_another_task_in_the_folder_is_refused(tmp_path: Path) -> None:
    words = (*SMALL, "model=simulated", "model.latency_s=0.05", "optimizer=random_few_shot")
    assert kill_after(3, 0.0, *words, cwd=tmp_path)
    other = command(*words, "seed=9", cwd=tmp_path)
    assert other.returncode == 2
    assert "belongs to another task" in other.stderr
    assert command(*words, cwd=tmp_path).returncode == 0
