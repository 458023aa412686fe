"""What a launcher adds to a job that does nothing: ours and hydra-joblib-launcher, side by side.

    python tests/benchmarks/launcher_overhead.py [jobs]

Wall time of the same application with ``jobs`` jobs (100) and with 20, on two workers each; their
difference by the number of jobs between them leaves start and imports out. Rounds alternate, and the
smallest of each is taken. Prints milliseconds a job and their ratio; the aim is 0.5 or less.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

APP = Path(__file__).with_name("empty_app.py")
FEW, ROUNDS, AIM = 20, 2, 0.5
LAUNCHERS = {
    "optbench": ("hydra/launcher=optbench", "hydra/sweeper=matrix"),
    "joblib": ("hydra/launcher=joblib",),
}


def seconds(launcher: str, jobs: int) -> float:
    """Wall time of a sweep."""
    words = (*LAUNCHERS[launcher], "hydra.launcher.n_jobs=2", f"x=range({jobs})")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, APP, "-m", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - began


def main() -> None:
    """Measures, prints, and says whether the aim is met."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    taken: dict[tuple[str, int], float] = {}
    for _ in range(ROUNDS):
        for jobs in (FEW, many):
            for launcher in LAUNCHERS:
                key = launcher, jobs
                taken[key] = min(seconds(*key), taken.get(key, float("inf")))
    each = {
        name: 1000 * (taken[name, many] - taken[name, FEW]) / (many - FEW) for name in LAUNCHERS
    }
    ratio = each["optbench"] / each["joblib"]
    for name, spent in each.items():
        print(f"{name:<9} {spent:6.1f} ms a job")
    print(f"ratio     {ratio:6.2f} (aim {AIM})")
    sys.exit(ratio > AIM)


if __name__ == "__main__":
    main()
