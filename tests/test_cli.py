"""The console script, as a user meets it: in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support import clean_environment, command

from optbench.config.identity import identity_of

QUICK = ("model=simulated", "test_mode=true")


def only(folder: Path, name: str) -> Path:
    (found,) = folder.rglob(name)
    return found


def read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def test_help_is_light_and_lists_the_options(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv=['optbench','--help']; import optbench.app as a; a.main();"
        "heavy={'opik','litellm','datasets','pyarrow','scipy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for word in ("random_few_shot", "smollm2", "tickets", "trials_10", "optbench -m"):
        assert word in done.stdout


def test_info_config_works(tmp_path: Path) -> None:
    done = command("--info", "config", cwd=tmp_path)
    assert done.returncode == 0
    assert "dataset" in done.stdout


def test_a_task_leaves_its_files(tmp_path: Path) -> None:
    done = command(*QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    assert "95 % interval" in done.stdout
    result = read(only(tmp_path, "result.json"))
    assert result["simulated"] is True
    assert result["lift"]["test"]["exact_match"]["n"] == 5
    assert result["scores"]["initial"].keys() == {"validation", "test"}
    assert read(only(tmp_path, "status.json"))["state"] == "success"
    items = pq.read_table(only(tmp_path, "items.parquet")).to_pylist()
    assert {row["phase"] for row in items} >= {"baseline", "optimise"}
    assert "train" not in {row["slice"] for row in items}
    trials = only(tmp_path, "trials.jsonl").read_text().splitlines()
    assert len(trials) == result["trials"] == 2
    planned = read(only(tmp_path, "task.json"))
    assert identity_of(planned["config"]) == planned["identity"] == result["identity"]


def test_equal_runs_give_equal_results(tmp_path: Path) -> None:
    results = []
    for name in ("one", "two"):
        done = command(*QUICK, "n_threads=1", f"hydra.run.dir={tmp_path / name}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        result = read(tmp_path / name / "result.json")
        result.pop("timings")
        results.append(json.dumps(result))
    assert results[0] == results[1]


def test_finished_folder_is_not_run_again(tmp_path: Path) -> None:
    words = (*QUICK, "optimizer=none", f"hydra.run.dir={tmp_path / 'x'}")
    command(*words, cwd=tmp_path)
    before = (tmp_path / "x" / "result.json").stat().st_mtime_ns
    again = command(*words, cwd=tmp_path)
    assert "already finished" in again.stdout
    assert (tmp_path / "x" / "result.json").stat().st_mtime_ns == before
    other = command(*words, "seed=2", cwd=tmp_path)
    assert other.returncode == 2
    assert "another task" in other.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("dataset=ticket",), 2, "Did you mean tickets"),
        (("model=gpt-4o-mini",), 2, "OPENAI_API_KEY"),
        (("dataset.slices.test.count=500",), 2, "dataset.slices.test.count"),
        (("dataset.slices.test.count=0",), 2, "dataset.slices.test"),
        (("dataset.slices.test.split=train",), 2, "shares 5 items with train"),
        (("dataset.metrics=[{name:exact_match,target:prodct}]",), 2, "'prodct'"),
        (("dataset.demonstration='{prodct}'",), 2, "dataset.demonstration"),
        (("model=vllm",), 2, "model.id"),
        (("model=gguf", "model.path=none.gguf"), 2, "model.path"),
        (("optimizer=random_few_shot", "optimizer.params.min_examples=9"), 2, "optimizer.params"),
        (("tracking=opik",), 2, "OPIK_API_KEY"),
        (("seed=-1",), 2, "seed"),
        (("n_threads=0",), 2, "n_threads"),
        (("budget.usd=nan",), 2, "budget.usd"),
        (("budget.seconds=inf",), 2, "budget.seconds"),
        (("model.retries=-1",), 2, "model.retries"),
        (("model.max_in_flight=0",), 2, "model.max_in_flight"),
        (("model.requests_per_minute=0",), 2, "model.requests_per_minute"),
        (("model=vllm", "model.id=x", "+model.extra.seed=3"), 2, "model.extra.seed"),
        (("model=vllm", "model.id=x", "model.api_base=http://a:b@localhost"), 2, "a secret"),
    ],
)
def test_bad_input_is_said_in_one_breath(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = command(*QUICK, *words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("result.json"))


def test_traceback_on_demand(tmp_path: Path) -> None:
    done = command("dataset=ticket", cwd=tmp_path, env={"HYDRA_FULL_ERROR": "1"})
    assert "Traceback" in done.stderr


def test_failing_model_leaves_what_was_done(tmp_path: Path) -> None:
    done = command(*QUICK, "model.errors.connection=1.0", "model.retries=0", cwd=tmp_path)
    assert done.returncode == 1
    assert "simulated connection" in done.stderr
    assert "Traceback" not in done.stderr
    status = read(only(tmp_path, "status.json"))
    assert status["state"] == "failed"
    assert "Traceback" in status["error"]["traceback"]
    assert only(tmp_path, "items.parquet").exists()


@pytest.mark.parametrize(
    ("number", "optimizer"),
    [
        (signal.SIGINT, "random_few_shot"),
        (signal.SIGTERM, "random_few_shot"),
        # These install handlers of their own that end in os._exit.
        (signal.SIGINT, "meta_prompt"),
        (signal.SIGTERM, "gepa"),
    ],
)
def test_interrupt_keeps_what_was_done(
    tmp_path: Path, number: signal.Signals, optimizer: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "optbench", "model=simulated", "model.latency_s=0.05",
         f"optimizer={optimizer}",
         f"hydra.run.dir={tmp_path}"],
        env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    trials = tmp_path / "trials.jsonl"
    while time.monotonic() < deadline and not (trials.exists() and trials.read_text()):
        time.sleep(0.1)
    os.kill(process.pid, number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert f"interrupted; what was done so far is in {tmp_path}" in stderr
    assert read(tmp_path / "status.json")["state"] == "interrupted"
    assert pq.read_table(tmp_path / "items.parquet").num_rows > 120
    assert not (tmp_path / "result.json").exists()


def test_multirun_goes_on_after_a_failure(tmp_path: Path) -> None:
    done = command(
        "-m", *QUICK, "optimizer=none", "model.retries=0", "model.errors.connection=0,1.0", "seed=1,2",
        "hydra.sweep.dir=sweep", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode != 0
    assert len(list((tmp_path / "sweep").rglob("result.json"))) == 2
    assert "2 of 4 jobs failed" in done.stdout


def test_flags_may_follow_overrides() -> None:
    from optbench.app import _overrides_last

    words = ["a=1", "-m", "b=2", "--config-dir", "my=conf", "c=3", "--info", "d=4", "--cfg", "job"]
    assert _overrides_last(words) == [
        *("-m", "--config-dir", "my=conf", "--info", "--cfg", "job"),
        *("a=1", "b=2", "c=3", "d=4"),
    ]
    assert _overrides_last(["--info", "plugins", "a=1"]) == ["--info", "plugins", "a=1"]
