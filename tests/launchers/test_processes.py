"""No job takes another down, nothing done is done again, and what is said is true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from support import clean_environment, command, start, wait_for

HERE = Path(__file__).parent
SMALL = (
    "-m",
    "model=simulated",
    *(f"dataset.slices.{name}.count=5" for name in ("train", "validation", "test")),
    "hydra.sweep.dir=sweep",
    "hydra.launcher.n_jobs=2",
)
ALLOWED = "allow_imports=[misbehaving]"
CONF = """
defaults: [/schema/optimizer/custom@_here_]
name: misbehaving
target: misbehaving.Misbehaving
params: {mode: fine, until: ""}
optimize: {}
"""


@pytest.fixture
def bad(tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """Words and environment of a sweep with the misbehaving optimizer."""
    conf = tmp_path / "conf" / "optimizer"
    conf.mkdir(parents=True)
    (conf / "misbehaving.yaml").write_text(CONF)
    words = ["--config-dir", str(tmp_path / "conf"), *SMALL, "optimizer=misbehaving", ALLOWED]
    return words, {"PYTHONPATH": str(HERE)}


def statuses(sweep: Path) -> dict[str, dict[str, Any]]:
    """The status of each job by the mode it was told."""
    found = {}
    for file in sweep.rglob("status.json"):
        task = file.with_name("task.json")
        config = json.loads(task.read_text())["config"]
        found[config["optimizer"]["params"].get("mode", config["optimizer"]["name"])] = json.loads(
            file.read_text()
        )
    return found


@pytest.mark.parametrize(
    "seeds",
    [pytest.param("1", marks=pytest.mark.slow), pytest.param("1,2", marks=pytest.mark.soak)],
)
def test_every_way_to_fail_fails_alone(
    seeds: str, tmp_path: Path, bad: tuple[list[str], dict[str, str]]
) -> None:
    words, env = bad
    modes = (
        *("fine", "rate_limit", "http", "sys_exit", "os_exit", "killed", "hang", "error"),
        *("disk_full", "cancelled", "huge", "nothing", "thread"),
    )
    mode = f"optimizer.params.mode={','.join(modes)}"
    done = command(
        *words, mode, f"seed={seeds}", "hydra.launcher.timeout_s=30", cwd=tmp_path, env=env,
        timeout=600,
    )  # fmt: skip
    jobs = 1 + seeds.count(",")
    assert done.returncode == 1
    assert f"{11 * jobs} of {13 * jobs} jobs failed" in done.stderr + done.stdout
    assert len(done.stderr + done.stdout) < 40_000
    assert "\x1b" not in done.stderr + done.stdout
    assert "the job's process ended: {SIGKILL(-9)}" in done.stdout
    found = statuses(tmp_path / "sweep")
    assert {mode: status["state"] for mode, status in found.items()} == {
        mode: "success" if mode in ("fine", "thread") else "failed" for mode in modes
    }
    assert {mode: (status["error"] or {}).get("type") for mode, status in found.items()} == {
        "fine": None,
        "rate_limit": "RateLimitError",
        "http": "HTTPStatusError",
        "sys_exit": "JobExitError",
        "os_exit": "WorkerDiedError",
        "killed": "WorkerDiedError",
        "hang": "JobTimeoutError",
        "error": "ValueError",
        "disk_full": "OptbenchError",
        "cancelled": "RemoteJobError",  # it would end the launch as what it is
        "huge": "ValueError",
        "nothing": "OptbenchError",
        "thread": None,
    }
    assert len(found["huge"]["error"]["message"]) > 2_000_000  # whole in the file
    assert "misbehaving.py" in found["error"]["error"]["traceback"]
    for log in (tmp_path / "sweep").rglob("job.log"):
        assert log.read_text().strip(), log


def test_what_cannot_come_back_fails_its_job_alone(tmp_path: Path) -> None:
    """An app that is not ours may return anything."""
    (tmp_path / "app.py").write_text(
        "import threading, hydra\n"
        "@hydra.main(version_base=None, config_path=None)\n"
        "def run(cfg):\n"
        "    return threading.Lock() if cfg.x == 1 else cfg.x\n"
        "run()\n"
    )
    done = subprocess.run(
        [sys.executable, "app.py", "-m", "hydra/launcher=optbench", "hydra/sweeper=matrix", "+x=0,1,2"],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 of 3 jobs failed" in done.stdout
    assert "cannot be pickled" in done.stdout


def test_a_worker_that_was_replaced_for_its_memory_is_as_the_first(tmp_path: Path) -> None:
    """With psutil loky does so; the new one too knows its parent, and what Ctrl-C means."""
    (tmp_path / "app.py").write_text(
        "import hydra, os, signal, sys, threading, time\n"
        "@hydra.main(version_base=None, config_path=None)\n"
        "def run(cfg):\n"
        "    if cfg.x == 1:\n"
        "        sys.kept = b'x' * 400_000_000\n"
        "        time.sleep(1.5)  # loky looks once a second\n"
        "    ignores = signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n"
        "    watches = any(t.name == 'orphan-watch' for t in threading.enumerate())\n"
        "    with open('workers', 'a') as file:\n"
        "        print(os.getpid(), ignores and watches, file=file)\n"
        "    time.sleep(600 if cfg.x == 2 else 0)\n"
        "run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "app.py", "-m", "hydra/launcher=optbench", "hydra/sweeper=matrix",
         "hydra.launcher.n_jobs=1", "hydra.job.chdir=false", "+x=0,1,2"],
        cwd=tmp_path, env=clean_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    workers = tmp_path / "workers"
    until = time.monotonic() + 60
    while time.monotonic() < until and (
        not workers.exists() or len(workers.read_text().splitlines()) < 3
    ):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    first, second, third = (line.split() for line in workers.read_text().splitlines())
    assert first[0] == second[0] != third[0]
    assert first[1] == second[1] == third[1] == "True"
    assert process.returncode == -signal.SIGINT, out + err
    assert not _alive(int(third[0]))


@pytest.mark.slow
def test_a_worker_keeps_the_libraries_of_all_optimizers(tmp_path: Path) -> None:
    """With psutil loky would take those of the second job for a leak of the first."""
    command(
        "-m", "model=simulated", "test_mode=true", "optimizer=none,few_shot,hierarchical_reflective",
        "hydra.launcher.n_jobs=1", "hydra.sweep.dir=sweep", cwd=tmp_path,
    )  # fmt: skip
    pids = [status["pid"] for status in statuses(tmp_path / "sweep").values()]
    assert len(pids) == 3
    assert len(set(pids)) == 1


@pytest.mark.slow
def test_retry_failed_keeps_the_old_error_until_it_succeeds(
    tmp_path: Path, bad: tuple[list[str], dict[str, str]]
) -> None:
    words, env = bad
    mended = tmp_path / "mended"
    job = ("optimizer.params.mode=error,fine", f"optimizer.params.until={mended}")
    assert command(*words, *job, cwd=tmp_path, env=env).returncode == 1
    again = command("retry_failed=sweep", "--config-dir", "conf", ALLOWED, cwd=tmp_path, env=env)
    assert again.returncode == 1
    assert "1 done before, 1 to do" in again.stdout
    status = statuses(tmp_path / "sweep")["error"]
    assert status["previous_error"]["type"] == status["error"]["type"] == "ValueError"
    mended.touch()
    last = command("retry_failed=sweep", "--config-dir", "conf", ALLOWED, cwd=tmp_path, env=env)
    assert last.returncode == 0, last.stderr
    status = statuses(tmp_path / "sweep")["error"]
    assert (status["state"], status["error"], status["previous_error"]) == ("success", None, None)


def test_the_same_command_again_does_what_is_new(tmp_path: Path) -> None:
    words = (*SMALL, "optimizer=none")
    first = command(*words, "seed=1,1", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "is the same task as #0: dropped" in first.stdout + first.stderr
    (result,) = (tmp_path / "sweep").rglob("result.json")
    before = result.stat().st_mtime_ns
    more = command(*words, "seed=1,2", cwd=tmp_path)
    assert "1 done before, 1 to do" in more.stdout
    assert "SIMULATED" in more.stdout
    assert result.stat().st_mtime_ns == before
    assert len(list((tmp_path / "sweep").rglob("result.json"))) == 2
    # As if it had been killed between its result and the last word of its status.
    status = result.with_name("status.json")
    status.write_text(status.read_text().replace('"state": "success"', '"state": "running"'))
    aside = result.with_name(".status.json.4711.tmp")
    aside.write_text("{")
    resumed = command("resume=sweep", cwd=tmp_path)
    assert "2 done before, 0 to do" in resumed.stdout
    assert json.loads(status.read_text())["state"] == "success"
    assert not aside.exists()
    # Other packages than then: said, and nothing is run.
    task = result.with_name("task.json")
    task.write_text(task.read_text().replace('"litellm": "', '"litellm": "0.'))
    changed = command("resume=sweep", cwd=tmp_path)
    assert changed.returncode == 2
    assert "ran with other packages: litellm (0." in changed.stderr
    anyway = command("resume=sweep", "hydra.launcher.resume_anyway=true", cwd=tmp_path)
    assert anyway.returncode == 0


def test_half_a_file_is_named_and_the_others_run(tmp_path: Path) -> None:
    words = (*SMALL, "optimizer=none")
    assert command(*words, "seed=1", cwd=tmp_path).returncode == 0
    (result,) = (tmp_path / "sweep").rglob("result.json")
    result.write_text('{"schema_version": 1, "iden')
    done = command(*words, "seed=1,2", cwd=tmp_path)
    assert done.returncode == 1
    assert f"{result.relative_to(tmp_path)}' is no whole JSON" in done.stderr + done.stdout
    assert result.read_text() == '{"schema_version": 1, "iden'
    assert len(list((tmp_path / "sweep").rglob("items.parquet"))) == 2


def test_two_launches_into_one_folder(tmp_path: Path) -> None:
    lock = tmp_path / "sweep" / "shared" / "sweep.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        done = command(*SMALL, "optimizer=none", cwd=tmp_path)
    assert done.returncode == 2
    assert "another process is running the sweep" in done.stderr


def wait_for_calls(sweep: Path) -> list[int]:
    """Waits until jobs are at work; their pids."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = [json.loads(file.read_text()) for file in sweep.rglob("status.json")]
        if any(one["progress"] for one in found):
            return [int(one["pid"]) for one in found]
        time.sleep(0.1)
    raise AssertionError("no job began")


