"""What a person reads of an error: one line that says where, and its mend."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import composed

from optbench.complaints import counted, explain


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


def test_one_is_no_several() -> None:
    assert [counted(n, "task") for n in (0, 1, 1200)] == ["0 tasks", "1 task", "1,200 tasks"]
