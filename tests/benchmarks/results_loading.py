"""Reading a sweep of 3,000 jobs with 300 test items each: wall time and peak memory.

    python tests/benchmarks/results_loading.py [jobs] [--calls]

One real job of the simulated model (300 test and 50 validation items, 10 trials) is the template; the
others are copies of its files with other identities, optimizers and seeds. ``--calls`` gives each a
ledger too, 1 MB a job. Read in a process of its own, imports included, files in the page cache. Aims:
tasks and items together in 10 s and 2 GB, on two cores that nobody else is using; what the tables of
trials and calls take is told beside.
"""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

JOBS, TEST_ITEMS, SEEDS, DATASETS = 3000, 300, 10, 20
AIM_S, AIM_MB = 10.0, 2000
TASK = (
    "dataset=arithmetic", "model=simulated", "optimizer=random_few_shot", "budget.trials=10",
    f"dataset.slices.test.count={TEST_ITEMS}",
)  # fmt: skip


def read(sweep: str, *, calls: bool) -> None:
    """Reads in this process, and prints seconds so far and peak memory after each table, as JSON."""
    began = time.perf_counter()
    from optbench.results.runs import load

    runs = load(sweep)
    for name in ("tasks", "items", "trials", "calls")[: 4 if calls else 3]:
        rows = len(getattr(runs, name))
        used = resource.getrusage(resource.RUSAGE_SELF)
        told = {"s": time.perf_counter() - began, "cpu_s": used.ru_utime + used.ru_stime}
        print(json.dumps({**told, "mb": used.ru_maxrss / 1024, "rows": rows}))
    assert len(runs.problems) == 0, runs.problems["what"][0]


def make(sweep: Path, template: Path, jobs: int, *, calls: bool) -> None:
    """A sweep of as many jobs as are asked for."""
    result, task = (
        json.loads((template / name).read_text()) for name in ("result.json", "task.json")
    )
    for number in range(jobs):
        identity = hashlib.sha256(str(number).encode()).hexdigest()
        seed, rest = number % SEEDS, number // SEEDS
        names: dict[str, Any] = {
            "dataset": f"dataset_{rest % DATASETS}",
            "optimizer": f"optimizer_{rest // DATASETS}",
            "seed": seed,
        }
        folder = sweep.joinpath(*map(str, names.values()), identity[:6])
        folder.mkdir(parents=True)
        for name in ("status.json", "trials.jsonl", "items.parquet"):
            shutil.copyfile(template / name, folder / name)
        (folder / "result.json").write_text(
            json.dumps({**result, **names, "identity": identity}, indent=2)
        )
        (folder / "task.json").write_text(json.dumps({**task, "identity": identity}, indent=2))
        if calls:
            shutil.copyfile(template / "calls.sqlite", folder / "calls.sqlite")
            with closing(sqlite3.connect(folder / "calls.sqlite")) as db, db:
                db.execute("UPDATE task SET identity = ?", [identity])


def main() -> None:
    """Measures, prints, and says whether the aims are met."""
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    calls = "--calls" in sys.argv
    if "--read" in sys.argv:
        read(words[0], calls=calls)
        return
    jobs = int(words[0]) if words else JOBS
    with tempfile.TemporaryDirectory() as work:
        template, sweep = Path(work) / "template", Path(work) / "sweep"
        subprocess.run(
            [sys.executable, "-m", "optbench", *TASK, f"hydra.run.dir={template}"],
            cwd=work, check=True, capture_output=True,
        )  # fmt: skip
        make(sweep, template, jobs, calls=calls)
        command = [sys.executable, __file__, "--read", str(sweep), *(["--calls"] if calls else [])]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    for name, found in zip(("tasks", "items", "trials", "calls"), told, strict=False):
        aim = f" (aim {AIM_S:g} s, {AIM_MB} MB)" if name == "items" else ""
        shown = f"{found['s']:6.2f} s ({found['cpu_s']:.2f} of CPU), {found['mb']:7.1f} MB{aim}"
        print(f"{jobs} jobs, up to {name + ',':<7} {found['rows']:>9,} rows: {shown}")
    sys.exit(told[1]["s"] > AIM_S or told[1]["mb"] > AIM_MB)


if __name__ == "__main__":
    main()
