"""A transfer is a sweep: what each prompt is scored on, and what takes its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import swept
from transfers.finished import finished, transferred

from optbench.config.identity import identity_of
from optbench.errors import ConfigError
from optbench.rerun import complete


def told(sweep: Path, *words: str) -> list[tuple[Any, ...]]:
    return [transferred(one) for one in configs(sweep, *words)]


def configs(sweep: Path, *words: str) -> list[dict[str, Any]]:
    return swept(f"hydra.sweeper.transfer=['{sweep}']", *words)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    small = "dataset.slices.test.count=7"
    finished(tmp_path / "s", "optimizer=few_shot", "seed=1", "budget=rollouts_500", small)
    finished(tmp_path / "s", "optimizer=few_shot", "seed=2", "budget=rollouts_500", small)
    finished(tmp_path / "s", "optimizer=none", "budget=rollouts_500", small, system=None)
    return tmp_path / "s"


def test_a_prompt_is_scored_as_its_task_was_unless_another_place_is_given(sweep: Path) -> None:
    assert told(sweep, "model=smollm2") == [
        ("few_shot", 1, "tickets_routing", "smollm2", 1),
        ("few_shot", 2, "tickets_routing", "smollm2", 2),
        ("none", 1, "tickets_routing", "smollm2", 1),
    ]
    for one in configs(sweep, "model=smollm2"):
        assert one["dataset"]["slices"]["test"]["count"] == 7
        assert (one["budget"]["rollouts"], one["budget"]["name"]) == (500, "rollouts_500")
    assert {one[2:4] for one in told(sweep, "dataset=tickets")} == {("tickets", "simulated")}
    assert configs(sweep, "dataset=tickets")[0]["dataset"]["slices"]["test"]["count"] == 80


def test_axes_multiply_and_equal_prompts_are_one(sweep: Path) -> None:
    assert told(sweep, "model=smollm2,simulated", "seed=7") == [
        ("few_shot", 1, "tickets_routing", "smollm2", 7),
        ("few_shot", 1, "tickets_routing", "simulated", 7),
        ("none", 1, "tickets_routing", "smollm2", 7),
        ("none", 1, "tickets_routing", "simulated", 7),
    ]


def test_an_optimizer_chooses_whose_prompts(sweep: Path) -> None:
    assert {one[0] for one in told(sweep, "optimizer=none")} == {"none"}
    assert len(told(sweep, "optimizer=none,few_shot")) == 3
    with pytest.raises(ConfigError, match="no finished task of optimizer 'gepa'"):
        told(sweep, "optimizer=gepa")


def test_the_folder_does_not_matter_and_the_prompt_does(sweep: Path, tmp_path: Path) -> None:
    before = {identity_of(one) for one in configs(sweep)}
    moved = sweep.rename(tmp_path / "elsewhere")
    assert {identity_of(one) for one in configs(moved)} == before
    assert {one["optimizer"]["name"] for one in configs(moved)} == {
        "transfer-few_shot", "transfer-none",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:HOME} ${seed}",
        "it's \\${x} \\",
        'a "b"\n\tc, [d] = {e: 1}',
        "null",
        "é\u202e🦊",
        "",
    ],
)
def test_a_prompt_arrives_to_the_letter(text: str, tmp_path: Path) -> None:
    finished(tmp_path, system=text)
    (one,) = configs(tmp_path)
    assert one["optimizer"]["params"]["prompts"][0]["messages"][0]["content"] == text


def test_a_transfer_is_not_transferred_again(sweep: Path) -> None:
    prompt = "[{name: prompt, messages: [{role: user, content: '{message}'}]}]"
    finished(sweep, "optimizer=transfer", f"optimizer.params.prompts={prompt}")
    assert {one[0] for one in told(sweep)} == {"few_shot", "none"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("dataset.name=mine", "the sweep's dataset 'mine' is no option here"),
        ("dataset.source.path=/etc/passwd", "'dataset.source.path' may name code, a file"),
        ("agent.target=os.system", "'agent.target' names code"),
        ("+agent.params.index=/etc", "may name code, a file"),
        ("dataset.metrics=[{name: os.system, target: a}]", "names code to import"),
    ],
)
def test_a_sweep_names_no_code_and_no_file(changed: str, said: str, tmp_path: Path) -> None:
    finished(tmp_path, changed)
    with pytest.raises(ConfigError, match=said) as caught:
        told(tmp_path)
    assert caught.value.key == "transfer"
    if changed.startswith("dataset"):
        assert told(tmp_path, "dataset=tickets") == [
            ("random_few_shot", 1, "tickets", "simulated", 1)
        ]


def test_what_a_sweep_was_allowed_is_not_allowed_here(tmp_path: Path) -> None:
    folder = finished(tmp_path, "allow_imports=[os]")
    task = folder.task
    plain = json.loads(task.read_text())
    plain["config"]["hydra"] = {"launcher": {"_target_": "os.system"}}
    task.write_text(json.dumps(plain))
    (one,) = configs(tmp_path)
    assert one["allow_imports"] == []
    assert "hydra" not in one


def test_a_model_that_is_not_here(tmp_path: Path) -> None:
    finished(tmp_path, "model.name=theirs")
    with pytest.raises(ConfigError, match=r"model 'theirs' is no option here(.|\n)*model="):
        told(tmp_path)
    assert told(tmp_path, "model=smollm2")[0][3] == "smollm2"


def test_the_command_line() -> None:
    assert complete(["transfer=a", "seed=1"]) == ["-m", "hydra.sweeper.transfer=[a]", "seed=1"]
    assert complete(["-m", "transfer=a/b,c d"]) == ["-m", "hydra.sweeper.transfer=[a/b,'c d']"]
    assert complete(["-m", "transfer=[a,'b']"]) == ["-m", "hydra.sweeper.transfer=[a,b]"]
    assert complete(["-m", "transfer='a,b'"]) == ["-m", "hydra.sweeper.transfer=['a,b']"]
    for words in (["transfer=a", "suite=smoke"], ["transfer=a", "manifest=m.json"]):
        with pytest.raises(ConfigError, match="one of them at a time"):
            complete(words)
    with pytest.raises(ConfigError, match="names no folder"):
        complete(["transfer="])
    with pytest.raises(ConfigError, match="takes its tasks from the folder"):
        complete(["resume=x", "transfer=a"])


def test_not_into_the_sweep_itself(sweep: Path) -> None:
    with pytest.raises(ConfigError, match="is the sweep that the prompts come from"):
        told(sweep, f"hydra.sweep.dir='{sweep}'")
    with pytest.raises(ConfigError, match="one of them at a time"):
        told(sweep, "hydra.sweeper.rows=[{seed: 1}]")
