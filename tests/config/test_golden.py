"""The resolved config of the main combinations, as files: a change of a default shows in review.

``OPTBENCH_WRITE_GOLDEN=1 pytest tests/config/test_golden.py`` writes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support import composed

GOLDEN = Path(__file__).parent / "golden"
MAIN = {
    "default": [],
    "gsm8k_gepa": ["dataset=gsm8k", "optimizer=gepa", "model=gpt-4o-mini"],
    "tickets_few_shot_simulated": ["optimizer=few_shot", "model=simulated", "budget=trials_3"],
    "two_models": ["optimizer=meta_prompt", "model@optimizer_model=gpt-4.1-mini"],
}


@pytest.mark.parametrize("name", MAIN)
def test_resolved_config(name: str) -> None:
    resolved = OmegaConf.to_yaml(composed(*MAIN[name]), resolve=True)
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("OPTBENCH_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(resolved)
    assert resolved == file.read_text()
