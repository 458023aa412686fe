"""What a person reads of an error: one line that says where, and its mend."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import command, composed

from optbench.complaints import explain
from optbench.errors import ConfigError
from optbench.task import Task
from optbench.wording import counted


def told(*overrides: str) -> str:
    with pytest.raises(Exception) as caught:
        composed(*overrides)
    return explain(caught.value)


def test_a_key_that_a_mapping_does_not_have_yet() -> None:
    said = told("dataset.source.rename={question:q}")
    assert "mend: '++dataset.source.rename=...' adds what is not there yet" in said
    assert composed("++dataset.source.rename={question:q}").dataset.source.rename == {
        "question": "q"
    }


@pytest.mark.parametrize(
    "content", ["name: [a\nb: c", "a: 'b\n", "a: b: c", "\ta: b", "a: !!x/y z"]
)
def test_broken_yaml_in_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "own.yaml").write_text(content)
    said = told(f"hydra.searchpath=[file://{tmp_path}]", "dataset=own").splitlines()
    assert "own.yaml', line " in said[0]
    assert ", column " in said[0]
    assert said[1:] == ["  mend: repair the file"]


def test_models_of_one_family_have_names_of_their_own() -> None:
    names = [
        composed("model=litellm", f"model.id={name}").model.name
        for name in ("openai/gpt-4.1", "openai/gpt-4.5-preview", "groq/meta/llama-3.3", "x")
    ]
    assert names == ["gpt-4.1", "gpt-4.5-preview", "llama-3.3", "x"]


@pytest.mark.parametrize(
    ("override", "mend"),
    [
        ("optimizer_model=ollama", "mend: model@optimizer_model=ollama chooses an option"),
        ("judge_model.id=x", "mend: choose one before: model@judge_model=NAME judge_model.id=x"),
        ("allow_imports=mine", "mend: lists stand in brackets: 'allow_imports=[mine]'"),
    ],
)
def test_errors_of_hydra_that_have_a_mend(override: str, mend: str) -> None:
    assert mend in told(override)


def test_a_slip_within_a_list_is_named_with_its_key() -> None:
    said = told("dataset.prompt=[{role: boss, content: x}]")
    assert said.startswith("error: dataset.prompt: role: ")


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("+foo=1", "foo"),
        ("+budget.rolouts=1", "budget.rolouts"),
        ("++model.errors.foo=1", "model.errors.foo"),
    ],
)
def test_a_key_that_the_schema_does_not_know(word: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Task.from_config(composed("model=simulated", word))
    assert caught.value.key == key
    assert "there is no such key. " in caught.value.what


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("hydra.sweeper.max_batch_size=0", "hydra.sweeper.max_batch_size: 0 is below 1"),
        ("hydra.sweeper.params=3", "hydra.sweeper.params: '3' holds no axes"),
        ("hydra.sweeper.include=[seed]", "hydra.sweeper.include: 'seed' is no row of keys"),
        ("hydra.sweeper.exclude=[{}]", "hydra.sweeper.exclude: '{}' is no row of keys"),
        ("hydra.launcher._target_=evil", "a plugin cannot be made: Invalid plugin 'evil'"),
    ],
)
def test_a_plugin_that_cannot_be_made(word: str, said: str, tmp_path: Path) -> None:
    ended = command("-m", "model=simulated", word, "hydra.sweep.dir=s", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: {said}")
    assert "\n  mend: " in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model=null",), "a config group was given null, which is no option"),
        (("resume=",), "resume: names no folder"),
        (("-m", "hydra.sweep.dir=", "plan=true"), "hydra.sweep.dir: names no folder"),
        (("-m", r"hydra.sweep.dir=a\${b}", "plan=true"), "hydra.sweep.dir: 'a${b}' has ${ in it"),
    ],
)
def test_what_is_empty_or_means_something_else(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    ended = command(*words, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: {said}")
    assert not list(tmp_path.rglob("multirun.yaml"))


def test_one_is_no_several() -> None:
    assert [counted(n, "task") for n in (0, 1, 1200)] == ["0 tasks", "1 task", "1,200 tasks"]
