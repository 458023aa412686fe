"""Sweeps under faults, drawn from a seed; each round ends with a calm launch that completes it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import soak_checks as checks
import soak_faults as faults
from peers import completion, openai
from support import clean_environment

THREADS = 2
JOBS = 2
SMALL = (
    *(f"dataset.slices.{name}.count=5" for name in ("train", "validation", "test")),
    "budget=trials_2", "budget.seconds=3000", f"n_threads={THREADS}", "tracking.spans=false",
    f"hydra.launcher.n_jobs={JOBS}", "hydra.launcher.timeout_s=1000", "hydra.sweep.dir=disk/sweep",
)  # fmt: skip
WORKLOADS = {
    "simulated": (
        "model=simulated", "model.latency_s=0.03",
        "optimizer=random_few_shot,meta_prompt", "seed=1,2",
    ),
    "counted": (
        "cache=off", "model=vllm", "model.id=hosted_vllm/peer", "optimizer=none,random_few_shot",
        "model.requests_per_minute=6000", "model.retries=2", "seed=1",
    ),
    "hub": ("dataset=sums", "model=simulated", "optimizer=none,random_few_shot", "seed=1"),
}  # fmt: skip
SUMS = f"""defaults: [/schema/dataset@_here_]
name: sums
source: {{kind: hub, id: {faults.HUB_ROWS}, config: main, revision: {faults.HUB_COMMIT}}}
slices:
  train: {{split: train, start: 0, count: 5}}
  validation: {{split: train, start: 10, count: 5}}
  test: {{split: train, start: 20, count: 5}}
