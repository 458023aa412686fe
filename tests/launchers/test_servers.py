"""One server for the embedded model of a sweep: shared, secret, replaced if it dies, gone at the end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from support import clean_environment, command, composed, wait_for

from hydra_plugins.optbench_launcher._servers import Servers, needed
from optbench.errors import OptbenchError
from optbench.task import Task
from optbench_jobs.job import Job

TOKEN = "f00d" * 16
DRIVER = f"""
import secrets, sys
secrets.token_hex = lambda _: {TOKEN!r}
from optbench.app import main
main()
"""
WORDS = (
    "-m",
    "model=smollm2",
    "optimizer=none",
    "cache=off",
    "seed=1,2",
    *(f"dataset.slices.{name}.count=3" for name in ("train", "validation", "test")),
    "hydra.sweep.dir=sweep",
)


def task(*overrides: str) -> Task:
    return Task.from_config(composed("optimizer=none", *overrides))


def job(*overrides: str) -> Job:
    return Job(0, "job", Path("job"), models=tuple(needed(task(*overrides)).items()))


def test_which_servers_a_task_needs(tmp_path: Path) -> None:
    assert needed(task("model=simulated")) == {}
    assert list(needed(task("model=smollm2")).values()) == ["smollm2"]
    assert len(needed(task("model=smollm2", "model@optimizer_model=smollm2"))) == 1
    other = ("model@optimizer_model=smollm2", "optimizer_model.n_parallel=2")
    assert len(needed(task("model=smollm2", *other))) == 2
    assert needed(task("model=smollm2", f"replay={tmp_path}")) == {}


def test_a_model_that_cannot_be_opened_fails_its_job(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(64))
    one = job("model=gguf", f"model.path={bad}")
    said: list[str] = []
    servers = Servers([one], said.append)
    with pytest.raises(OptbenchError, match=r"cannot load 'bad.gguf'|ended while it opened it"):
        servers.ready(one)
    servers.close()
    assert said == ["serving bad once for 1 job"]


@pytest.mark.slow
@pytest.mark.llm
def test_nobody_is_answered_without_the_token() -> None:
    one = job("model=smollm2")
    servers = Servers([one], lambda _: None)
    try:
        (access,) = servers.ready(one).values()
        assert access.address.startswith("http://127.0.0.1:")
        assert access.token not in repr(access)
        asked = {"messages": [{"role": "user", "content": "Say a word."}], "max_tokens": 1}
        given: list[dict[str, str]] = [
            {}, {"authorization": "Bearer x"}, {"authorization": f"Bearer {access.token[:-1]}"},
            {"authorization": f"Bearer {TOKEN}"}, {"authorization": f"Bearer {access.token}"},
        ]  # fmt: skip
        with httpx.Client(base_url=access.address, timeout=120, trust_env=False) as client:
            codes = [
                client.post("/v1/chat/completions", json=asked, headers=one_of).status_code
                for one_of in given
            ]
        assert codes == [401, 401, 401, 401, 200]
    finally:
        servers.close()


def started(cwd: Path, *words: str) -> subprocess.Popen[str]:
    """A sweep whose token is known; not by its command line, which forked processes have too."""
    (cwd / "driver.py").write_text(DRIVER)
    return subprocess.Popen(
        [sys.executable, "driver.py", *WORDS, *words],
        cwd=cwd,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def children(parent: int) -> list[Path]:
    """The processes that a process has started, as folders of /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(stat.parent)
        except OSError:
            continue
    return found


def holding_weights(parent: int) -> set[int]:
    """Those of them that have a model in memory."""
    found = set()
    for folder in children(parent):
        try:
            if ".gguf" in (folder / "maps").read_text():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def asked(sweep: Path) -> bool:
    """Whether a job has had a reply."""
    return any(
        (json.loads(file.read_text()).get("progress") or {}).get("calls")
        for file in sweep.rglob("status.json")
    )


def gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True


@pytest.mark.slow
@pytest.mark.llm
def test_one_server_for_the_sweep_and_its_token_nowhere(tmp_path: Path) -> None:
    process = started(tmp_path, "hydra.launcher.n_jobs=2")
    seen: set[int] = set()
    shown = ""
    while process.poll() is None:
        seen |= holding_weights(process.pid)
        for folder in children(process.pid):
            try:
                shown += (folder / "cmdline").read_text() + (folder / "environ").read_text()
            except OSError:
                continue
        time.sleep(0.2)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert "serving smollm2 once for 2 jobs" in said
    assert len(seen) == 1
    assert all(gone(pid) for pid in seen)
    assert TOKEN not in shown + said
    files = [file for file in (tmp_path / "sweep").rglob("*") if file.is_file()]
    assert sum(file.name == "result.json" for file in files) == 2
    assert [file for file in files if TOKEN.encode() in file.read_bytes()] == []


@pytest.mark.slow
@pytest.mark.llm
def test_the_server_ends_with_a_killed_launcher(tmp_path: Path) -> None:
    process = started(tmp_path)
    wait_for(lambda: holding_weights(process.pid))
    (server,) = holding_weights(process.pid)
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: gone(server), 15)


@pytest.mark.slow
@pytest.mark.llm
def test_ctrl_c_in_a_terminal_reaches_the_server_too(tmp_path: Path) -> None:
    """It must go on, since the jobs still save; and then be gone."""
    process = started(tmp_path, "dataset.slices.test.count=80", "hydra.launcher.n_jobs=1")
    wait_for(lambda: asked(tmp_path / "sweep"))
    (server,) = holding_weights(process.pid)
    os.kill(server, signal.SIGINT)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "to go on: optbench resume=sweep" in said
    states = [json.loads(f.read_text())["state"] for f in (tmp_path / "sweep").rglob("status.json")]
    assert states == ["interrupted"]
    assert gone(server)


@pytest.mark.slow
@pytest.mark.llm
def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    process = started(tmp_path, "hydra.launcher.n_jobs=1", "hydra.launcher.retries=1")
    wait_for(lambda: asked(tmp_path / "sweep"))
    (server,) = holding_weights(process.pid)
    os.kill(server, signal.SIGKILL)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert "the server that the jobs of this sweep share has ended" in said
    assert "the server of smollm2 has ended (signal 9); starting it again" in said
    assert len(list((tmp_path / "sweep").rglob("result.json"))) == 2


def replies(folder: Path) -> list[str]:
    with closing(sqlite3.connect(next(folder.rglob("calls.sqlite")))) as db:
        return [text for (text,) in db.execute("SELECT reply FROM calls ORDER BY id")]


@pytest.mark.slow
@pytest.mark.llm
def test_a_job_is_answered_as_if_the_server_were_new(tmp_path: Path) -> None:
    """What earlier jobs asked of it must not tip a reply, also with the cache of replies off."""
    words = (
        *("model=smollm2", "optimizer=none", "cache=off", "n_threads=1"),
        *(f"dataset.slices.{name}.count=10" for name in ("train", "validation", "test")),
    )
    alone = command(*words, "seed=2", "hydra.run.dir=alone", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    done = command("-m", *words, "seed=1,2", "hydra.sweep.dir=sweep", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (second,) = (tmp_path / "sweep").rglob("s2-*")
    assert replies(second) == replies(tmp_path / "alone")
