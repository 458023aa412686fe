"""A plan of a 40-task manifest (4 datasets, 5 optimizers, 2 models) against Hydra's own composition.

    python tests/benchmarks/manifest_planning.py

Wall time of the whole command with its imports, translation, rows and preflight, and what stock Hydra
would take to compose the tasks alone, twice each, extrapolated from 10. Aims: 10 s on two cores, and
a ratio of 0.6 or less, which says more where the machine is busy: each task has files of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from planning import compare, planned

TASKS, SAMPLE = 40, 10
AIM_S, AIM_RATIO = 10.0, 0.6
MANIFEST = {
    "datasets": ["tickets", "tickets_routing", "arithmetic", "own"],
    "models": ["openai/gpt-4.1-mini", "openrouter/qwen/qwen3-8b"],
    "optimizers": [
        "few_shot", "evolutionary_optimizer", "gepa", "hierarchical_reflective", "meta_prompt",
    ],
}  # fmt: skip


def main() -> None:
    """Measures, prints, and says whether the aims are met."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "conf" / "dataset"
        own.mkdir(parents=True)
        (own / "own.yaml").write_text("defaults: [tickets]\nname: own\n")
        (Path(folder) / "tasks.json").write_text(json.dumps({"seed": 1, "generators": [MANIFEST]}))
        words = ("--config-dir", "conf", "manifest=tasks.json", "plan=true")
        ours = planned(words, Path(folder), f"{TASKS} tasks ({TASKS} new)")
    sys.exit(not compare("tasks", ours, TASKS, SAMPLE, AIM_S, AIM_RATIO))


if __name__ == "__main__":
    main()
