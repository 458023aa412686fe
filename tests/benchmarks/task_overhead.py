"""One task: optbench against a plain script that calls opik-optimizer with its default agent.

Both run the same optimizer (meta_prompt, 3 trials) on the same items with the same simulated model
(50 ms a call, 8 threads), the same embedded Opik backend and the same tracking, in one process each,
and evaluate baseline and final prompt on validation and test. Imports are not counted. Prints wall
times and their ratio; the aim is 0.7 or less.

    python tests/benchmarks/task_overhead.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hydra import compose, initialize_config_dir

from optbench import config, environment
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE
from optbench.task import Task, run_task

AIM = 0.7
OVERRIDES = (
    "model=simulated",
    "model.latency_s=0.05",
    "optimizer=meta_prompt",
    "budget=trials_3",
    "n_threads=8",
    "cache=off",  # the plain side has none
    "dataset.slices.validation.count=80",
)


def task() -> Task:
    """The task that both sides run."""
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        return Task.from_config(compose("config", list(OVERRIDES)))


def ours(folder: Path) -> float:
    """Seconds of optbench, after imports."""
    one = task()
    environment.prepare(one.config.tracking)
    import optbench.optimizers.opik
    import optbench.session  # noqa: F401

    started = time.perf_counter()
    run_task(one, folder)
    return time.perf_counter() - started


def plain(folder: Path) -> float:
    """Seconds of a plain script, after imports."""
    one = task().config
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
        latency_s=0.05,
        prompt=prompt,
    )
    route = Route("simulated", "0" * 64, model, RetryPolicy(0, 0.0), {"temperature": 0.0})
    gateway = Gateway({"task": route, "optimizer": route}, Ledger(folder / "calls.sqlite"), seed=1)
    metric = build(one.dataset.metrics)["exact_match"]
    tracker = Tracker(project="plain", dataset="plain", columns=["message", "product"], spans=True)

    def optbench_objective_value(dataset_item: dict[str, str], llm_output: str) -> ScoreResult:
        score = metric.score(llm_output, dataset_item)
        return ScoreResult(name="optbench_objective_value", value=score.value, reason=score.reason)

    with registered(gateway):
        train, validation, test = (tracker.dataset(part) for part in data)
        optimizer = opik_optimizer.MetaPromptOptimizer(
            model="optbench/optimizer", verbose=0, seed=1, **as_keywords(one.optimizer.params)
        )
        asked = opik_optimizer.ChatPrompt(messages=prompt, model="optbench/task")

        def evaluate(candidate: object) -> None:
            for part in (validation, test):
                optimizer.evaluate_prompt(
                    prompt=candidate,
                    dataset=part,
                    metric=optbench_objective_value,
                    n_threads=8,
                    verbose=0,
                )

        evaluate(asked)
        result = optimizer.optimize_prompt(
            prompt=asked, dataset=train, validation_dataset=validation,
            metric=optbench_objective_value, **as_keywords(one.optimizer.optimize),
        )  # fmt: skip
        evaluate(result.prompt)
    tracker.close()
    return time.perf_counter() - started


def main() -> None:
    """Runs each side in a process of its own, twice, and prints the better times."""
    if len(sys.argv) > 1:
        side = {"ours": ours, "plain": plain}[sys.argv[1]]
        Path(sys.argv[2]).with_suffix(".json").write_text(json.dumps(side(Path(sys.argv[2]))))
        return
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(2):
            for side in ("plain", "ours"):
                subprocess.run(
                    [sys.executable, __file__, side, f"{folder}/{side}{number}"],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                seconds = json.loads(Path(f"{folder}/{side}{number}.json").read_text())
                best[side] = min(seconds, best.get(side, seconds))
    ratio = best["ours"] / best["plain"]
    print(f"optbench {best['ours']:.2f} s, plain script {best['plain']:.2f} s")
    print(f"ratio {ratio:.2f} (aim {AIM})")


if __name__ == "__main__":
    main()
