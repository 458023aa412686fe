"""One task: optbench against a plain script that calls opik-optimizer with its default agent.

Both run the same optimizer (meta_prompt, 3 trials) on the same items with the same simulated model,
8 threads, the same embedded Opik backend and the same tracking, in one process each, and evaluate
baseline and final prompt on validation and test. Imports are not counted. The plain script asks
``evaluate_prompt`` once for each metric, as its signature wants; optbench scores all metrics of one
rollout. Prints wall times and their ratio for latencies of 0, 50 and 500 ms a call. Aims: 0.5 with one
metric and 0.35 with two at 50 ms, and 4 ms of optbench's own for each rollout at 0 ms.

    python tests/benchmarks/task_overhead.py [latency in ms...]
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import plain
import pyarrow.parquet as pq
from hydra import compose, initialize_config_dir

from optbench import config, environment
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE
from optbench.task import Task, run_task

LATENCIES_MS = (0, 50, 500)
AIMS = {(50, 1): 0.5, (50, 2): 0.35}
AIM_MS = 4.0
"""Of optbench's own for each rollout, where the model takes no time."""
METRICS = {
    1: "dataset.metrics=[{name:exact_match,target:product}]",
    2: "dataset.metrics=[{name:exact_match,target:product},{name:contains,target:product}]",
}
OVERRIDES = (
    "model=simulated",
    "optimizer=meta_prompt",
    "budget=trials_3",
    "n_threads=8",
    "cache=off",  # the plain side has none
    "dataset.slices.validation.count=80",
)


class Cell(NamedTuple):
    """What is varied: the model's latency in ms, and the number of metrics."""

    latency_ms: int
    metrics: int


def task(cell: Cell) -> Task:
    """The task that both sides run."""
    words = [*OVERRIDES, f"model.latency_s={cell.latency_ms / 1000}", METRICS[cell.metrics]]
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        return Task.from_config(compose("config", words))


def ours(folder: Path, cell: Cell) -> tuple[float, int]:
    """Seconds of optbench after imports, and its rollouts."""
    one = task(cell)
    environment.prepare(one.config.tracking)
    import optbench.optimizers.opik
    import optbench.session  # noqa: F401

    started = time.perf_counter()
    run_task(one, folder)
    seconds = time.perf_counter() - started
    return seconds, len(pq.read_table(folder / "items.parquet", columns=["item_id"]))


def theirs(folder: Path, cell: Cell) -> tuple[float, int]:
    """Seconds of a plain script after imports; it counts no rollouts."""
    return plain.run(task(cell).config, folder).seconds, 0


def taken(side: str, cell: Cell, folder: str) -> tuple[float, int]:
    """One side in a process of its own."""
    words = [sys.executable, __file__, side, *map(str, cell), folder]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    seconds, rollouts = json.loads(Path(folder).with_suffix(".json").read_text())
    return seconds, rollouts


def compared(cell: Cell) -> bool:
    """Runs each side twice, in turns, prints the better times; whether the aims are met."""
    best = dict.fromkeys(("plain", "ours"), float("inf"))
    rollouts = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, side in itertools.product(range(2), best):
            seconds, rollouts = taken(side, cell, f"{folder}/{side}{number}")
            best[side] = min(seconds, best[side])
    ratio, aim = best["ours"] / best["plain"], AIMS.get(cell)
    print(
        f"{cell.latency_ms:>4} ms, {cell.metrics} metric(s): optbench {best['ours']:6.2f} s, "
        f"plain script {best['plain']:6.2f} s, ratio {ratio:.2f}" + (f" (aim {aim})" if aim else "")
    )
    if cell.latency_ms:
        return aim is None or ratio <= aim
    own = 1000 * best["ours"] / rollouts
    print(f"         {own:.2f} ms for each of {rollouts} rollouts (aim {AIM_MS:g})")
    return own <= AIM_MS


def main() -> None:
    """Measures, prints, and says whether the aims are met."""
    if sys.argv[1:2] in (["ours"], ["plain"]):
        side, latency, count, folder = sys.argv[1:]
        cell = Cell(int(latency), int(count))
        found = {"ours": ours, "plain": theirs}[side](Path(folder), cell)
        Path(folder).with_suffix(".json").write_text(json.dumps(found))
        return
    latencies = [int(word) for word in sys.argv[1:]] or LATENCIES_MS
    met = [compared(Cell(ms, metrics)) for ms in latencies for metrics in METRICS]
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
