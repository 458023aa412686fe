"""What is read of other people's sweeps, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transfers.finished import finished

from optbench.errors import ConfigError
from optbench.optimizers.transfer import MOST_CHARACTERS
from optbench.transfers import sources
from optbench.transfers.sources import MOST_BYTES, read

ASKED = {"role": "user", "content": "{message}"}


def final(**part: Any) -> dict[str, Any]:
    initial = {"messages": [ASKED]}
    return {"initial": initial, "final": {**initial, **part}}


def test_a_task_says_where_its_prompt_comes_from(tmp_path: Path) -> None:
    finished(tmp_path, "optimizer=few_shot", "seed=3")
    (one,) = read([tmp_path]).sources
    assert (one.optimizer, one.model, one.dataset, one.seed) == (
        "few_shot", "simulated", "tickets_routing", 3,
    )  # fmt: skip
    assert one.prompts[0]["messages"] == [{"role": "system", "content": "Be brief."}, ASKED]
    assert one.prompts[0]["columns"] == ["message"]
    assert one.changed


def test_only_what_the_source_filled_is_a_placeholder(tmp_path: Path) -> None:
    shown = '{message} is a column, {department} none that is shown, {"a": 1} is JSON'
    finished(tmp_path, prompts=final(messages=[{"role": "user", "content": shown}]))
    (one,) = read([tmp_path]).sources
    assert one.prompts[0]["columns"] == ["message"]


def test_an_agents_prompts_come_together(tmp_path: Path) -> None:
    several = {"prompts": {"a": {"messages": [ASKED]}, "b": {"messages": [ASKED]}}}
    finished(tmp_path, prompts={"initial": several, "final": several})
    (one,) = read([tmp_path]).sources
    assert [part["name"] for part in one.prompts] == ["a", "b"]
    assert not one.changed


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    finished(tmp_path)
    finished(tmp_path, "seed=2").result.unlink()
    finished(tmp_path, "seed=3").result.write_text('{"schema_version": 1, "ident')
    finished(tmp_path, "seed=4", identity="0" * 64)
    found = read([tmp_path])
    assert [one.seed for one in found.sources] == [1]
    unfinished, unfit = found.notes
    assert "1 of 4 tasks" in unfinished
    assert "unfinished" in unfinished
    assert "no whole JSON" in unfit
    assert unfit.endswith("and 1 more")


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        (None, "holds no prompts"),
        ({"initial": {}, "final": []}, "holds no prompts"),
        (final(messages=[]), "is no prompt"),
        (final(messages=[{"role": "tool", "content": "x"}]), "is no prompt"),
        (final(messages=[{"role": "user", "content": "x", "name": "y"}]), "is no prompt"),
        (final(tools=[]), "is no prompt"),
        (final(params={"api_base": "http://127.0.0.1"}), "is no sampling parameter"),
        (final(params={"temperature": "hot"}), "is no number"),
        (final(params={"temperature": True}), "is no number"),
        (
            final(messages=[{"role": "user", "content": "x" * (MOST_CHARACTERS + 1)}]),
            "MOST_CHARACTERS",
        ),
    ],
)
def test_a_prompt_that_is_none(prompts: Any, said: str, tmp_path: Path) -> None:
    finished(tmp_path, prompts=prompts)
    with pytest.raises(ConfigError, match=r"no task of .* has a prompt to transfer") as caught:
        read([tmp_path])
    assert said in str(caught.value)
    assert caught.value.key == "transfer"


@pytest.mark.parametrize("key", ["dataset", "seed", "budget", "test_mode"])
def test_a_config_that_is_none(key: str, tmp_path: Path) -> None:
    job = finished(tmp_path)
    told = json.loads(job.task.read_text())
    told["config"][key] = "x"
    job.task.write_text(json.dumps(told))
    with pytest.raises(ConfigError, match=rf"its config has no .*{key}"):
        read([tmp_path])


def test_huge_and_deep_files_are_not_read(tmp_path: Path) -> None:
    finished(tmp_path, "seed=1").result.write_text(" " * (MOST_BYTES + 1))
    finished(tmp_path, "seed=2").result.write_text("[" * 100_000)
    finished(tmp_path, "seed=3")
    found = read([tmp_path])
    assert [one.seed for one in found.sources] == [3]
    assert "left out" in found.notes[0]


def test_several_sweeps_have_each_task_once(tmp_path: Path) -> None:
    finished(tmp_path / "a", "seed=1")
    finished(tmp_path / "b", "seed=1")
    finished(tmp_path / "b", "seed=2")
    found = read([tmp_path / "a", tmp_path / "b"])
    assert [one.seed for one in found.sources] == [1, 2]
    assert "taken once" in found.notes[0]


def test_a_name_is_one_line(tmp_path: Path) -> None:
    finished(tmp_path, "optimizer.name='a\u001b[31mb\u202e'")
    (one,) = read([tmp_path]).sources
    assert one.optimizer == r"a\x1b[31mb\u202e"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no folder"),
        (lambda path: path.mkdir(), "holds no task"),
        (lambda path: path.write_text('{"schema_version": 1}'), "no file of prompts"),
    ],
)
def test_a_wrong_path(make: Any, said: str, tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(ConfigError, match=said):
        read([tmp_path / "x"])


def test_a_sweep_that_has_not_finished_says_how(tmp_path: Path) -> None:
    finished(tmp_path).result.unlink()
    with pytest.raises(ConfigError, match="optbench resume="):
        read([tmp_path])


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    finished(tmp_path / "a", "seed=1", prompts=final(params={"temperature": 0.3}))
    finished(tmp_path / "a", "seed=2", system=None)
    found = read([tmp_path / "a"]).sources
    sources.keep(found, tmp_path / "kept.json")
    assert read([tmp_path / "kept.json"]).sources == found
