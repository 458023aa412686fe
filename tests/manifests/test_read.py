"""Files that are no manifest, and manifests with mistakes: one clear line for each."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from optbench.errors import ConfigError
from optbench.manifests.read import MAX_BYTES, ManifestError, read

TASK = {"dataset": "tickets", "optimizer": "gepa", "model": "simulated"}


def problems(tmp_path: Path, manifest: Any) -> list[str]:
    file = tmp_path / "m.json"
    file.write_text(json.dumps(manifest))
    with pytest.raises(ManifestError) as caught:
        read(file)
    assert caught.value.exit_code == 2
    return [f"{one.path}: {one.what}" for one in caught.value.problems]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON: line 1, column 2"),
        (b"\xff\xfe{}", "not UTF-8 (byte 0)"),
        (b'{"seed": 1, "seed": 2}', "has the key 'seed' twice"),
        (b'{"seed": NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "nested too deeply"),
        (b"", "not JSON: line 1, column 1"),
    ],
)
def test_no_manifest_at_all(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(file)
    assert said in caught.value.what
    assert "\n" not in caught.value.what


def test_missing_folder_and_far_too_large(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        read(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="is a folder"):
        read(tmp_path)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(100_000_000)  # sparse
    with pytest.raises(ConfigError, match=f"100 MB, more than the {MAX_BYTES // 10**6} MB"):
        read(large)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps({"tasks": [TASK]}).encode())
    assert read(file) == {"tasks": [TASK]}


def test_every_mistake_is_named_with_its_place(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {
            "sed": 1,
            "tasks": [
                {"dataset": "tickets", "optimiser": "gepa", "model": "simulated"},
                {**TASK, "datasets": {"validation": {"loader": "x", "cout": 3}}},
                {**TASK, "prompt": [{"role": "robot", "content": "x"}], "metrics": []},
            ],
            "generators": [{"datasets": [], "optimizers": [{"nme": "gepa"}], "models": ["m"]}],
        },
    )
    expected = {
        "$.sed: unknown field. Did you mean seed": 1,
        "$.tasks[0]: lacks 'optimizer'": 1,
        "$.tasks[0].optimiser: unknown field. Did you mean optimizer": 1,
        "$.tasks[1].datasets: lacks 'train'": 1,
        "$.tasks[1].datasets.validation.cout: unknown field. Did you mean count": 1,
        "$.tasks[2].prompt[0].role: 'robot' is not one of": 1,
        "$.tasks[2].metrics: [] ": 1,
        "$.generators[0].datasets: [] ": 1,
        "$.generators[0].optimizers[0]: lacks 'name'": 1,
        "$.generators[0].optimizers[0].nme: unknown field. Did you mean name": 1,
    }
    assert {e: sum(one.startswith(e) for one in found) for e in expected} == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("manifest", [{}, {"tasks": [], "generators": []}, {"seed": 3}])
def test_no_task_is_a_mistake(manifest: Any, tmp_path: Path) -> None:
    assert problems(tmp_path, manifest) == ["$: states no task: 'tasks' and 'generators' are empty"]


def test_an_error_survives_the_way_home_from_a_process(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text("{}")
    with pytest.raises(ManifestError) as caught:
        read(file)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


def test_a_value_nested_without_end(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps({"tasks": [{**TASK, "model_parameters": {"x": nested(250)}}]}))
    with pytest.raises(ConfigError, match="nested too deeply") as caught:
        read(file)
    assert "\n" not in caught.value.what


@pytest.mark.parametrize(
    ("task", "path"),
    [
        ({"prompt": [{"role": "user", "content": "\ud800"}]}, "$.tasks[0].prompt[0].content"),
        ({"model_parameters": {"max_tokens": -5}}, "$.tasks[0].model_parameters.max_tokens"),
        ({"model_parameters": {"temperature": -5}}, "$.tasks[0].model_parameters.temperature"),
        ({"optimizer_params": {"n_samples": -3}}, "$.tasks[0].optimizer_params.n_samples"),
        ({"optimizer_prompt_params": {"max_trials": 10**30}},
         "$.tasks[0].optimizer_prompt_params.max_trials"),
        ({"optimizer_params": {"seed": 1.0}}, "$.tasks[0].optimizer_params.seed"),
    ],
)  # fmt: skip
def test_values_that_no_task_can_have(task: Any, path: str, tmp_path: Path) -> None:
    (found,) = problems(tmp_path, {"tasks": [{**TASK, **task}]})
    assert found.startswith(f"{path}: ")


def test_seeds_are_whole_numbers(tmp_path: Path) -> None:
    for seed in (1.0, -1, 2**32, True, "1"):
        (found,) = problems(tmp_path, {"seed": seed, "tasks": [TASK]})
        assert found.startswith("$.seed: ")


def test_numbers_that_are_infinite(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    written = json.dumps({"tasks": [{**TASK, "model_parameters": {"x": 7}}]})
    file.write_text(written.replace("7", "1e999"))
    with pytest.raises(ManifestError, match="too large"):
        read(file)
