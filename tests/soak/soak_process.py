"""Runs many small tasks in this one process, and says after each what the process holds, as JSON."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from pathlib import Path

from support import composed

from optbench.task import Task, run_task

WORDS = (
    "model=simulated", "budget=trials_2", "n_threads=2",
    *(f"dataset.slices.{name}.count=5" for name in ("train", "validation", "test")),
)  # fmt: skip
OPTIMIZERS = ("random_few_shot", "meta_prompt", "evolutionary_optimizer", "none")


def resident_mb() -> float:
    """Memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(tasks: int) -> None:
    for number in range(tasks):
        optimizer = OPTIMIZERS[number % len(OPTIMIZERS)]
        words = (*WORDS, f"optimizer={optimizer}", f"seed={number}")
        run_task(Task.from_config(composed(*words)), Path(f"{number}"))
        gc.collect()
        held = {
            "files": len(os.listdir("/proc/self/fd")),
            "mb": round(resident_mb(), 1),
            "names": sorted(thread.name for thread in threading.enumerate()),
        }
        print(json.dumps(held), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
