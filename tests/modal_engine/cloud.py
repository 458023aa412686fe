"""The engine as a user has it: command lines in processes of their own, over the loopback Modal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modal_loopback.peer import Loopback
from pyarrow import parquet
from support import clean_environment

SWEEP = (
    "-m", "model=simulated", "test_mode=true", "cache=off", "n_threads=1", "hydra.sweep.dir=sweep",
)  # fmt: skip
TWELVE = (*SWEEP, "optimizer=none,random_few_shot", "seed=1,2,3,4,5,6")
MODAL = ("engine=modal", "hydra.launcher.n_jobs=2", "hydra.launcher.modal.commit_s=1")
_OF_A_RUN = ("timings", "latency_s", "engine", "time", "seconds")
"""Keys of what no two runs have in common, and of where a job ran."""


def optbench_modal(
    *words: str,
    cwd: Path,
    peer: Loopback,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Runs ``optbench-modal``."""
    return subprocess.run(
        [sys.executable, "-m", "optbench_modal", *words],
        cwd=cwd,
        env={**clean_environment(), **peer.env, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def of_any_run(node: Any) -> Any:
    """What a run has in common with any other of its task."""
    if isinstance(node, Mapping):
        return {key: of_any_run(one) for key, one in node.items() if key not in _OF_A_RUN}
    return [of_any_run(one) for one in node] if isinstance(node, list) else node


def told(sweep: Path) -> dict[str, Any]:
    """What the jobs of a sweep have learnt, by folder, times aside."""
    found: dict[str, Any] = {}
    for file in sorted(sweep.rglob("result.json")):
        job = file.parent
        items = parquet.read_table(job / "items.parquet").to_pylist()
        trials = [json.loads(line) for line in (job / "trials.jsonl").read_text().splitlines()]
        found[str(job.relative_to(sweep))] = of_any_run(
            {
                "result": json.loads(file.read_text()),
                "task": json.loads((job / "task.json").read_text()),
                "items": items,
                "trials": trials,
                "files": sorted(
                    str(one.relative_to(job)) for one in job.rglob("*") if one.name != ".lock"
                ),
            }
        )
    return found


def spawned(peer: Loopback) -> int:
    """Calls that the server has accepted so far."""
    return int(peer.counts()["rpc"].get("FunctionMap", 0))