SLOW = ("model.latency_s=0.3", "optimizer=random_few_shot", "n_threads=1", "seed=1,2,3")


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = start(*SMALL, *SLOW, cwd=tmp_path)
    wait_for_calls(tmp_path / "sweep")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "to go on: optbench resume=sweep" in err
    states = [json.loads(f.read_text())["state"] for f in (tmp_path / "sweep").rglob("status.json")]
    assert "interrupted" in states
    assert "running" not in states


def test_workers_end_with_a_killed_launcher(tmp_path: Path) -> None:
    process = start(*SMALL, *SLOW, cwd=tmp_path)
    pids = wait_for_calls(tmp_path / "sweep")
    process.kill()
    process.communicate(timeout=30)
    until = time.monotonic() + 15
    while time.monotonic() < until and any(_alive(pid) for pid in pids):
        time.sleep(0.1)
    assert not any(_alive(pid) for pid in pids)
    # The ghosts of the killed launch say they run; the next one runs them.
    done = command("resume=sweep", "model.latency_s=0", cwd=tmp_path)
    assert done.returncode == 2  # it takes its tasks from the folder
    done = command(*SMALL, *SLOW[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "sweep").rglob("result.json"))) == 3


def test_a_worker_whose_launcher_died_before_it_stood_ends() -> None:
    """Its parent is another process already when it first looks."""
    script = (
        "import sys, time\n"
        "from optbench_jobs.worker import greet\n"
        "greet(int(sys.argv[1]))\n"
        "time.sleep(60)\n"
    )
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    words = [sys.executable, "-c", script, str(gone.pid)]
    assert subprocess.run(words, timeout=30, check=False).returncode == 1


