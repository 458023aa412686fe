"""The embedded backend, driven by the genuine client."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from optbench.errors import OptbenchError
from optbench.tracking.store import OpikStore


def test_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "opik.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("create table t (x)")
        db.execute("pragma user_version=9")
    before = path.read_bytes()
    with pytest.raises(OptbenchError, match="schema version 9"):
        OpikStore(path)
    assert path.read_bytes() == before


def test_no_sqlite_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "opik.sqlite"
    path.write_text("something else entirely, long enough to be read as a header of a file" * 20)
    with pytest.raises(OptbenchError, match="no SQLite file"):
        OpikStore(path)


def test_updates_merge(tmp_path: Path) -> None:
    store = OpikStore(tmp_path / "opik.sqlite")
    store.put("traces", "a", {"id": "a", "input": 1, "output": None})
    store.put("traces", "a", {"id": "a", "output": 2, "input": None})
    assert store.get("traces", "a") == {"id": "a", "input": 1, "output": 2}
    store.close()


def test_unknown_endpoint_is_501_and_remembered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import httpx

    from optbench.tracking.transport import EmbeddedTransport

    transport = EmbeddedTransport()
    request = httpx.Request("DELETE", "http://opik.invalid/api/v1/private/everything")
    assert transport.handle_request(request).status_code == 503
    transport.attach(OpikStore(tmp_path / "opik.sqlite"))
    with caplog.at_level(logging.WARNING):
        assert transport.handle_request(request).status_code == 501
    assert transport.unknown_requests == ["DELETE /everything"]
    assert "DELETE /everything" in caplog.text


AUDIT = """
import sys
seen = []
watched = ("socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda name, args: seen.append((name, args)) if name in watched else None)
sys.argv = ["optbench", "model=simulated", "test_mode=true", "optimizer={optimizer}"]
import optbench.app
optbench.app.main()
assert not seen, seen
"""


@pytest.mark.parametrize("optimizer", ["random_few_shot", "meta_prompt"])
def test_nothing_is_dialled(tmp_path: Path, optimizer: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AUDIT.replace("{optimizer}", optimizer)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_between_two_tasks_the_server_is_well_but_takes_nothing() -> None:
    """A client that hears it is down parks what the next task sends, which then lacks it."""
    import httpx

    from optbench.tracking.transport import EmbeddedTransport

    transport = EmbeddedTransport()

    def status(method: str, path: str) -> int:
        request = httpx.Request(method, f"http://embedded/api{path}", json={})
        return transport.handle_request(request).status_code

    assert status("GET", "/is-alive/ping") == 200
    assert status("POST", "/v1/private/traces/batch") == 503


def test_every_task_of_a_process_has_all_its_traces(tmp_path: Path) -> None:
    """Also those that an optimizer's own calls of opik make, after a task that failed."""
    from support import composed

    from optbench.models.simulated import SimulatedModel
    from optbench.task import Task, run_task

    words = (
        *("model=simulated", "optimizer=meta_prompt", "budget=trials_3", "cache=off"),
        *(f"dataset.slices.{name}.count=6" for name in ("train", "validation", "test")),
    )

    def broken(*_: object) -> None:
        raise OptbenchError("told to")

    counted = []
    for number in range(3):
        folder = tmp_path / str(number)
        with pytest.MonkeyPatch.context() as patch:
            if number == 1:
                patch.setattr(SimulatedModel, "facts", broken)  # after all else is done
            try:
                run_task(Task.from_config(composed(*words, "n_threads=1")), folder)
            except OptbenchError:
                assert number == 1
        with sqlite3.connect(folder / "opik.sqlite") as db:
            counted.append(db.execute("select count(*) from traces").fetchone()[0])
    assert counted == [counted[0]] * 3
    assert counted[0] > 24
