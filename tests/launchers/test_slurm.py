"""Jobs by submitit: on this machine with its local executor, and through a fake of Slurm's commands.

The fake stands for what Slurm's manual says of sbatch, srun, sacct and scancel. No test here has seen
a real cluster.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import clean_environment, command
from test_processes import ALLOWED, CONF, HERE, SLOW, SMALL, statuses, wait_for_calls

from hydra_plugins.optbench_launcher import _sbatch

LOCAL = (*SMALL, "engine=slurm", "hydra.launcher.slurm.cluster=local")
"""Later words win: n_jobs of SMALL stays."""
CONF_SLURM = {
    "cluster": "slurm", "partition": "gpu", "account": None, "qos": None, "cpus_per_task": 4,
    "mem_gb": 1.5, "gpus_per_node": None, "gres": "gpu:1", "setup": ["module load python"],
    "additional_parameters": {"constraint": "a100"}, "restarts": 2,
}  # fmt: skip


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, **more}


def with_bad(folder: Path) -> list[str]:
    """Words that make the misbehaving optimizer known."""
    conf = folder / "conf" / "optimizer"
    conf.mkdir(parents=True)
    (conf / "misbehaving.yaml").write_text(CONF)
    return ["--config-dir", str(folder / "conf"), ALLOWED]


def processes_in(folder: Path) -> list[str]:
    """Command lines of what still runs with this working directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder:
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is another user's
            continue
    return found


def wait_until(true: Callable[[], Any], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_jobs_succeed_and_are_not_done_again(tmp_path: Path) -> None:
    words = (*LOCAL, "optimizer=none")
    done = command(*words, "seed=1,2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.rglob("result.json"))) == 2
    assert not (tmp_path / "sweep" / "shared" / "cache.sqlite").exists()
    more = command("resume=sweep", cwd=tmp_path)
    assert "2 done before, 0 to do" in more.stdout
    assert more.returncode == 0, more.stderr
    # What a cluster has done another engine takes over.
    here = command(*SMALL, "optimizer=none", "seed=1,2,3", cwd=tmp_path)
    assert "2 done before, 1 to do" in here.stdout


@pytest.mark.slow
def test_every_way_to_fail_fails_alone(tmp_path: Path) -> None:
    modes = ("fine", "rate_limit", "sys_exit", "killed", "hang", "error")
    done = command(
        *with_bad(tmp_path), *LOCAL, "optimizer=misbehaving",
        f"optimizer.params.mode={','.join(modes)}",
        "hydra.launcher.timeout_s=60", cwd=tmp_path, env=environment(), timeout=500,
    )  # fmt: skip
    assert done.returncode == 1
    assert "5 of 6 jobs failed" in done.stderr + done.stdout
    found = statuses(tmp_path / "sweep")
    assert {mode: (status["state"], (status["error"] or {}).get("type"))
            for mode, status in found.items()} == {
        "fine": ("success", None),
        "rate_limit": ("failed", "RateLimitError"),
        "sys_exit": ("failed", "JobExitError"),
        "killed": ("failed", "WorkerDiedError"),
        "hang": ("failed", "JobTimeoutError"),
        "error": ("failed", "ValueError"),
    }  # fmt: skip
    assert "ended without a result" in found["killed"]["error"]["message"]
    assert "_log.err" in found["killed"]["error"]["message"]
    assert "60 s (timeout_s)" in found["hang"]["error"]["message"]


def test_ctrl_c_in_a_terminal_saves_and_leaves_no_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "optbench", *LOCAL, *SLOW],
        cwd=tmp_path, env=clean_environment(), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for_calls(tmp_path / "sweep")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all of them get it
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "to go on: optbench resume=sweep" in err
    states = [json.loads(f.read_text())["state"] for f in (tmp_path / "sweep").rglob("status.json")]
    assert "interrupted" in states
    assert "running" not in states
    wait_until(lambda: not processes_in(tmp_path))
    again = command(*LOCAL, *SLOW[1:], cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "sweep").rglob("result.json"))) == 3


