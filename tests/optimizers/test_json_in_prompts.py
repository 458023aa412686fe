"""Every optimizer takes a prompt with JSON in it through its search, and the JSON stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import composed, searches

from optbench.task import Task, run_task

JSON = '{"product": "kettle", "sure": {"share": 0.5}}'


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", searches())
def test_a_prompt_with_json(optimizer: str, tmp_path: Path) -> None:
    config = composed(
        *("model=simulated", f"optimizer={optimizer}", "budget=trials_3", "dataset=tickets"),
        *("dataset.slices.train.count=8", "dataset.slices.validation.count=6"),
        "dataset.slices.test.count=6",
    )
    config.dataset.prompt[0].content = f"Name the product, in the form of {JSON}."
    config.dataset.prompt[-1].content = f"{{{{message}}}}\nReply as {JSON}."
    config.dataset.demonstration = '{"product": "{product}"}'
    result = run_task(Task.from_config(config), tmp_path / "job")
    assert result["finish_reason"]
    trials = [json.loads(line) for line in (tmp_path / "job/trials.jsonl").read_text().splitlines()]
    for trial in trials:
        assert "message}" in str(trial["prompt"]), "no candidate lost the item"
    assert trials or optimizer == "none"
    if optimizer in ("few_shot", "random_few_shot", "parameter"):  # these keep the words
        assert all(JSON in message["content"] for trial in trials
                   for message in trial["prompt"]["messages"][-1:])  # fmt: skip
