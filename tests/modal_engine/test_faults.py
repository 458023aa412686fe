"""What can go wrong between this machine, Modal and a container: nothing lost, nothing paid twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from modal_engine.cloud import MODAL, SWEEP, optbench_modal, spawned
from modal_loopback.peer import Loopback, loopback, unavailable
from peers import completion, openai
from support import command, dataset_of_fifteen

from optbench_modal.journal import Journal
from optbench_modal.source import Source

pytestmark = pytest.mark.slow
TWO = (*SWEEP, *MODAL, "optimizer=none", "seed=1,2")


@pytest.fixture(scope="module")
def paying(peer: Loopback, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """How a sweep asks a provider whose key is in a secret."""
    made = optbench_modal(
        "secret", "peer", "--key", "PEER_API_KEY",
        cwd=tmp_path_factory.mktemp("secret"), peer=peer, env={"PEER_API_KEY": "sk-peer-0123456789"},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return (
        *SWEEP, *MODAL, "model=litellm", "model.id=openai/peer", "model.api_key_env=PEER_API_KEY",
        "hydra.launcher.modal.secrets=[peer]",
    )  # fmt: skip


@contextmanager
def turned(peer: Loopback, **knobs: Any) -> Iterator[None]:
    """With knobs turned, and turned back."""
    peer.knobs(**knobs)
    try:
        yield
    finally:
        still = {
            "kill": None, "faults": {}, "expired": False, "max_pending": None, "start_delay": 0.0,
            "volume_full": False, "down": 0.0, "missing_secrets": [],
        }  # fmt: skip
        peer.knobs(**{name: still[name] for name in knobs})


def results(folder: Path) -> int:
    return len(list(folder.rglob("result.json")))


def run(folder: Path, peer: Loopback, *words: str, timeout: float = 120) -> str:
    """Runs a sweep, which has to succeed; what it said."""
    done = command(*words, cwd=folder, env=peer.env, timeout=timeout)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def test_a_container_that_is_lost_costs_no_more_than_was_in_flight(
    tmp_path: Path, peer: Loopback, paying: tuple[str, ...]
) -> None:
    def answer(_: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        time.sleep(0.15)
        return 200, completion("other")

    words = (*paying, "optimizer=random_few_shot", "hydra.launcher.modal.commit_s=0.5")
    with openai(answer) as (address, seen):
        run(tmp_path, peer, *words, f"model.api_base={address}", "hydra.sweep.dir=whole")
        once = len(seen)
        assert once > 10
        with turned(peer, kill={"input": 0, "after_commits": 2}):
            run(tmp_path, peer, *words, f"model.api_base={address}", "hydra.sweep.dir=killed")
        assert peer.counts()["events"]["kills"] >= 1
        twice = len(seen) - 2 * once
    assert results(tmp_path) == 2
    # Half a second between commits, 0.15 s a call, and the time that a look takes.
    assert 0 <= twice <= 8
    whole, killed = (
        json.loads(next((tmp_path / name).rglob("result.json")).read_text())["scores"]
        for name in ("whole", "killed")
    )
    assert killed == whole


def test_a_spawn_whose_reply_is_lost_runs_once(
    tmp_path: Path, peer: Loopback, paying: tuple[str, ...]
) -> None:
    with openai(lambda _: (200, completion("other"))) as (address, seen):
        words = (*paying, f"model.api_base={address}", "optimizer=none")
        run(tmp_path, peer, *words, "hydra.sweep.dir=once")
        once, before = len(seen), spawned(peer)
        with turned(peer, faults={"FunctionMap": {"mode": "drop", "times": 1}}):
            run(tmp_path, peer, *words, "hydra.sweep.dir=lost")
        assert spawned(peer) == before + 2  # the client's own second try: Modal has two calls
        assert len(seen) == 2 * once
    assert results(tmp_path) == 2


def test_outputs_that_have_expired_are_on_the_volume(tmp_path: Path, peer: Loopback) -> None:
    before = spawned(peer)
    run(tmp_path, peer, *TWO, "engine.detach=true")
    journal = Journal(tmp_path / "sweep" / "shared" / "modal" / "journal.jsonl")
    ids = {entry.call for entry in journal.open()}
    assert len(ids) == 2
    peer.wait(lambda counts: ids <= counts["finished"].keys(), timeout=60)
    lost = f"runs/{journal.run}/{journal.open()[0].key}"  # of one nothing is left at all
    removed = subprocess.run(
        [sys.executable, "-m", "modal", "volume", "rm", "-r", "optbench-results", lost],
        env={**os.environ, **peer.env}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert removed.returncode == 0, removed.stderr
    with turned(peer, expired=sorted(map(str, ids))):
        home = optbench_modal("collect", "sweep", cwd=tmp_path, peer=peer)
    assert home.returncode == 0, home.stderr
    assert (home.stdout + home.stderr).count("it is spawned again") == 1
    assert results(tmp_path) == 2
    assert spawned(peer) == before + 3


def test_no_room_for_more_calls_is_waited_for(tmp_path: Path, peer: Loopback) -> None:
    with turned(peer, max_pending=1):
        run(tmp_path, peer, *SWEEP, *MODAL, "optimizer=none", "seed=1,2,3")
    assert results(tmp_path) == 3


def test_slow_starts_and_an_absent_server_are_waited_for(tmp_path: Path, peer: Loopback) -> None:
    run(tmp_path, peer, *TWO, "engine.detach=true")
    with turned(peer, start_delay=2.0, down=3.0):
        time.sleep(3.1)  # what asks first is a new client, which does not wait so long
        home = optbench_modal("collect", "sweep", cwd=tmp_path, peer=peer)
    assert home.returncode == 0, home.stderr
    assert results(tmp_path) == 2


def test_a_full_volume_is_said_and_nothing_is_lost(tmp_path: Path, peer: Loopback) -> None:
    with turned(peer, volume_full=True):
        done = command(*TWO, cwd=tmp_path, env=peer.env)
    assert done.returncode == 1
    assert "full" in done.stderr.lower() or "space" in done.stderr.lower(), done.stderr
    assert results(tmp_path) == 0
    again = command("retry_failed=sweep", cwd=tmp_path, env=peer.env)
    assert again.returncode == 0, again.stderr
    assert results(tmp_path) == 2


def test_a_job_that_fails_says_why_and_its_files_come_home(tmp_path: Path, peer: Loopback) -> None:
    bad = ("dataset.slices.test.start=100000", "hydra.launcher.preflight=false")
    done = command(*TWO, *bad, cwd=tmp_path, env=peer.env)
    assert done.returncode == 1
    assert "dataset.slices.test" in done.stderr, done.stderr
    logs = list((tmp_path / "sweep").rglob("job.log"))
    assert len(logs) == 2
    assert "dataset.slices.test" in logs[0].read_text()
    shown = optbench_modal("logs", str(logs[0].parent), cwd=tmp_path, peer=peer)
    assert shown.returncode == 0, shown.stderr
    assert "dataset.slices.test" in shown.stdout


def test_keys_come_from_a_secret(tmp_path: Path, peer: Loopback) -> None:
    with openai(lambda _: (200, completion("other"))) as (address, seen):
        words = (
            *SWEEP, *MODAL, "model=litellm", "model.id=openai/peer", f"model.api_base={address}",
            "model.api_key_env=PEER_API_KEY", "optimizer=none",
        )  # fmt: skip
        before = spawned(peer)
        refused = command(*words, cwd=tmp_path, env=peer.env)
        assert refused.returncode == 2
        assert "optbench-modal secret opik-benchmarks --key PEER_API_KEY" in refused.stderr
        assert spawned(peer) == before
        none = optbench_modal("secret", "--key", "PEER_API_KEY", cwd=tmp_path, peer=peer)
        assert none.returncode == 2
        env = {"PEER_API_KEY": "sk-planted-0123456789"}
        made = optbench_modal("secret", "--key", "PEER_API_KEY", cwd=tmp_path, peer=peer, env=env)
        assert made.returncode == 0, made.stderr
        assert "PEER_API_KEY" in made.stdout
        assert "planted" not in made.stdout + made.stderr
        twice = optbench_modal("secret", "--key", "PEER_API_KEY", cwd=tmp_path, peer=peer, env=env)
        assert twice.returncode == 2
        assert "--overwrite" in twice.stderr
        run(tmp_path, peer, *words)
        assert {one["authorization"] for one in seen} == {"Bearer sk-planted-0123456789"}
    for file in (*tmp_path.rglob("*"), *peer.volume("optbench-results").rglob("*")):
        assert not file.is_file() or b"sk-planted" not in file.read_bytes()


def test_stale_code_is_refused_before_anything_is_spawned(tmp_path: Path, peer: Loopback) -> None:
    own = tmp_path / "own"
    (own / "mine").mkdir(parents=True)
    (own / "mine" / "__init__.py").write_text("VERSION = 1\n")
    path = {"PYTHONPATH": f"{own}:{os.environ.get('PYTHONPATH', '')}"}
    words = (*TWO, "hydra.launcher.modal.app=stale", "hydra.launcher.modal.packages=[mine]")
    env = {**peer.env, **path}
    first = command(*words, cwd=tmp_path, env=env)
    assert first.returncode == 2
    assert "deploy --app stale --package mine, or engine.deploy=true" in first.stderr
    assert results(tmp_path) == 0
    done = command(*words, "engine.deploy=true", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    (own / "mine" / "__init__.py").write_text("VERSION = 2\n")
    before = spawned(peer)
    stale = command(*words, "hydra.sweep.dir=other", cwd=tmp_path, env=env)
    assert stale.returncode == 2
    assert "is not the one that is here" in stale.stderr
    assert spawned(peer) == before


def test_what_runs_comes_home_whatever_changed_here(tmp_path: Path, peer: Loopback) -> None:
    own = tmp_path / "own"
    (own / "theirs").mkdir(parents=True)
    (own / "theirs" / "__init__.py").write_text("VERSION = 1\n")
    env = {**peer.env, "PYTHONPATH": f"{own}:{os.environ.get('PYTHONPATH', '')}"}
    words = (
        *TWO, "hydra.launcher.modal.app=changing", "hydra.launcher.modal.packages=[theirs]",
        "engine.deploy=true", "model.latency_s=0.2",
    )  # fmt: skip
    left = command(*words, "engine.detach=true", cwd=tmp_path, env=env)
    assert left.returncode == 0, left.stderr
    (own / "theirs" / "__init__.py").write_text("VERSION = 2\n")
    before = spawned(peer)
    home = optbench_modal("collect", "sweep", cwd=tmp_path, peer=peer, env=env)
    assert home.returncode == 0, home.stderr
    assert results(tmp_path) == 2
    assert spawned(peer) == before


def test_a_container_that_is_told_to_end_saves(tmp_path: Path, peer: Loopback) -> None:
    with turned(peer, kill={"input": 0, "after_seconds": 4.0, "signal": "INT"}):
        run(
            tmp_path, peer, *SWEEP, *MODAL, "optimizer=random_few_shot", "model.latency_s=0.5",
            "hydra.launcher.modal.commit_s=60",
        )  # fmt: skip
    assert results(tmp_path) == 1
    log = next(tmp_path.rglob("job.log")).read_text()
    assert peer.counts()["events"].get("kills", 0) >= 1, log


@pytest.mark.skipif(bool(unavailable()), reason="no containers here")
def test_what_is_missing_is_one_table(tmp_path: Path) -> None:
    with loopback() as empty:
        done = command(*TWO, cwd=tmp_path, env=empty.env)
        assert done.returncode == 2
        assert "modal: app" in done.stderr
        assert "modal: volume" in done.stderr
        assert done.stderr.count("optbench-modal deploy") == 2
        assert not (tmp_path / "sweep" / "shared" / "modal").exists()
        tokens = {"MODAL_TOKEN_ID": "", "MODAL_TOKEN_SECRET": ""}
        done = command(*TWO, cwd=tmp_path, env={**empty.env, **tokens})
        assert done.returncode == 2
        assert "modal: token" in done.stderr
        assert "Traceback" not in done.stderr
    assert results(tmp_path) == 0


def test_nothing_is_believed_of_an_app_that_is_not_ours(tmp_path: Path, peer: Loopback) -> None:
    source = Source()
    record = tmp_path / "rogue.json"
    record.write_text(json.dumps({"code": source.fingerprint(), "python": source.python}))
    for words in (
        ("deploy", str(Path(__file__).parent / "rogue.py")),
        ("volume", "put", "optbench-results", str(record), "/deployments/rogue.json"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "modal", *words],
            env={**os.environ, **peer.env}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
    run = command(
        *SWEEP, *MODAL, "optimizer=none", "seed=1,2,3", "hydra.launcher.modal.app=rogue",
        cwd=tmp_path, env=peer.env,
    )  # fmt: skip
    assert run.returncode == 1
    assert "3 of 3 jobs failed" in run.stderr, run.stderr
    for said in ("no JSON", "for another job", "left no result"):
        assert said in run.stdout + run.stderr
    assert results(tmp_path) == 0
    assert not list(tmp_path.rglob("passwd"))  # a link is no file of a job's


@pytest.mark.llm
def test_an_embedded_model_runs_in_a_container(tmp_path: Path, peer: Loopback) -> None:
    words = (
        *SWEEP, *MODAL, "model=smollm2", "optimizer=none", "engine.deploy=true",
        "hydra.launcher.modal.app=local", "hydra.launcher.modal.extras=[local-llm]",
        *(f"dataset.slices.{name}.count=3" for name in ("train", "validation", "test")),
    )  # fmt: skip
    run(tmp_path, peer, *words, timeout=300)
    assert results(tmp_path) == 1


def test_a_file_of_this_machine_goes_along(tmp_path: Path, peer: Loopback) -> None:
    rows = [{"text": f"row {n}", "answer": str(n % 2)} for n in range(15)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = tmp_path / "conf" / "dataset"
    own.mkdir(parents=True)
    (own / "own.yaml").write_text(dataset_of_fifteen("own", "{kind: file, path: rows.jsonl}"))
    run(tmp_path, peer, "--config-dir", "conf", *TWO, "dataset=own")
    assert results(tmp_path) == 2