def test_another_app_of_hydra(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import hydra\n"
        "@hydra.main(version_base='1.3', config_path=None)\n"
        "def app(cfg):\n"
        "    if cfg.x == 2:\n"
        "        raise ValueError('two')\n"
        "    print('x is', cfg.x)\n"
        "app()\n"
    )
    done = subprocess.run(
        [sys.executable, "app.py", "-m", "+x=1,2,3", "hydra/launcher=optbench",
         "hydra.launcher.backend=slurm", "hydra.launcher.slurm.cluster=local",
         "hydra.launcher.n_jobs=3", "hydra.sweep.dir=sweep"],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 of 3 jobs failed" in done.stderr + done.stdout
    assert "ValueError: two" in done.stderr
    printed = "".join(file.read_text() for file in tmp_path.rglob("*_log.out"))
    assert "x is 1" in printed
    assert "x is 3" in printed


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    words = (*SMALL, "engine=slurm", "optimizer=none")
    done = command(*words, cwd=tmp_path, env={"PATH": "/nowhere"})
    assert done.returncode == 2
    assert "engine: 'sbatch' is not found on this machine" in done.stderr
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "submitit.py").write_text("raise ModuleNotFoundError('No module named submitit')")
    env = environment()
    env["PYTHONPATH"] = f"{absent}{os.pathsep}{env['PYTHONPATH']}"
    done = command(*words, cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert "mend: pip install 'optbench[slurm]'" in done.stderr
    assert not list(tmp_path.rglob("status.json"))


@pytest.mark.parametrize(
    ("timeout_s", "minutes", "delay"), [(25.0, 1, 35), (3600.0, 61, 60), (None, None, None)]
)
def test_the_time_limit_leaves_time_to_save(
    timeout_s: float | None, minutes: int | None, delay: int | None
) -> None:
    asked = _sbatch.parameters(CONF_SLURM, timeout_s)
    assert (asked["time"], asked.get("signal_delay_s")) == (minutes, delay)


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """An environment with Slurm's commands, which run jobs here."""
    commands, jobs = tmp_path / "bin", tmp_path / "jobs"
    commands.mkdir()
    jobs.mkdir()
    for name in ("sbatch", "srun", "sacct", "scancel"):
        file = commands / name
        file.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE}/fake_slurm.py {name} "$@"\n')
        file.chmod(0o755)
    return environment(PATH=f"{commands}{os.pathsep}{os.environ['PATH']}", FAKE_SLURM=str(jobs))


def jobs_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {f.name: json.loads(f.read_text()) for f in (folder / "jobs").glob("[0-9]*")}


@pytest.mark.slow
def test_what_slurm_is_asked_for(tmp_path: Path, slurm: dict[str, str]) -> None:
    done = command(
        *SMALL, "engine=slurm", "optimizer=none", "hydra.launcher.timeout_s=100",
        "hydra.launcher.slurm.partition=gpu", "hydra.launcher.slurm.mem_gb=1.5",
        "hydra.launcher.slurm.cpus_per_task=2", "hydra.launcher.slurm.setup=['export A=1']",
        "hydra.launcher.slurm.additional_parameters={constraint:a100}",
        cwd=tmp_path, env=slurm,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (job,) = jobs_of(tmp_path).values()
    folder = next(tmp_path.rglob("result.json")).parent
    wanted = {
        "partition": "gpu", "mem": "1536M", "cpus-per-task": "2", "constraint": "a100",
        "time": "3", "signal": "USR2@80", "no-requeue": "", "dependency": "singleton",
        "job-name": str(folder),
    }  # fmt: skip
    assert {key: job["asked"].get(key) for key in wanted} == wanted
    assert "account" not in job["asked"]
    script = next((tmp_path / "sweep" / "shared" / "slurm").rglob("*_submission.sh")).read_text()
    assert "\nexport A=1\n" in script
    refused = command(
        *SMALL, "engine=slurm", "optimizer=none", "seed=2", "hydra.launcher.slurm.partition=closed",
        cwd=tmp_path, env=slurm,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "invalid partition specified: closed" in refused.stderr


@pytest.mark.slow
def test_what_the_cluster_ends_goes_on(tmp_path: Path, slurm: dict[str, str]) -> None:
    """One job is told to end and preempted, another is killed for its memory."""
    env = {**clean_environment(), **slurm}
    process = subprocess.Popen(
        [sys.executable, "-m", "optbench", *SMALL, "engine=slurm", *SLOW[:-1], "seed=1,2"],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: len(list(tmp_path.rglob("calls.sqlite"))) == 2)
    wait_for_calls(tmp_path / "sweep")
    told, killed = (tmp_path / "jobs" / f"step.{job}" for job in (1, 2))
    os.kill(int(told.read_text()), signal.SIGUSR2)
    file = tmp_path / "jobs" / "2"
    file.write_text(json.dumps({**json.loads(file.read_text()), "state": "OUT_OF_MEMORY"}))
    os.kill(int(killed.read_text()), signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "1 of 2 jobs failed" in err
    assert "ended without a result, OUT_OF_MEMORY" in out
    states = sorted(
        json.loads(f.read_text())["state"] for f in (tmp_path / "sweep").rglob("status.json")
    )
    assert states == ["failed", "success"]
    assert len(jobs_of(tmp_path)) == 3


@pytest.mark.slow
def test_ctrl_c_reaches_jobs_on_the_cluster(tmp_path: Path, slurm: dict[str, str]) -> None:
    env = {**clean_environment(), **slurm}
    process = subprocess.Popen(
        [sys.executable, "-m", "optbench", *SMALL, "engine=slurm", *SLOW],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for_calls(tmp_path / "sweep")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    states = [json.loads(f.read_text())["state"] for f in (tmp_path / "sweep").rglob("status.json")]
    assert "interrupted" in states
    assert "running" not in states
    wait_until(lambda: not processes_in(tmp_path))
