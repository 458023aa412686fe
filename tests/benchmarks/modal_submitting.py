"""Handing 500 jobs to Modal, over the loopback server of the tests, and the memory that it takes.

    PYTHONPATH=tests python tests/benchmarks/modal_submitting.py

Time from the first spawn to the last, with two writes to disk each, and the largest resident memory
of a launch with 100 and with 500 jobs. Containers do not start, so that they take no core. Aims: 10 s,
and 30 MB more for 400 jobs more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from modal_loopback.peer import Loopback, loopback

FEW, MANY = 100, 500
AIM_S, AIM_MB = 10.0, 30.0
LAUNCH = """
import resource, sys, time
from hydra_plugins.optbench_launcher import _modal
began = []
spawn = _modal.ModalBackend._spawn_next
def timed(self):
    began.append(time.perf_counter())
    return spawn(self)
_modal.ModalBackend._spawn_next = timed
sys.argv = ["optbench", *sys.argv[1:]]
from optbench.app import main
try:
    main()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"measured {time.perf_counter() - began[0]:.2f} {peak:.1f}")
"""


def handed_over(jobs: int, peer: Loopback) -> tuple[float, float]:
    """Seconds and MB of a launch that leaves when all is spawned."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", LAUNCH, "-m", "engine=modal", "engine.detach=true",
             "model=simulated", "optimizer=none", f"seed=range({jobs})", "hydra.sweep.dir=sweep"],
            cwd=folder, env={**os.environ, **peer.env}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        journal = (Path(folder) / "sweep" / "shared" / "modal" / "journal.jsonl").read_text()
    assert journal.count('"spawned"') == jobs, done.stderr
    line = next(one for one in done.stdout.splitlines() if one.startswith("measured"))
    _, seconds, megabytes = line.split()
    return float(seconds), float(megabytes)


def main() -> None:
    """Measures, prints, and says whether the aims are met."""
    with loopback(start_delay=40.0) as peer:
        subprocess.run(
            [sys.executable, "-m", "optbench_modal", "deploy"],
            env={**os.environ, **peer.env}, capture_output=True, check=True,
        )  # fmt: skip
        _, few = handed_over(FEW, peer)
        seconds, many = handed_over(MANY, peer)
    print(f"{MANY} jobs handed over in {seconds:.1f} s (aim {AIM_S:g})")
    print(
        f"resident memory: {few:.0f} MB with {FEW} jobs, {many:.0f} MB with {MANY} (aim +{AIM_MB:g})"
    )
    sys.exit(seconds > AIM_S or many - few > AIM_MB)


if __name__ == "__main__":
    main()
