"""A plan of a 40-task manifest (4 datasets, 5 optimizers, 2 models) against Hydra's own composition.

    python tests/benchmarks/manifest_planning.py

Wall time of the whole command with its imports, translation, rows and preflight, and what stock Hydra
would take to compose the tasks alone, twice each, extrapolated from 10. Aims: 10 s on two cores, and
a ratio of 0.6 or less, which says more where the machine is busy: each task has files of its own.
"""

from __future__ import annotations

import json
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

TASKS, SAMPLE = 40, 10
AIM_S, AIM_RATIO = 10.0, 0.6
MANIFEST = {
    "datasets": ["tickets", "tickets_routing", "arithmetic", "own"],
    "models": ["openai/gpt-4.1-mini", "openrouter/qwen/qwen3-8b"],
    "optimizers": [
        "few_shot", "evolutionary_optimizer", "gepa", "hierarchical_reflective", "meta_prompt",
    ],
}  # fmt: skip


def planned() -> float:
    """Seconds of ``optbench plan=true`` for all tasks."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "conf" / "dataset"
        own.mkdir(parents=True)
        (own / "own.yaml").write_text("defaults: [tickets]\nname: own\n")
        (Path(folder) / "tasks.json").write_text(json.dumps({"seed": 1, "generators": [MANIFEST]}))
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "optbench", "--config-dir", "conf", "manifest=tasks.json",
             "plan=true"],
            cwd=folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        taken = time.perf_counter() - began
    assert f"{TASKS} tasks ({TASKS} new)" in done.stdout, done.stdout[-500:]
    return taken


def stock() -> float:
    """Seconds that Hydra takes to compose one task."""
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
    ours, theirs = planned(), 2 * TASKS * stock()
    print(f"optbench, plan of {TASKS} tasks: {ours:6.1f} s (aim {AIM_S:g})")
    print(f"Hydra, composing them twice: {theirs:6.1f} s")
    print(f"ratio: {ours / theirs:.2f} (aim {AIM_RATIO})")
    sys.exit(ours > AIM_S or ours / theirs > AIM_RATIO)


if __name__ == "__main__":
    main()
