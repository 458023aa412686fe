"""A sweep while it runs."""

from __future__ import annotations

import fcntl
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from commands.conftest import Run, fail, sweep
from results.job_files import make, unfinished
from support import clean_environment

from optbench.commands import remotes
from optbench.layout import SharedFolder


def running(folder: Path, identity: str = "r" * 64) -> None:
    unfinished(
        folder,
        {
            "state": "running", "phase": "optimise", "pid": os.getpid(), "host": platform.node(),
            "started_at": time.time() - 90, "written_at": time.time(), "phase_began_at": time.time(),
            "progress": {"share": 0.4, "best": 0.625, "calls": 1234, "paid_usd": 0.5},
        },
        identity,
    )  # fmt: skip


def test_one_look(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    running(folder / "now")
    done = run("watch", "s", "--once")
    assert done.code == 0
    assert "3 success, 1 running" in done.out
    (line,) = [line for line in done.out.splitlines() if " running " in line]
    assert (
        line.split()[-7:]
        == ["optimise", "40", "%", "0.625", "1,234", "$0.50", "1", "min", "30", "s"][-7:]
    )
    assert max(map(len, done.out.splitlines())) <= 80


def test_it_ends_when_all_have_ended(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    running(folder / "now", "r" * 64)

    def end() -> None:
        time.sleep(2)  # until it was looked at
        make(Path("aside"), optimizer="late", identity="r" * 64)
        (folder / "now" / "status.json").unlink()
        for file in sorted(Path("aside").iterdir(), key=lambda one: one.name == "status.json"):
            file.rename(folder / "now" / file.name)

    ending = threading.Thread(target=end)
    ending.start()
    done = run("watch", "s", "--interval", "0.1")
    ending.join()
    assert done.code == 0
    assert "3 success, 1 running" in done.out
    assert (
        "late/now: success, test exact_match 0.250 -> 0.500 (n=4, SIMULATED)"
        in done.out.replace("\n", " ")
    )
    assert done.out.splitlines()[-1] == "s: 4 success"


def test_it_fails_where_a_job_did(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    fail(folder / "bad", {"type": "E", "message": "no", "traceback": ""})
    done = run("watch", "s", "--interval", "0.1")
    assert done.code == 1
    assert "bad: failed, E: no" in done.out


def test_a_launch_between_two_jobs_is_waited_for(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    lock = SharedFolder(folder).lock
    lock.parent.mkdir()
    held = lock.open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(0.5, held.close).start()
    began = time.monotonic()
    assert run("watch", "s", "--interval", "0.1").code == 0
    assert time.monotonic() - began > 0.4


def test_files_that_are_coming_home_are_waited_for(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    unfinished(folder / "now", {"state": "success", "error": None}, "r" * 64)
    coming = threading.Timer(0.3, lambda: make(folder / "now", optimizer="late", identity="r" * 64))
    coming.start()
    done = run("watch", "s", "--interval", "1")
    coming.join()
    assert done.code == 0
    assert "unreadable" not in done.out.splitlines()[-1]
    (folder / "now" / "result.json").unlink()
    assert run("watch", "s", "--interval", "0.1").code == 1  # it does not come


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    running(tmp_path / "multirun/s/now")
    watching = subprocess.Popen(
        [sys.executable, "-m", "optbench.commands", "watch", "s", "--interval", "0.1"],
        cwd=tmp_path, env=clean_environment() | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores it, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert watching.stdout is not None
    assert "1 running" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    assert watching.wait(20) == 130


class Elsewhere:
    """Who takes jobs elsewhere."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def describe(self, folder: Path, ask: bool) -> list[str]:
        self.asked.append(ask)
        return ["2 jobs are elsewhere\x1b[2J"] if folder.name == "s" else []

    def collect(self, folder: Path) -> list[str]:
        make(folder / "home")
        return ["1 job came home"]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Any:
    one = Elsewhere()
    monkeypatch.setattr(remotes, "_loaded", lambda: (("there", one),))
    return one


def test_jobs_that_are_elsewhere_are_told_and_brought_home(run: Run, elsewhere: Elsewhere) -> None:
    ledger = SharedFolder(Path("multirun/s")).modal
    ledger.parent.mkdir(parents=True)
    ledger.write_text('{"event": "run", "run": "s-1"}\n')
    for words in (("list",), ("show", "s"), ("show", "s", "--raw"), ("watch", "s", "--once")):
        done = run(*words)
        assert done.code == 0, done.err
        assert "2 jobs are elsewhere" in done.out
        assert "\x1b" not in done.out
    assert elsewhere.asked == [False, True, True, True]
    home = run("show", "s", "--collect")
    assert "1 job came home" in home.err
    assert "1 job (1 success)" in home.out.replace("1 jobs", "1 job")


def test_a_remote_that_fails_ends_no_view(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def describe(self, folder: Path, ask: bool) -> list[str]:
            raise RuntimeError("no network")

    monkeypatch.setattr(remotes, "_loaded", lambda: (("there", Broken()),))
    sweep(Path("multirun/s"), seeds=(1,))
    done = run("show", "s")
    assert done.code == 0
    assert "there: RuntimeError: no network" in done.out
