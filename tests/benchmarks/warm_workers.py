"""How soon a worker's second job is at work: imports are paid by its first.

    python tests/benchmarks/warm_workers.py

Six tasks of three items on one worker, at no latency. Prints what the first and the later ones took
beside their phases, to start and to close, in seconds; the aim is 0.3 or less for the later ones.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

AIM_S = 0.3


def main() -> None:
    """Measures, prints, and says whether the aim is met."""
    words = (
        "-m", "model=simulated", "optimizer=none", "seed=1,2,3,4,5,6", "hydra.launcher.n_jobs=1",
        *(f"dataset.slices.{name}.count=3" for name in ("train", "validation", "test")),
        "hydra.sweep.dir=sweep",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "optbench", *words]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        started = []
        for file in Path(folder).rglob("status.json"):
            status = json.loads(file.read_text())
            timings = json.loads(file.with_name("result.json").read_text())["timings"]
            phases = sum(seconds for seconds in timings.values() if seconds != timings["unit"])
            whole = status["written_at"] - status["started_at"]
            started.append((status["started_at"], whole - phases))
    taken = [seconds for _, seconds in sorted(started)]
    later = statistics.median(taken[1:])
    print(f"first job: {taken[0]:.2f} s, later ones: {later:.2f} s (median; aim {AIM_S})")
    sys.exit(later > AIM_S)


if __name__ == "__main__":
    main()
