"""The worked example of the protocol."""

from __future__ import annotations

from pathlib import Path

from support import composed

from optbench.config.schema import OptimizerConf
from optbench.optimizers import build
from optbench.task import Task, run_task


def test_demonstrations_come_from_train_as_chat_turns(tmp_path: Path) -> None:
    config = composed("model=simulated", "budget=trials_3")
    result = run_task(Task.from_config(config), tmp_path)
    messages = result["prompts"]["final"]["messages"]
    assert messages[0]["role"] == "system"
    assert messages[-1] == {"role": "user", "content": "{message}"}
    turns = messages[1:-1]
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    assert 2 <= len(turns) / 2 <= 8
    assert len(result["optimizer_details"]["demonstrations"]) == len(turns) / 2
    assert result["lift"]["test"]["exact_match"]["low"] > 0


def test_unknown_parameters_name_the_known_ones() -> None:
    conf = OptimizerConf(
        name="mine",
        target="optbench.optimizers.random_few_shot.RandomFewShot",
        params={"min_examples": 1, "max_exampels": 2},
        optimize={"max_trials": 1},
    )
    said = [str(problem) for problem in build.check(conf)]
    assert any("max_exampels" in text and "Did you mean max_examples" in text for text in said)
    assert any(text.startswith("optimizer.params.max_examples: missing") for text in said)
