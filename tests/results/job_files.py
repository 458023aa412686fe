"""Synthetic job folders, as a finished task leaves them; files that a test then spoils."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from optbench.layout import JobFolder, write_items, write_json
from optbench.models.calls import COLUMNS
from optbench.models.ledger import SCHEMA_VERSION as CALLS_VERSION
from optbench.results.runs import Runs

METRICS = ("exact_match", "contains")
ITEMS = ("i1", "i2", "i3", "i4")
SPENT = {
    "calls": 10, "failed": 0, "invalid": 0, "tokens_in": 100, "tokens_out": 20, "tokens_cached": 0,
    "unpriced_calls": 0, "cost_usd": 0.5,
}  # fmt: skip


def prompt(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": text}, {"role": "user", "content": "{q}"}]}


def config(optimizer: str = "few_shot", seed: int = 1, dataset: str = "tickets") -> dict[str, Any]:
    return {
        "dataset": {"name": dataset, "metrics": [{"name": name} for name in METRICS]},
        "agent": {"name": "chat"},
        "optimizer": {"name": optimizer},
        "model": {"name": "small", "errors": {}},
        "optimizer_model": None,
        "judge_model": None,
        "budget": {"name": "trials_2", "trials": 2, "usd": 0.5},
        "engine": {"name": "local"},
        "seed": seed,
        "test_mode": False,
    }


def result(
    identity: str,
    before: Sequence[float],
    after: Sequence[float],
    **changes: Any,
) -> dict[str, Any]:
    def both(scores: Sequence[float]) -> dict[str, Any]:
        mean = sum(scores) / len(scores)
        return {part: dict.fromkeys(METRICS, mean) for part in ("validation", "test")}

    prints = {part: f"{part}-rows" for part in ("train", "validation", "test")}
    return {
        "identity": identity, "identity_version": 3, "dataset": "tickets", "agent": "chat",
        "optimizer": "few_shot", "model": "small", "optimizer_model": "large", "judge_model": None,
        "budget": {"trials": 2, "usd": 0.5}, "seed": 1, "test_mode": False,
        "objective": METRICS[0], "directions": dict.fromkeys(METRICS, "maximize"),
        "items": {"train": 2, "validation": len(before), "test": len(before)},
        "fingerprints": prints, "scores": {"initial": both(before), "final": both(after)},
        "prompt_changed": True, "prompts": {"initial": prompt("Say it."), "final": prompt("Say it so.")},
        "finish_reason": "max_trials", "trials": 2, "rollouts": 8, "candidates": 2,
        "optimizer_details": {},
        "ledger": {
            "baseline": {"task": {"used": SPENT, "paid": SPENT}},
            "optimise": {
                "task": {"used": SPENT, "paid": {**SPENT, "calls": 4, "cost_usd": 0.2}},
                "optimizer": {"used": {**SPENT, "calls": 3}, "paid": {**SPENT, "calls": 3}},
            },
            "total": {"used": SPENT, "paid": SPENT},
        },
        "versions": {"optbench": "0.1.0"},
        "timings": {"unit": "s", "baseline": 1.0, "optimise": 2.5, "final": 1.0},
        "simulated": True,
        **changes,
    }  # fmt: skip


def rows(
    phase: str, part: str, scores: Sequence[float | None], trial: int | None = None
) -> list[Any]:
    return [
        {
            "phase": phase, "slice": part, "item_id": item, "candidate": "c", "trial": trial,
            "output": "<b>text</b>", "score.exact_match": score, "score.contains": 1.0,
            "reason.exact_match": "why", "tokens_in": 10, "tokens_out": 2, "tokens_cached": 0,
            "cost_usd": 0.01, "latency_s": 0.5,
        }
        for item, score in zip(ITEMS, scores, strict=False)
    ]  # fmt: skip


def trial(index: int, **changes: Any) -> dict[str, Any]:
    return {
        "schema_version": 1, "index": index, "candidate": f"c{index}", "slice": "validation",
        "items": 4, "score": 0.5, "scores": {"exact_match": 0.5}, "prompt": prompt("Try."),
        "cumulative": {"calls": 5 * (index + 1), "tokens": 60, "cost_usd": 0.1, "seconds": 1.5},
        **changes,
    }  # fmt: skip


def write_calls(path: Path, identity: str, calls: Sequence[dict[str, Any]]) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA user_version={CALLS_VERSION}")
        db.execute("CREATE TABLE task (identity TEXT)")
        db.execute("INSERT INTO task VALUES (?)", [identity])
        db.execute(f"CREATE TABLE calls (id INTEGER PRIMARY KEY, {', '.join(COLUMNS)})")
        for call in calls:
            named, marks = ", ".join(call), ", ".join("?" * len(call))
            db.execute(f"INSERT INTO calls ({named}) VALUES ({marks})", list(call.values()))


CALL = {
    "phase": "optimise", "role": "task", "model": "small", "attempt": 1, "outcome": "ok",
    "source": "model", "tokens_in": 10, "tokens_out": 2, "cost_usd": 0.01, "latency_s": 0.5,
    "at_s": 1.0, "reply": "a text",
}  # fmt: skip


def make(
    path: Path,
    *,
    before: Sequence[float] = (0.0, 0.0, 1.0, 0.0),
    after: Sequence[float] = (1.0, 0.0, 1.0, 0.0),
    identity: str | None = None,
    edit: Callable[[dict[str, Any]], Any] = lambda _: None,
    **changes: Any,
) -> JobFolder:
    """A finished job.

    Args:
        path: Its folder.
        before: Scores of the test and validation items.
        after: The same of the final prompt.
        identity: Of the task; else one of its own for each path.
        edit: Spoils the result before it is written.
        changes: Of the result.
    """
    identity = identity or hashlib.sha256(str(path).encode()).hexdigest()
    folder = JobFolder(path)
    folder.create()
    said = result(identity, before, after, **changes)
    edit(said)
    task = config(str(said["optimizer"]), said["seed"], str(said["dataset"]))
    write_json(
        folder.task,
        {
            "identity": identity,
            "identity_version": 3,
            "config": task,
            "versions": {"optbench": "0.1.0"},
            "fingerprints": {part: f"{part}-rows" for part in ("train", "validation", "test")},
        },
    )
    write_json(folder.status, {"state": "success", "error": None})
    phases = [("baseline", before)] + ([("final", after)] if said["prompt_changed"] else [])
    measured = [
        row for name, scores in phases for part in ("test", "validation")
        for row in rows(name, part, scores)
    ]  # fmt: skip
    write_items(folder.items, [*measured, *rows("optimise", "validation", (0.5,) * 4, 0)], METRICS)
    lines = [json.dumps(trial(index)) + "\n" for index in range(2)]
    folder.trials.write_text("".join(lines), encoding="utf-8")
    write_calls(folder.calls, identity, [CALL, {**CALL, "role": "optimizer"}])
    write_json(folder.result, said)
    return folder


def unfinished(path: Path, status: dict[str, Any] | None, identity: str = "u" * 64) -> JobFolder:
    """A job without a result."""
    folder = JobFolder(path)
    folder.create()
    write_json(folder.task, {"identity": identity, "identity_version": 3, "config": config(seed=9)})
    if status is not None:
        write_json(folder.status, status)
    return folder


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
