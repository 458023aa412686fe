"""A matrix of 24 tasks three ways: optbench, Hydra's joblib launcher, and a shell loop of plain scripts.

    python tests/benchmarks/matrix.py [latency in ms]

Two datasets, four optimizers, three seeds, 50 ms a call, 8 threads a task. The loop starts one plain
script after another (``plain.py``), as a shell does; the joblib launcher runs optbench's own task
function with as many workers as optbench has. Prints wall time, CPU time, paid calls, and the largest
sum of resident memory of all processes (pages that they share count in each). Aims: 0.6 of the loop's
wall time on two cores, and 0.6 of its paid calls.
"""

from __future__ import annotations

import itertools
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from hydra import compose, initialize_config_dir

from optbench import config
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE
from optbench.task import Task

DATASETS = ("tickets", "tickets_routing")
OPTIMIZERS = ("none", "few_shot", "meta_prompt", "evolutionary_optimizer")
SEEDS = (1, 2, 3)
AIM = 0.6
PLAIN = Path(__file__).with_name("plain.py")


def fixed(latency_ms: int) -> list[str]:
    """What all tasks have in common."""
    latency = f"model.latency_s={latency_ms / 1000}"
    return ["model=simulated", latency, "budget=trials_3", "n_threads=8"]


@dataclass
class Measured:
    """What one way took: seconds, CPU seconds, MB, and calls that a model was asked."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    paid: int = 0


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def measuring() -> Iterator[Measured]:
    """Measures all processes that are started within."""
    found, over = Measured(), threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it has ended
                    continue
            found.memory_mb = max(found.memory_mb, total / 2**20)

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    cpu, began = cpu_of_children(), time.perf_counter()
    yield found
    found.wall_s, found.cpu_s = time.perf_counter() - began, cpu_of_children() - cpu
    over.set()
    watch.join()


def silently(words: list[str], folder: Path) -> None:
    """Runs a command; its errors end the benchmark."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def sweep(latency_ms: int, folder: Path, *more: str) -> Measured:
    """The matrix by optbench."""
    axes = [
        f"dataset={','.join(DATASETS)}",
        f"optimizer={','.join(OPTIMIZERS)}",
        f"seed={','.join(map(str, SEEDS))}",
    ]
    words = [sys.executable, "-m", "optbench", "-m", *fixed(latency_ms), *axes, *more]
    with measuring() as found:
        silently([*words, "hydra.sweep.dir=sweep"], folder)
    results = [json.loads(file.read_text()) for file in folder.rglob("result.json")]
    assert len(results) == len(DATASETS) * len(OPTIMIZERS) * len(SEEDS)
    found.paid = sum(one["ledger"]["total"]["paid"]["calls"] for one in results)
    return found


def joblib(latency_ms: int, folder: Path) -> Measured:
    """The same task function under Hydra's own launcher."""
    return sweep(latency_ms, folder, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


def loop(latency_ms: int, folder: Path) -> Measured:
    """One plain script after the other."""
    config.register()
    tasks = []
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        for dataset, optimizer, seed in itertools.product(DATASETS, OPTIMIZERS, SEEDS):
            own = [f"dataset={dataset}", f"optimizer={optimizer}", f"seed={seed}"]
            task = Task.from_config(compose("config", [*fixed(latency_ms), *own]))
            tasks.append(folder / f"{dataset}-{optimizer}-{seed}.pickle")
            tasks[-1].write_bytes(pickle.dumps(task.config))
    with measuring() as found:
        for file in tasks:
            silently([sys.executable, str(PLAIN), str(file), str(file.with_suffix(""))], folder)
    done = [json.loads(file.read_text()) for file in folder.rglob("plain.json")]
    assert len(done) == len(tasks)
    found.paid = sum(one["paid"] for one in done)
    return found


WAYS: dict[str, Callable[[int, Path], Measured]] = {
    "optbench": sweep,
    "joblib launcher": joblib,
    "loop of plain scripts": loop,
}


def main() -> None:
    """Measures, prints, and says whether the aims are met."""
    latency_ms = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    taken: dict[str, Measured] = {}
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            one = taken[name] = way(latency_ms, Path(folder))
        print(
            f"{name:<22} {one.wall_s:6.1f} s, {one.cpu_s:6.1f} s of CPU, {one.paid:6d} paid calls, "
            f"{one.memory_mb:6.0f} MB",
            flush=True,
        )
    ours, theirs = taken["optbench"], taken["loop of plain scripts"]
    wall, paid = ours.wall_s / theirs.wall_s, ours.paid / theirs.paid
    print(f"against the loop: {wall:.2f} of its time, {paid:.2f} of its calls (aim {AIM} each)")
    print(f"against joblib:   {ours.wall_s / taken['joblib launcher'].wall_s:.2f} of its time")
    sys.exit(max(wall, paid) > AIM)


if __name__ == "__main__":
    main()