prompt: [{{role: user, content: "{{question}}"}}]
demonstration: "{{answer}}"
max_tokens: 8
metrics: [{{name: exact_match, target: answer}}]
"""
LAUNCH_S = 240.0
"""No launch may take longer, whatever was done to it."""


class Soak:
    """Rounds of faults, one folder each.

    Args:
        folder: For everything.
        seed: Of what is drawn.
        stack: Ends the servers and the disk.

    Attributes:
        counts: What happened, and how often.
    """

    def __init__(self, folder: Path, seed: int, stack: ExitStack) -> None:
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._rng = random.Random(seed)
        self._mark = f"SOAK_MARK={uuid.uuid4().hex}"
        self._clock = faults.Clock(folder / "clock")
        self._hub = stack.enter_context(faults.slow_hub())
        self._peer, self._seen = stack.enter_context(openai(self._answer))
        (folder / "conf" / "dataset").mkdir(parents=True)
        (folder / "conf" / "dataset" / "sums.yaml").write_text(SUMS)
        self._calm: dict[str, dict[str, dict[str, Any]]] = {}
        self._needed: dict[str, int] = {}
        self._pids: list[int] = []
        stack.callback(self._end_all)

    def round(self, number: int) -> None:
        """One sweep, torn and completed."""
        workload = self._rng.choices(list(WORKLOADS), weights=(6, 3, 2))[0]
        calm = self._calm_of(workload)
        home = self._folder / f"round-{number}"
        home.mkdir()
        disk = faults.Disk(home / "disk")
        try:
            before = len(self._seen)
            hurt = self._torn(workload, home, disk)
            self._launch(workload, home, disk, at_ease=True)
            checks.whole(home / "disk" / "sweep", calm)
            assert len(checks.results(home)) == len(calm)
            if workload == "counted":
                needed = self._needed[workload]
                asked = len(self._seen) - before
                assert needed <= asked <= needed + hurt * JOBS * THREADS, (needed, asked, hurt)
        finally:
            self._end_all()
            disk.free()
            disk.close()
        checks.no_shared_memory(self._pids)
        self.counts[f"rounds of {workload}"] += 1

    def _torn(self, workload: str, home: Path, disk: faults.Disk) -> int:
        """Launches with faults; how many things were done to them."""
        done_to = 0
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            kept = checks.results(home)
            done_to += self._launch(workload, home, disk, at_ease=False)
            now = checks.results(home)
            assert {file: now.get(file) for file in kept} == kept, "a result was lost or changed"
        return done_to

    def _launch(self, workload: str, home: Path, disk: faults.Disk, *, at_ease: bool) -> int:
        self._clock.set(0)
        self._hub.feel("fine")
        log = home / f"launch-{len(self._pids)}.txt"
        process = self._start(workload, home, log)
        done_to = []
        until = time.monotonic() + LAUNCH_S
        try:
            while process.poll() is None:
                assert time.monotonic() < until, f"it does not end after {done_to}: {log}"
                time.sleep(0.05)
                if not at_ease and len(done_to) < 3 and self._waits(process):
                    done_to.append(self._hurt(process, home, disk, workload))
        finally:
            disk.free()
        code = process.returncode
        self.counts["launches"] += 1
        told = log.read_text(errors="replace")
        checks.gone(self._mark)
        if at_ease:
            assert code == 0, f"{log}: {told[-3000:]}"
        else:
            assert code in (0, 1, 2, 130, -2, -9, -15), (code, done_to, told[-3000:])
        assert code == -9 or "Traceback" not in told, f"{done_to}, {log}: {told[-3000:]}"
        self.counts[f"exit code {code}"] += 1
        self.counts.update(checks.failures(home))
        return len(done_to)

    def _waits(self, process: subprocess.Popen[bytes]) -> bool:
        """A pause of no known length; whether the launch still runs after it."""
        self._pause(self._rng.choice((0.3, 1.5, 4.0, 8.0)) * self._rng.random())
        return process.poll() is None

    def _pause(self, seconds: float) -> None:
        """For so long, or until all that was started has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and checks.processes(self._mark):
            time.sleep(0.05)

    def _hurt(
        self, process: subprocess.Popen[bytes], home: Path, disk: faults.Disk, workload: str
    ) -> str:
        launcher, rng = process.pid, self._rng
        ways: dict[str, tuple[int, Callable[[], None]]] = {
            "kill worker": (2, lambda: self._kill_worker(launcher)),
            "kill launcher": (2, lambda: self._send(launcher, signal.SIGKILL)),
            "interrupt": (2, lambda: self._interrupt(launcher)),
            "clock step": (2, lambda: self._clock.set(faults.jump(rng))),
            "freeze": (1, lambda: self._freeze(launcher)),
            "full disk": (3 * disk.real, lambda: self._fill(disk)),
            "read only": (2, lambda: self._refuse_writes(home)),
            "hub": (
                6 * (workload == "hub"),
                lambda: self._hub.feel(rng.choice(("slow", "broken", "stalled", "cut"))),
            ),
        }
        (kind,) = rng.choices(list(ways), weights=[weight for weight, _ in ways.values()])
        ways[kind][1]()
        self.counts[kind] += 1
        return kind

    def _kill_worker(self, launcher: int) -> None:
        workers = [pid for pid in checks.workers(self._mark) if pid != launcher]
        if workers:
            self._send(self._rng.choice(workers), signal.SIGKILL)

    def _interrupt(self, launcher: int) -> None:
        for _ in range(self._rng.choice((1, 1, 2))):
            self._send(launcher, self._rng.choice((signal.SIGINT, signal.SIGTERM)))
            time.sleep(self._rng.random())

    def _freeze(self, launcher: int) -> None:
        """For a while, as by a laptop's lid: heartbeats cease."""
        pid = self._rng.choice(checks.processes(self._mark) or [launcher])
        self._send(pid, signal.SIGSTOP)
        time.sleep(2 * self._rng.random())
        self._send(pid, signal.SIGCONT)

    def _fill(self, disk: faults.Disk) -> None:
        disk.fill()
        self._pause(self._rng.choice((0.5, 3.0, 15.0)))
        disk.free()

    def _refuse_writes(self, home: Path) -> None:
        jobs = sorted(file.parent for file in home.rglob("status.json"))
        with faults.read_only(self._rng.choice([home / "disk", *jobs])) as possible:
            self._pause(self._rng.choice((0.5, 3.0, 15.0)) if possible else 0.0)

    def _send(self, pid: int, number: int) -> None:
        """To a process of the soak's own and no other."""
        with contextlib.suppress(ProcessLookupError):
            if pid in checks.processes(self._mark):
                os.kill(pid, number)

    def _start(self, workload: str, home: Path, log: Path) -> subprocess.Popen[bytes]:
        words = list(WORKLOADS[workload])
        if workload == "counted":
            words.append(f"model.api_base={self._peer}")
        name, mark = self._mark.split("=")
        path = os.pathsep.join(
            filter(None, [self._clock.path, os.environ.get("PYTHONPATH")])  # an empty one is "."
        )
        environment = {
            **clean_environment(), **self._clock.environment, name: mark, "PYTHONPATH": path,
            "HF_HOME": str(home / "hf"), "HF_ENDPOINT": self._hub.url,
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }  # fmt: skip
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "optbench", "--config-dir", str(self._folder / "conf"),
                 "-m", *SMALL, *words],
                cwd=home, env=environment, stdout=file, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._pids.append(process.pid)
        return process

    def _calm_of(self, workload: str) -> dict[str, dict[str, Any]]:
        """What the jobs of a workload say when nothing disturbs them, by identity."""
        if workload not in self._calm:
            home, before = self._folder / f"calm-{workload}", len(self._seen)
            (home / "disk").mkdir(parents=True)
            self._clock.set(0)
            self._hub.feel("fine")
            log = home / "launch.txt"
            assert self._start(workload, home, log).wait(LAUNCH_S) == 0, log.read_text()
            self._needed[workload] = len(self._seen) - before
            jobs = [file.parent for file in home.rglob("result.json")]
            self._calm[workload] = {told["identity"]: told for told in map(checks.said, jobs)}
        return self._calm[workload]

    def _answer(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        time.sleep(0.02)
        return 200, completion("nothing")

    def _end_all(self) -> None:
        for pid in checks.processes(self._mark):
            self._send(pid, signal.SIGCONT)
            self._send(pid, signal.SIGKILL)
