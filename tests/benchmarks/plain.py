"""A plain script: one task by opik-optimizer as its documentation shows it, with its default agent.

    python tests/benchmarks/plain.py TASK.pickle FOLDER

The other side of the benchmarks. It has the same optimizer with the same parameters, items, simulated
model, threads and embedded Opik backend as optbench has, evaluates baseline and final prompt on
validation and test, and asks ``evaluate_prompt`` once for each metric, as its signature wants. It takes
the config as it was composed, so it pays for none of Hydra's work.
"""

from __future__ import annotations

import itertools
import json
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from optbench import environment

if TYPE_CHECKING:
    from opik.evaluation.metrics.score_result import ScoreResult

    from optbench.config import Config


class Taken(NamedTuple):
    """Seconds after imports, and calls that the model was asked."""

    seconds: float
    paid: int


def run(one: Config, folder: Path) -> Taken:
    """Runs a task that has the chat agent."""
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
    target = str(one.dataset.metrics[0].target)
    model = SimulatedModel(
        answer_keys(data, ["message"], lambda row: str(row[target])),
        seed=one.seed,
        latency_s=one.model.latency_s,  # type: ignore[attr-defined]  # the simulated model's
        prompts={"prompt": prompt},
    )
    route = Route("simulated", "0" * 64, model, RetryPolicy(0, 0.0), {"temperature": 0.0})
    ledger = Ledger(folder / "calls.sqlite")
    gateway = Gateway({"task": route, "optimizer": route}, ledger, seed=one.seed)
    metrics = build(one.dataset.metrics)
    objective = one.dataset.metrics[0].name
    tracker = Tracker(project="plain", dataset="plain", columns=["message", target], spans=True)

    def scorer(name: str) -> Callable[[dict[str, str], str], ScoreResult]:
        def optbench_objective_value(dataset_item: dict[str, str], llm_output: str) -> ScoreResult:
            score = metrics[name].score(llm_output, dataset_item)
            return ScoreResult(
                name="optbench_objective_value", value=score.value, reason=score.reason
            )

        return optbench_objective_value

    with registered(gateway):
        train, validation, test = (tracker.dataset(part) for part in data)
        algorithm = getattr(one.optimizer, "algorithm", None)
        optimizer = getattr(opik_optimizer, algorithm or "MetaPromptOptimizer")(
            model="optbench/optimizer", verbose=0, seed=one.seed,
            **(as_keywords(one.optimizer.params) if algorithm else {}),
        )  # fmt: skip
        asked = opik_optimizer.ChatPrompt(messages=prompt, model="optbench/task")

        def evaluate(candidate: Any) -> None:
            for part, name in itertools.product((validation, test), metrics):
                optimizer.evaluate_prompt(
                    prompt=candidate, dataset=part, metric=scorer(name),
                    n_threads=one.n_threads, verbose=0,
                )  # fmt: skip

        evaluate(asked)
        if algorithm:
            result = optimizer.optimize_prompt(
                prompt=asked, dataset=train, validation_dataset=validation,
                metric=scorer(objective), **as_keywords(one.optimizer.optimize),
            )  # fmt: skip
            evaluate(result.prompt)
    tracker.close()
    return Taken(time.perf_counter() - started, model.calls)


def main() -> None:
    """Runs the task of a file; what it took is in ``plain.json``."""
    given, folder = Path(sys.argv[1]), Path(sys.argv[2])
    taken = run(pickle.loads(given.read_bytes()), folder)
    (folder / "plain.json").write_text(json.dumps(taken._asdict()))


if __name__ == "__main__":
    main()
