"""A plan of 1,000 jobs (10 datasets, 5 optimizers, 20 seeds) against Hydra's own composition.

    python tests/benchmarks/sweep_planning.py

Wall time of the whole command, and what stock Hydra would take to compose the jobs alone: twice each,
once in its sweeper and once in its launcher, extrapolated from 20. Aims: 20 s on two cores, and a
ratio of 0.3 or less, which says more where the machine is busy.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from optbench import config
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE

DATASETS, SEEDS, SAMPLE = 10, 20, 20
OPTIMIZERS = ("none", "random_few_shot", "few_shot", "gepa", "meta_prompt")
AIM_S, AIM_RATIO = 20.0, 0.3
DATASET = "defaults: [tickets]\nname: d{0}\nslices: {{test: {{start: {0}, count: 60}}}}\n"


def planned() -> float:
    """Seconds of ``optbench -m plan=true`` for all jobs."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "conf" / "dataset"
        own.mkdir(parents=True)
        for number in range(DATASETS):
            (own / f"d{number}.yaml").write_text(DATASET.format(number))
        words = (
            "--config-dir", "conf", "-m", "plan=true", "model=simulated",
            f"dataset={','.join(f'd{number}' for number in range(DATASETS))}",
            f"optimizer={','.join(OPTIMIZERS)}", f"seed=range({SEEDS})",
        )  # fmt: skip
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "optbench", *words], cwd=folder, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        taken = time.perf_counter() - began
    assert "1,000 tasks (1000 new)" in done.stdout, done.stdout[-500:]
    return taken


def stock() -> float:
    """Seconds that Hydra takes to compose one job."""
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["model=simulated"], RunMode.MULTIRUN)
        began = time.perf_counter()
        for seed in range(SAMPLE):
            loader.load_sweep_config(master, ["optimizer=gepa", f"seed={seed}"])
        return (time.perf_counter() - began) / SAMPLE


def main() -> None:
    """Measures, prints, and says whether the aims are met."""
    jobs = DATASETS * len(OPTIMIZERS) * SEEDS
    ours, theirs = planned(), 2 * jobs * stock()
    print(f"optbench, plan of {jobs} jobs: {ours:6.1f} s (aim {AIM_S:g})")
    print(f"Hydra, composing them twice: {theirs:6.1f} s")
    print(f"ratio: {ours / theirs:.2f} (aim {AIM_RATIO})")
    sys.exit(ours > AIM_S or ours / theirs > AIM_RATIO)


if __name__ == "__main__":
    main()
