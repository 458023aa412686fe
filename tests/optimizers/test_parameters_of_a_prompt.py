"""ParameterOptimizer states parameters in two forms; neither makes one of a prompt's name."""

from __future__ import annotations

from pathlib import Path

from support import composed

from optbench.task import Task, run_task


def test_a_prompt_whose_parameters_were_best_is_unchanged(tmp_path: Path) -> None:
    """At seed 3 no point of the search beats the initial prompt: a sweep had ``prompt: {}`` there."""
    words = ("model=simulated", "dataset=tickets_routing", "optimizer=parameter", "seed=3")
    result = run_task(Task.from_config(composed(*words, "budget=trials_3")), tmp_path)
    assert result["prompts"]["final"] == result["prompts"]["initial"]
    assert not result["prompt_changed"]
