"""What a container does, with a folder in the place of the volume and no Modal."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import composed

from optbench.task import Task
from optbench_modal import copies, worker
from optbench_modal.names import CODE_VARIABLE, DONE, OUTPUT, RUNS
from optbench_modal.payload import Payload, Reply, pack

TINY = ("model=simulated", "optimizer=none", "test_mode=true", "cache=off")


@pytest.fixture(autouse=True)
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CODE_VARIABLE, "code")
    monkeypatch.setattr(worker, "HOME", tmp_path / "disk")


def payload(*words: str, **changed: Any) -> Payload:
    task = Task.from_config(composed(*TINY, *words))
    return replace(Payload("run", task.identity, "d/job", 1, "code", task=pack(task)), **changed)


def answered(
    given: Payload | str, volume: Path, call: str = "fc-1", claims: dict[str, str] | None = None
) -> Reply:
    """What a container says; a claim of another call stands in ``claims``."""
    held = {} if claims is None else claims

    def take(key: str) -> bool:
        if key in held:
            return False
        held[key] = call
        return True

    text = given if isinstance(given, str) else given.dumps()
    mounted = worker.Mounted(volume, lambda: None, lambda: None)
    return Reply.loads(worker.answer(text, mounted, worker.Claim(call, take, held.get)))


def place(given: Payload, volume: Path) -> Path:
    return volume / RUNS / given.run / given.key


def test_a_task_leaves_its_folder_on_the_volume(tmp_path: Path) -> None:
    given = payload(home="/home/me/sweep/d/job")
    reply = answered(given, tmp_path / "v")
    assert reply.state == "success", reply
    assert reply.value["n"] == 5
    output = place(given, tmp_path / "v") / OUTPUT
    assert json.loads((output / "result.json").read_text())["identity"] == given.key
    assert {
        "task.json",
        "status.json",
        "items.parquet",
        "trials.jsonl",
        "calls.sqlite",
        "job.log",
    } <= {one.name for one in output.iterdir()}
    assert not [one for one in output.rglob("*") if one.name.endswith((".aside", "-wal", ".lock"))]
    log = (output / "job.log").read_text()
    assert "files: /home/me/sweep/d/job\n" in log
    assert str(tmp_path / "disk") not in log
    # Another call of the same job has the same answer, and no model is asked.
    calls = (output / "calls.sqlite").stat().st_mtime_ns
    assert answered(replace(given, attempt=2), tmp_path / "v", "fc-2").value == reply.value
    assert (output / "calls.sqlite").stat().st_mtime_ns == calls


def test_other_code_is_refused(tmp_path: Path) -> None:
    reply = answered(payload(code="new"), tmp_path / "v")
    assert reply.state == "failed"
    assert reply.error is not None
    assert reply.error["type"] == "StaleCodeError"
    assert "optbench-modal deploy" in reply.error["mend"]
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"schema_version": 1}', "\0"])
def test_a_payload_that_is_none_is_answered(text: str, tmp_path: Path) -> None:
    reply = answered(text, tmp_path / "v")
    assert reply.state == "failed"
    assert reply.error is not None
    assert reply.error["type"] == "WireError"


def test_a_claimed_job_is_left_to_its_call(tmp_path: Path) -> None:
    given = payload()
    claims = {f"run/{given.key}/1": "fc-0"}
    reply = answered(given, tmp_path / "v", "fc-1", claims)
    assert (reply.state, reply.call) == ("duplicate", "fc-0")
    # The same call again: its container was taken away.
    assert answered(given, tmp_path / "v", "fc-0", claims).state == "success"


def test_a_failure_stays_until_another_attempt(tmp_path: Path) -> None:
    given = payload("dataset.slices.test.start=100000")
    reply = answered(given, tmp_path / "v")
    assert reply.state == "failed"
    assert reply.error is not None
    assert reply.error["type"] in ("PreflightError", "DataError")
    assert "dataset.slices.test" in json.dumps(reply.error)
    done = place(given, tmp_path / "v") / DONE
    before = done.stat().st_mtime_ns
    assert answered(given, tmp_path / "v", "fc-2").error == reply.error
    assert done.stat().st_mtime_ns == before
    assert answered(replace(given, attempt=2), tmp_path / "v", "fc-3").state == "failed"
    assert done.stat().st_mtime_ns > before


def test_what_takes_the_job_down_is_answered(tmp_path: Path) -> None:
    given = payload(timeout_s=0.001)
    reply = answered(given, tmp_path / "v")
    assert reply.state == "failed"
    assert reply.error is not None
    assert reply.error["type"] == "JobTimeoutError"


def test_another_task_than_was_composed_is_refused(tmp_path: Path) -> None:
    reply = answered(replace(payload(), key="0" * 64), tmp_path / "v")
    assert reply.error is not None
    assert "another identity" in reply.error["message"]


def test_a_volume_that_is_full_is_said(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    claim = worker.Claim("fc", lambda key: True, lambda key: None)
    mounted = worker.Mounted(tmp_path / "v", full, lambda: None)
    reply = Reply.loads(worker.answer(payload().dumps(), mounted, claim))
    assert reply.state == "failed"
    assert reply.error is not None
    assert "No space left" in reply.error["message"]
    assert "volume 'optbench-results' has no room left" in reply.error["message"]
    assert reply.error["key"] == "hydra.launcher.modal.volume"


class InputCancellation(BaseException):
    """As Modal's own."""


def test_a_call_that_is_taken_back_takes_its_process_along(tmp_path: Path) -> None:
    done: list[str] = []

    class Backend:
        def close(self, *, kill: bool) -> None:
            done.append(f"kill={kill}")

    at_work: Any = Backend()
    with (
        pytest.raises(InputCancellation),
        worker._ended_with_its_call(at_work, lambda: done.append("saved")),
    ):
        raise InputCancellation
    assert done == ["kill=True", "saved"]

    def cancelled(_: str) -> bool:
        raise InputCancellation

    mounted = worker.Mounted(tmp_path, lambda: None, lambda: None)
    with pytest.raises(InputCancellation):  # for Modal to hear of it
        worker.answer(payload().dumps(), mounted, worker.Claim("fc", cancelled, lambda _: None))


def test_paid_calls_are_replayed_after_a_container_is_lost(tmp_path: Path) -> None:
    given = payload("optimizer=random_few_shot")
    assert answered(given, tmp_path / "v").state == "success"
    output = place(given, tmp_path / "v") / OUTPUT
    paid = _count(output / "calls.sqlite")
    # As a container leaves it that is taken away before its end.
    (place(given, tmp_path / "v") / DONE).unlink()
    (output / "result.json").unlink()
    assert answered(given, tmp_path / "v").state == "success"
    assert _count(output / "calls.sqlite") == paid


def test_a_database_is_copied_whole_while_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    with sqlite3.connect(folder / "calls.sqlite") as at_work:
        at_work.execute("PRAGMA journal_mode=WAL")
        at_work.execute("CREATE TABLE calls (n)")
        at_work.execute("INSERT INTO calls VALUES (1)")
        at_work.commit()
        at_work.execute("INSERT INTO calls VALUES (2)")  # not committed
        copies.save(folder, tmp_path / "kept")
    assert [one.name for one in (tmp_path / "kept").iterdir()] == ["calls.sqlite"]
    assert _count(tmp_path / "kept" / "calls.sqlite") == 1


def _count(database: Path) -> int:
    with sqlite3.connect(database) as opened:
        return int(opened.execute("SELECT count(*) FROM calls").fetchone()[0])
