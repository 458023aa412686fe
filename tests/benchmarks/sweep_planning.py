"""Plans of 100 to 10,000 jobs (10 datasets, 5 optimizers, seeds) against Hydra's own composition.

    python tests/benchmarks/sweep_planning.py [jobs...]

Wall time of the whole command, and what stock Hydra would take to compose the jobs alone: twice each,
once in its sweeper and once in its launcher, extrapolated from 20. Aims: 20 s for 1,000 jobs and 180 s
for 10,000 on two cores, and a ratio of 0.3 or less from 1,000 jobs on, which says more where the machine
is busy; peak memory is of the launching process.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

from planning import compare, planned

SIZES = (100, 1000, 3000, 10_000)
DATASETS, SAMPLE = 10, 20
OPTIMIZERS = ("none", "random_few_shot", "few_shot", "gepa", "meta_prompt")
AIM_S = {1000: 20.0, 10_000: 180.0}
AIM_RATIO = 0.3
DATASET = "defaults: [tickets]\nname: d{0}\nslices: {{test: {{start: {0}, count: 60}}}}\n"


def plan_of(jobs: int) -> float:
    """Seconds to plan so many jobs."""
    seeds = jobs // (DATASETS * len(OPTIMIZERS))
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "conf" / "dataset"
        own.mkdir(parents=True)
        for number in range(DATASETS):
            (own / f"d{number}.yaml").write_text(DATASET.format(number))
        words = (
            "--config-dir", "conf", "-m", "plan=true", "model=simulated",
            f"dataset={','.join(f'd{number}' for number in range(DATASETS))}",
            f"optimizer={','.join(OPTIMIZERS)}", f"seed=range({seeds})",
        )  # fmt: skip
        return planned(words, Path(folder), f"{jobs:,} tasks ({jobs} new)")


def main() -> None:
    """Measures, prints, and says whether the aims are met."""
    met = True
    for jobs in [int(word) for word in sys.argv[1:]] or SIZES:
        taken = plan_of(jobs)
        ratio = AIM_RATIO if jobs >= 1000 else 1.0
        met &= compare("jobs", taken, jobs, SAMPLE, AIM_S.get(jobs, float("inf")), ratio)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of a planning process: {peak:.0f} MB")
    sys.exit(not met)


if __name__ == "__main__":
    main()
