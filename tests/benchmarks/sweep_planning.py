"""A plan of 1,000 jobs (10 datasets, 5 optimizers, 20 seeds) against Hydra's own composition.

    python tests/benchmarks/sweep_planning.py

Wall time of the whole command, and what stock Hydra would take to compose the jobs alone: twice each,
once in its sweeper and once in its launcher, extrapolated from 20. Aims: 20 s on two cores, and a
ratio of 0.3 or less, which says more where the machine is busy.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from planning import compare, planned

DATASETS, SEEDS, SAMPLE = 10, 20, 20
OPTIMIZERS = ("none", "random_few_shot", "few_shot", "gepa", "meta_prompt")
AIM_S, AIM_RATIO = 20.0, 0.3
DATASET = "defaults: [tickets]\nname: d{0}\nslices: {{test: {{start: {0}, count: 60}}}}\n"


def main() -> None:
    """Measures, prints, and says whether the aims are met."""
    jobs = DATASETS * len(OPTIMIZERS) * SEEDS
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
        ours = planned(words, Path(folder), "1,000 tasks (1000 new)")
    sys.exit(not compare("jobs", ours, jobs, SAMPLE, AIM_S, AIM_RATIO))


if __name__ == "__main__":
    main()
