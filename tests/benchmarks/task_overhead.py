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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.parquet as pq
from hydra import compose, initialize_config_dir

from optbench import config, environment
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE
from optbench.task import Task, run_task

if TYPE_CHECKING:
    from opik.evaluation.metrics.score_result import ScoreResult

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


def plain(folder: Path, cell: Cell) -> tuple[float, int]:
    """Seconds of a plain script after imports; it counts no rollouts."""
    one = task(cell).config
    environment.prepare(one.tracking)
    import opik_optimizer
    from opik.evaluation.metrics.score_result import ScoreResult

    from optbench.config.schema import initial_messages
    from optbench.data.load import load
    from optbench.metrics.registry import build
    from optbench.models.answers import answer_keys
    from optbench.models.gateway import Gateway, Route
    from optbench.models.ledger import Ledger
    from optbench.models.provider import registered
    from optbench.models.retry import RetryPolicy
    from optbench.models.simulated import SimulatedModel
    from optbench.optimizers.build import as_keywords
    from optbench.tracking.store import OpikStore
    from optbench.tracking.tracker import Tracker
    from optbench.tracking.transport import install

    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    install().attach(OpikStore(folder / "opik.sqlite"))
    data = load(one.dataset)
    prompt = initial_messages(one.dataset)
    model = SimulatedModel(
        answer_keys(data, ["message"], lambda row: str(row["product"])),
        seed=1,
        latency_s=cell.latency_ms / 1000,
        prompts={"prompt": prompt},
    )
    route = Route("simulated", "0" * 64, model, RetryPolicy(0, 0.0), {"temperature": 0.0})
    gateway = Gateway({"task": route, "optimizer": route}, Ledger(folder / "calls.sqlite"), seed=1)
    metrics = build(one.dataset.metrics)
    tracker = Tracker(project="plain", dataset="plain", columns=["message", "product"], spans=True)

    def scorer(name: str) -> Callable[[dict[str, str], str], ScoreResult]:
        def optbench_objective_value(dataset_item: dict[str, str], llm_output: str) -> ScoreResult:
            score = metrics[name].score(llm_output, dataset_item)
            return ScoreResult(
                name="optbench_objective_value", value=score.value, reason=score.reason
            )

        return optbench_objective_value

    with registered(gateway):
        train, validation, test = (tracker.dataset(part) for part in data)
        optimizer = opik_optimizer.MetaPromptOptimizer(
            model="optbench/optimizer", verbose=0, seed=1, **as_keywords(one.optimizer.params)
        )
        asked = opik_optimizer.ChatPrompt(messages=prompt, model="optbench/task")

        def evaluate(candidate: object) -> None:
            for part, name in itertools.product((validation, test), metrics):
                optimizer.evaluate_prompt(
                    prompt=candidate,
                    dataset=part,
                    metric=scorer(name),
                    n_threads=8,
                    verbose=0,
                )

        evaluate(asked)
        result = optimizer.optimize_prompt(
            prompt=asked, dataset=train, validation_dataset=validation,
            metric=scorer("exact_match"), **as_keywords(one.optimizer.optimize),
        )  # fmt: skip
        evaluate(result.prompt)
    tracker.close()
    return time.perf_counter() - started, 0


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
        found = {"ours": ours, "plain": plain}[side](Path(folder), cell)
        Path(folder).with_suffix(".json").write_text(json.dumps(found))
        return
    latencies = [int(word) for word in sys.argv[1:]] or LATENCIES_MS
    met = [compared(Cell(ms, metrics)) for ms in latencies for metrics in METRICS]
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
