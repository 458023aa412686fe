"""Memory of the launching process with 100 and with 3,000 jobs that end at once.

    python tests/benchmarks/launcher_memory.py [jobs]

The sweep is optbench's own, through its console script: jobs are composed, sent to workers, and their
ends written down; only the task itself is left out. Prints the peak resident memory of each, in MB;
the aim is a difference of 50 or less.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FEW, AIM_MB = 100, 50
BRIEF = {
    "dataset": "tickets", "optimizer": "none", "model": "simulated", "seed": 1,
    "finish_reason": "not_optimised", "objective": "exact_match", "initial": 0.5, "final": 0.5,
    "n": 80, "simulated": True,
}  # fmt: skip


def instant(*_: Any) -> Any:
    """Stands for a task, in a worker."""
    from optbench_jobs.job import Outcome

    return Outcome("success", BRIEF)


def sweep(jobs: int) -> None:
    """Runs a sweep in this process, and prints its seconds and its peak memory in MB."""
    from optbench import app
    from optbench_jobs import worker

    worker.run_optbench = instant  # type: ignore[assignment]  # of any arguments
    seeds = ",".join(map(str, range(jobs)))
    sys.argv[1:] = [
        "-m", "model=simulated", "optimizer=none", f"seed={seeds}", "hydra.sweep.dir=sweep",
        "hydra.launcher.n_jobs=2",
    ]  # fmt: skip
    began = time.perf_counter()
    app.main()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"s": time.perf_counter() - began, "mb": peak}))


def measured(jobs: int) -> dict[str, float]:
    """The same in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, Path(__file__).absolute(), "--sweep", str(jobs)],
            cwd=folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measures, prints, and says whether the aim is met."""
    if sys.argv[1:2] == ["--sweep"]:
        sweep(int(sys.argv[2]))
        return
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    peaks = {}
    for jobs in (FEW, many):
        found = measured(jobs)
        peaks[jobs] = found["mb"]
        print(f"{jobs:>6} jobs: {found['mb']:7.1f} MB, {found['s']:6.1f} s")
    growth = peaks[many] - peaks[FEW]
    print(f"growth:      {growth:7.1f} MB (aim {AIM_MB})")
    sys.exit(growth > AIM_MB)


if __name__ == "__main__":
    main()
