"""``engine=modal`` end to end: the real client, command line and container over a loopback Modal."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from modal_engine.cloud import MODAL, SWEEP, TWELVE, optbench_modal, spawned, told
from modal_loopback.peer import Loopback
from support import command, start, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local")
    done = command(*TWELVE, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "sweep"


def test_the_same_sweep_has_the_same_results(tmp_path: Path, peer: Loopback, local: Path) -> None:
    done = command(*TWELVE, *MODAL, cwd=tmp_path, env=peer.env, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "12/12" in done.stdout or "12 success" in done.stdout, done.stdout
    expected, got = told(local), told(tmp_path / "sweep")
    assert len(expected) == 12
    assert got.keys() == expected.keys()
    for job, here in expected.items():
        assert got[job] == here, job
    before = spawned(peer)
    again = command(*TWELVE, *MODAL, cwd=tmp_path, env=peer.env)
    assert again.returncode == 0, again.stderr
    assert "12 done before, 0 to do" in again.stdout
    assert spawned(peer) == before


def test_jobs_go_on_when_the_launch_leaves(tmp_path: Path, peer: Loopback, local: Path) -> None:
    before = spawned(peer)
    left = command(*TWELVE, *MODAL, "engine.detach=true", cwd=tmp_path, env=peer.env)
    assert left.returncode == 0, left.stderr + left.stdout
    assert "optbench-modal collect sweep" in left.stdout + left.stderr
    assert "Traceback" not in left.stderr
    assert "pending" not in left.stderr
    assert not list(tmp_path.rglob("result.json"))
    assert spawned(peer) == before + 12
    status = optbench_modal("status", "sweep", cwd=tmp_path, peer=peer)
    assert status.returncode == 0, status.stderr
    assert "random_few_shot" in status.stdout
    home = optbench_modal("collect", "sweep", cwd=tmp_path, peer=peer, timeout=300)
    assert home.returncode == 0, home.stderr + home.stdout
    assert told(tmp_path / "sweep") == told(local)
    assert spawned(peer) == before + 12
    status = optbench_modal("status", "sweep", cwd=tmp_path, peer=peer)
    assert "12 home" in status.stdout, status.stdout


def test_a_sweep_with_options_of_ones_own_comes_home(tmp_path: Path, peer: Loopback) -> None:
    """No folder's record may name further options, so whoever collects names them again."""
    own = tmp_path / "conf" / "budget"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("defaults: [/schema/budget@_here_]\nname: mine\ntrials: 2\n")
    words = (*SWEEP, *MODAL, "optimizer=none", "--config-dir", "conf", "budget=mine")
    left = command(*words, "engine.detach=true", cwd=tmp_path, env=peer.env)
    assert left.returncode == 0, left.stderr + left.stdout
    refused = optbench_modal("collect", "sweep", cwd=tmp_path, peer=peer)
    assert refused.returncode == 2
    assert "--config-dir" in refused.stderr.partition("mend: ")[2]
    home = optbench_modal("collect", "sweep", "--config-dir", "conf", cwd=tmp_path, peer=peer)
    assert home.returncode == 0, home.stderr + home.stdout
    assert len(told(tmp_path / "sweep")) == 1


def test_a_killed_launch_loses_nothing(tmp_path: Path, peer: Loopback, local: Path) -> None:
    before = spawned(peer)
    launch = start(*TWELVE, *MODAL, cwd=tmp_path, env=peer.env)
    journal = tmp_path / "sweep" / "shared" / "modal" / "journal.jsonl"
    wait_for(lambda: journal.exists() and '"spawned"' in journal.read_text())
    launch.kill()
    launch.communicate()
    home = command("resume=sweep", cwd=tmp_path, env=peer.env, timeout=300)
    assert home.returncode == 0, home.stderr + home.stdout
    assert told(tmp_path / "sweep") == told(local)
    assert spawned(peer) <= before + 13  # one may have been spawned unheard


def test_ctrl_c_leaves_the_jobs_at_work(tmp_path: Path, peer: Loopback) -> None:
    launch = start(
        *SWEEP,
        *MODAL,
        "optimizer=random_few_shot",
        "model.latency_s=0.3",
        cwd=tmp_path,
        env=peer.env,
    )
    journal = tmp_path / "sweep" / "shared" / "modal" / "journal.jsonl"
    wait_for(lambda: journal.exists() and '"spawned"' in journal.read_text())
    time.sleep(1)
    launch.send_signal(signal.SIGINT)
    _, said = launch.communicate(timeout=30)
    assert launch.returncode == 130, said
    assert "1 job goes on at Modal" in said
    assert "Traceback" not in said
    assert "pending" not in said
    home = optbench_modal("collect", "sweep", cwd=tmp_path, peer=peer, timeout=120)
    assert home.returncode == 0, home.stderr
    assert len(told(tmp_path / "sweep")) == 1


def test_a_task_that_stands_alone_runs_there_too(tmp_path: Path, peer: Loopback) -> None:
    words = [word for word in (*SWEEP, *MODAL, "optimizer=none") if word not in ("-m", SWEEP[-1])]
    done = command(*words, "hydra.run.dir=alone", cwd=tmp_path, env=peer.env)
    assert done.returncode == 0, done.stderr
    assert list(told(tmp_path / "alone")) == ["."]
    assert f"files: {tmp_path / 'alone'}" in done.stdout
    assert "95 % interval" in done.stdout
    left = command(
        *words, "hydra.run.dir=left", "engine.detach=true", cwd=tmp_path, env=peer.env
    )  # fmt: skip
    assert left.returncode == 0, left.stderr
    assert f"optbench-modal collect {tmp_path / 'left'}" in left.stdout
    assert not (tmp_path / "left" / "result.json").exists()
    logs = optbench_modal("status", "left", cwd=tmp_path, peer=peer)
    assert logs.returncode == 0, logs.stderr
    home = optbench_modal("collect", "left", cwd=tmp_path, peer=peer)
    assert home.returncode == 0, home.stderr
    assert told(tmp_path / "left") == told(tmp_path / "alone")


def test_a_cancelled_sweep_is_taken_up_again(tmp_path: Path, peer: Loopback) -> None:
    words = (*SWEEP, *MODAL, "optimizer=none", "seed=1,2", "hydra.launcher.modal.app=waiting")
    deployed = optbench_modal("deploy", "--app", "waiting", cwd=tmp_path, peer=peer)
    assert deployed.returncode == 0, deployed.stderr
    peer.knobs(start_delay=60.0)  # no container of this app runs yet, and none will in time
    try:
        left = command(*words, "engine.detach=true", cwd=tmp_path, env=peer.env)
        ended = optbench_modal("cancel", "sweep", cwd=tmp_path, peer=peer)
    finally:
        peer.knobs(start_delay=0.0)
    assert left.returncode == 0, left.stderr
    assert ended.returncode == 0, ended.stderr
    assert "2 jobs of sweep cancelled" in ended.stdout
    before = spawned(peer)
    none = optbench_modal("collect", "sweep", cwd=tmp_path, peer=peer)
    assert none.returncode == 0, none.stderr
    assert "2 jobs are not at Modal (2 cancelled)" in none.stdout + none.stderr
    assert spawned(peer) == before
    again = command("resume=sweep", cwd=tmp_path, env=peer.env)
    assert again.returncode == 0, again.stderr
    assert len(told(tmp_path / "sweep")) == 2
