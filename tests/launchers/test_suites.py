"""Named sweeps, settings of one pair, and tasks that stand alone on a sweep's engine."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from support import command, dataset_of_fifteen, options, stand_ins, start, swept

TINY = tuple(f"dataset.slices.{name}.count=5" for name in ("train", "validation", "test"))
ROWS = """import json, os

def rows(split, count):
    word = os.environ.get("WORD", "a")
    return [{"text": f"{word} {i}", "answer": str(i % 2)} for i in range(15)]
"""
GENERATED = dataset_of_fifteen("generated", "{kind: generator, generator: changing.rows}")
"""Rows that another version of a package may make differently."""


LOCAL = [name for name in options("suite") if not name.startswith("gepa_")]
"""Suites whose rows need no hub."""
FIVE = ["few_shot", "evolutionary_optimizer", "gepa", "hierarchical_reflective", "meta_prompt"]


@pytest.mark.parametrize("suite", LOCAL)
def test_a_suite_is_a_sweep_without_m(suite: str, tmp_path: Path) -> None:
    done = command(f"suite={suite}", "plan=true", "optimizer=none", "seed=4,5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line.split()[1::2] for line in done.stdout.splitlines() if line.startswith("│")]
    assert {row[1] for row in rows} == {"none"}  # an axis of the suite, replaced
    assert {row[3] for row in rows} == {"4", "5"}
    assert "nothing was started" in done.stdout


def test_gepa_full_gives_each_dataset_its_own_budget(tmp_path: Path) -> None:
    rollouts = {"hotpot": 6438, "hover": 6858, "ifbench": 678, "pupa": 2157}
    conf = stand_ins(tmp_path, *rollouts)
    tasks = swept("suite=gepa_full", conf=conf)
    assert [
        (one["dataset"]["name"], one["model"]["name"], one["optimizer"]["name"]) for one in tasks
    ] == [(d, m, o) for d in rollouts for m in ("gpt-4.1-mini", "qwen3-8b") for o in FIVE]
    for one in tasks:
        assert one["budget"]["rollouts"] == rollouts[one["dataset"]["name"]]
        qwen = one["model"]["name"] == "qwen3-8b"
        assert one["model"]["temperature"] == (0.6 if qwen else 1.0)
        assert one["model"]["extra"] == ({"top_p": 0.95, "top_k": 20} if qwen else {})
        assert one["seed"] == 42
    # Chosen among: each with the budget that is its own; and replaced: no task twice.
    chosen = swept("suite=gepa_full", "dataset=hover,pupa", "model=simulated", "seed=1", conf=conf)
    assert [(one["dataset"]["name"], one["budget"]["rollouts"]) for one in chosen] == [
        *[("hover", 6858)] * 5, *[("pupa", 2157)] * 5,
    ]  # fmt: skip
    assert {one["model"]["temperature"] for one in chosen} == {0.0}


def test_gepa_smoke_is_small(tmp_path: Path) -> None:
    conf = stand_ins(tmp_path, "hotpot", "hover", "pupa")
    tasks = swept("suite=gepa_smoke", conf=conf)
    assert [(one["dataset"]["name"], one["optimizer"]["name"]) for one in tasks] == [
        (dataset, optimizer) for dataset in ("hotpot", "hover", "pupa") for optimizer in FIVE
    ]
    for one in tasks:
        counts = {name: part["count"] for name, part in one["dataset"]["slices"].items()}
        assert counts == {"train": 10, "validation": 5, "test": 5}
        assert one["budget"]["trials"] == 2
        assert (one["model"]["name"], one["model"]["temperature"]) == ("gpt-4.1-mini", 1.0)
    (other,) = swept(
        "suite=gepa_smoke", "dataset=hover", "optimizer=gepa", "model=simulated", "budget=trials_5",
        conf=conf,
    )  # fmt: skip
    assert (other["model"]["temperature"], other["budget"]["trials"]) == (0.0, 5)


def test_a_suite_runs_and_resumes(tmp_path: Path) -> None:
    words = ("suite=smoke", "optimizer=none,random_few_shot", "hydra.sweep.dir=sweep")
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = [json.loads(f.read_text()) for f in (tmp_path / "sweep").rglob("result.json")]
    assert sorted(one["optimizer"] for one in results) == ["none", "random_few_shot"]
    assert all(one["test_mode"] and one["simulated"] for one in results)
    again = command("resume=sweep", cwd=tmp_path)
    assert "2 done before, 0 to do" in again.stdout


def test_a_pair_has_settings_of_its_own(tmp_path: Path) -> None:
    pair = tmp_path / "conf" / "dataset__optimizer" / "tickets__gepa.yaml"
    pair.parent.mkdir(parents=True)
    pair.write_text("# @package _global_\nbudget: {rollouts: 77}\n")
    done = command(
        "--config-dir", "conf", "-m", "model=simulated", "plan=true", "optimizer=none,gepa",
        "dataset=tickets,tickets_routing", *TINY, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for optimizer, dataset, expected in (("gepa", "tickets", "77"), ("none", "tickets", "null")):
        shown = command(
            "--config-dir", "conf", "model=simulated", f"optimizer={optimizer}",
            f"dataset={dataset}", "--cfg", "job", cwd=tmp_path,
        ).stdout  # fmt: skip
        assert f"  rollouts: {expected}\n" in shown


def test_a_suite_is_no_axis(tmp_path: Path) -> None:
    done = command("-m", "suite=smoke,embedded", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be an axis" in done.stderr


def test_other_rows_than_then_are_said(tmp_path: Path) -> None:
    (tmp_path / "changing.py").write_text(ROWS)
    conf = tmp_path / "conf" / "dataset"
    conf.mkdir(parents=True)
    (conf / "generated.yaml").write_text(GENERATED)
    words = ("--config-dir", "conf", "-m", "dataset=generated", "model=simulated", "optimizer=none")
    words = (*words, "allow_imports=[changing]")
    path = {"PYTHONPATH": str(tmp_path)}
    first = command(*words, "hydra.sweep.dir=sweep", cwd=tmp_path, env=path)
    assert first.returncode == 0, first.stderr
    resumed = ("resume=sweep", "--config-dir", "conf", "allow_imports=[changing]")
    same = command(*resumed, cwd=tmp_path, env=path)
    assert same.returncode == 0, same.stderr
    changed = command(*resumed, cwd=tmp_path, env={**path, "WORD": "b"})
    assert changed.returncode == 2
    assert "other rows: generated.train (" in changed.stderr
    assert "resume_anyway" in changed.stderr


def test_a_task_alone_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    done = command(
        "model=simulated", "model.latency_s=30", *TINY, "hydra.launcher.timeout_s=12",
        "hydra.run.dir=out", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert "killed after 12 s" in done.stderr
    status = json.loads((tmp_path / "out" / "status.json").read_text())
    assert (status["state"], status["reason"]) == ("failed", "JobTimeoutError")


def test_a_task_alone_saves_at_ctrl_c(tmp_path: Path) -> None:
    process = start(
        "model=simulated", "model.latency_s=0.2", "n_threads=1", *TINY, "hydra.run.dir=out",
        cwd=tmp_path,
    )  # fmt: skip
    status = tmp_path / "out" / "status.json"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (
        status.exists() and json.loads(status.read_text())["progress"]
    ):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"optbench resume={tmp_path / 'out'}" in err
    assert json.loads(status.read_text())["state"] == "interrupted"
    done = command("resume=out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("backend", ["inprocess", "processes"])
def test_a_breakpoint_works_in_process(tmp_path: Path, backend: str) -> None:
    process = start(
        "model=simulated", *TINY, "optimizer=none", f"hydra.launcher.backend={backend}",
        "hydra.run.dir=out", cwd=tmp_path,
    )  # fmt: skip
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "calls:" in out  # a worker shows the same
    status = json.loads((tmp_path / "out" / "status.json").read_text())
    assert (status["pid"] == process.pid) is (backend == "inprocess")
