"""What ``optbench-results`` learns of a sweep at Modal, and brings home."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from modal_engine.cloud import MODAL, SWEEP
from modal_loopback.peer import Loopback
from support import clean_environment, command, wait_for

from optbench.errors import OptbenchError
from optbench.layout import SharedFolder
from optbench_modal import remote
from optbench_modal.journal import Journal
from optbench_modal.remote import collect, describe

pytestmark = pytest.mark.slow

ASKS = """
import json, sys
from pathlib import Path
from optbench_modal import remote
how, sweep = sys.argv[1], Path("sweep")
print(json.dumps(remote.collect(sweep) if how == "collect" else remote.describe(sweep, how == "ask")))
"""


def asked(how: str, cwd: Path, peer: Loopback) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", ASKS, how], cwd=cwd, env={**clean_environment(), **peer.env},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines: list[str] = json.loads(done.stdout)
    return lines


def test_a_sweep_that_was_left_is_described_and_comes_home(tmp_path: Path, peer: Loopback) -> None:
    left = command(
        *SWEEP,
        "optimizer=none",
        "seed=1,2",
        *MODAL,
        "engine.detach=true",
        cwd=tmp_path,
        env=peer.env,
    )
    assert left.returncode == 0, left.stderr
    assert asked("here", tmp_path, peer) == [
        "2 of 2 jobs are at Modal still, as far as is known here"
    ]
    wait_for(lambda: "2 success, to collect" in "".join(asked("ask", tmp_path, peer)))
    assert asked("collect", tmp_path, peer) == ["2 of 2 jobs came home from Modal"]
    assert len(list((tmp_path / "sweep").rglob("result.json"))) == 2
    assert asked("ask", tmp_path, peer) == asked("collect", tmp_path, peer) == []
    again = command("resume=sweep", "engine.detach=false", cwd=tmp_path, env=peer.env)
    assert again.returncode == 0, again.stderr  # the launch that follows finds all of it done


def test_where_modal_cannot_be_asked_the_journal_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(SharedFolder(tmp_path).modal, "sweep", {"volume": "nowhere"})
    for key in ("a", "b", "c"):
        journal.intend(key, f"job-{key}", 1)
        journal.spawned(key, f"call-{key}")
    journal.ended("c", "success")
    monkeypatch.setattr(remote, "ANSWER_S", 1.0)
    monkeypatch.setenv("MODAL_SERVER_URL", "http://127.0.0.1:9")
    (line,) = describe(tmp_path, ask=True)
    assert line.startswith("2 of 3 jobs are at Modal still")
    assert describe(tmp_path / "none", ask=True) == []


def test_a_journal_that_names_a_place_elsewhere_is_refused(tmp_path: Path) -> None:
    Journal(SharedFolder(tmp_path).modal, "sweep").intend("a", "../../elsewhere", 1)
    with pytest.raises(OptbenchError, match="elsewhere"):
        collect(tmp_path)
