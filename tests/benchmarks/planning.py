"""What the benchmarks of plans measure alike: the command's time, and stock Hydra's."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from optbench import config
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE


def planned(words: tuple[str, ...], folder: Path, says: str) -> float:
    """Seconds of an ``optbench`` command that plans.

    Args:
        words: Its arguments.
        folder: Where it runs.
        says: What has to be in its output.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "optbench", *words], cwd=folder, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    taken = time.perf_counter() - began
    assert says in done.stdout, done.stdout[-500:]
    return taken


def stock(sample: int) -> float:
    """Seconds that Hydra takes to compose one job, over a sample of them."""
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["model=simulated"], RunMode.MULTIRUN)
        began = time.perf_counter()
        for seed in range(sample):
            loader.load_sweep_config(master, ["optimizer=gepa", f"seed={seed}"])
        return (time.perf_counter() - began) / sample


def compare(what: str, ours: float, jobs: int, sample: int, aim_s: float, aim_ratio: float) -> bool:
    """Prints a plan's time beside Hydra's for composing the jobs twice; whether the aims are met."""
    theirs = 2 * jobs * stock(sample)
    print(f"optbench, plan of {jobs} {what}: {ours:6.1f} s (aim {aim_s:g})")
    print(f"Hydra, composing them twice: {theirs:6.1f} s")
    print(f"ratio: {ours / theirs:.2f} (aim {aim_ratio})")
    return ours <= aim_s and ours / theirs <= aim_ratio
