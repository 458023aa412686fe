"""A sweep of 10,000 jobs at Modal over the loopback server of the tests; each job takes no time.

    PYTHONPATH=tests python tests/benchmarks/modal_sweep.py [jobs]

Modal's own client and container runner, two containers; only the task is a stand-in
(``instant_modal.py``). All jobs have to come home, and the launching process must not grow: prints its
resident memory when a tenth has ended and at the end, the size of the journal, and seconds for each
step. Aim: 50 MB more for nine tenths of 10,000 jobs. It checks the model of docs/scale.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from modal_loopback.peer import loopback

AIM_MB = 50.0
HERE = Path(__file__).parent
DEPLOY = """
import sys
from optbench_modal.deploy import deploy
from optbench_modal.names import Names
from optbench_modal.source import Source
deploy(Names(), Source(), quiet=True)
import instant_modal
instant_modal.app.deploy(name=Names().app)
"""
LAUNCH = """
import json, sys, time
from pathlib import Path
from hydra_plugins.optbench_launcher import _modal, _view
jobs = int(sys.argv.pop(1))
told = {"began": time.perf_counter()}
def resident():
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in one)
    return int(line.split()[1]) / 1024
spawn, ended, count = _modal.ModalBackend._spawn_next, _view.View.ended, [0]
def spawning(self):
    told.setdefault("spawning", time.perf_counter())
    found = spawn(self)
    if not self._queue:
        told.setdefault("spawned", time.perf_counter())
    return found
def ending(self, *given):
    count[0] += 1
    if count[0] in (jobs // 10, jobs):
        told["tenth" if count[0] < jobs else "all"] = resident()
    return ended(self, *given)
_modal.ModalBackend._spawn_next, _view.View.ended = spawning, ending
from optbench.app import main
try:
    main()
finally:
    told["done"] = time.perf_counter()
    print("measured " + json.dumps(told))
"""


def main() -> None:
    """Measures, prints, and says whether the aim is met."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with loopback() as peer, tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, **peer.env, "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}"}
        subprocess.run([sys.executable, "-c", DEPLOY], env=env, check=True)
        words = [
            "-m", "engine=modal", "model=simulated", "optimizer=none", f"seed=range({jobs})",
            "hydra.sweep.dir=sweep", "hydra.launcher.n_jobs=2",
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", LAUNCH, str(jobs), *words],
            cwd=folder, env=env, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        sweep = Path(folder) / "sweep"
        home = sum(1 for _ in sweep.rglob("result.json"))
        journal = sweep / "shared" / "modal" / "journal.jsonl"
        ended = journal.read_text().count('"ended"')
        size = journal.stat().st_size
    told = json.loads(next(x for x in done.stdout.splitlines() if x.startswith("measured"))[9:])
    growth = told["all"] - told["tenth"]
    print(f"{home} of {jobs} results at home, {ended} ended in the journal")
    print(
        f"planned and looked at in {told['spawning'] - told['began']:.1f} s, spawned in "
        f"{told['spawned'] - told['spawning']:.1f} s, home after {told['done'] - told['began']:.1f} s"
    )
    print(f"journal: {size / 1e6:.1f} MB, {size / jobs:.0f} bytes a job")
    print(
        f"resident memory: {told['tenth']:.0f} MB when a tenth had ended, {told['all']:.0f} MB at the "
        f"end (aim +{AIM_MB:g})"
    )
    sys.exit(home != jobs or ended != jobs or growth > AIM_MB)


if __name__ == "__main__":
    main()