def test_what_a_killed_launch_has_forked_to_plan_ends(tmp_path: Path) -> None:
    """It waits for work in a pipe that nobody will write to, and that nobody closes."""
    script = (
        "import os, time\n"
        "from pathlib import Path\n"
        "from hydra_plugins.optbench_launcher._forks import on_all_cores\n"
        "def work(item):\n"
        "    Path(f'{item}.pid').write_text(str(os.getpid()))\n"
        "    time.sleep(60 if item == 0 else 0)\n"
        "on_all_cores(work, [0, 1, 2, 3], worth=1)\n"
    )
    launch = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path)
    wait_for(lambda: all((tmp_path / f"{item}.pid").exists() for item in range(4)))
    launch.kill()
    launch.wait()
    pids = {int((tmp_path / f"{item}.pid").read_text()) for item in range(4)}
    assert launch.pid not in pids
    wait_for(lambda: not any(map(_alive, pids)))


@pytest.mark.parametrize("name", ["trials.jsonl", "job.log", ".hydra/config.yaml"])
def test_a_folder_that_points_elsewhere_is_not_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "victim").write_text("precious")
    assert command(*SMALL, "optimizer=none", cwd=tmp_path).returncode == 0
    (result,) = (tmp_path / "sweep").rglob("result.json")
    job = result.parent
    (job / "result.json").unlink()
    (job / name).unlink()
    (job / name).symlink_to(tmp_path / "victim")
    again = command("resume=sweep", cwd=tmp_path)
    assert again.returncode == 2
    assert "is a link to" in again.stderr
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("whole_group", [False, True])
def test_ctrl_c_while_planning_ends_at_once(tmp_path: Path, whole_group: bool) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from hydra_plugins.optbench_launcher._forks import on_all_cores\n"
        "def work(item):\n"
        "    Path(f'{item}.begun').touch()\n"
        "    time.sleep(30)\n"
        "try:\n"
        "    on_all_cores(work, list(range(64)), worth=1)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    launch = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, start_new_session=True,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(lambda: list(tmp_path.glob("*.begun")))
    (os.killpg if whole_group else os.kill)(launch.pid, signal.SIGINT)
    _, said = launch.communicate(timeout=20)
    assert (launch.returncode, said) == (130, "")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize(
    "option",
    ["n_jobs=0", "n_jobs=-1", "retries=-1", "max_failures=0", "timeout_s=0", "timeout_s=nan"],
)
def test_numbers_that_mean_nothing_are_refused(option: str, tmp_path: Path) -> None:
    for words in ((), ("-m",)):
        done = command(
            *words, f"hydra.launcher.{option}", "model=simulated", "optimizer=none", cwd=tmp_path
        )
        assert done.returncode == 2, done.stderr
        assert f"hydra.launcher.{option.partition('=')[0]}:" in done.stderr
        assert not list(tmp_path.rglob("status.json"))


def test_a_sweep_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep").write_text("")
    done = command(*SMALL, "optimizer=none", cwd=tmp_path)
    assert done.returncode == 2
    assert "hydra.sweep.dir: cannot make the folder 'sweep'" in done.stderr
