"""A sweep written as a manifest and read back is the same sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import swept

from optbench.config.identity import identity_of
from optbench.manifests import cli
from optbench.manifests.cli import exported


def identities(*words: str) -> list[str]:
    return sorted(identity_of(plain) for plain in swept(*words))


def come_back(folder: Path, *words: str) -> dict[str, Any]:
    made = exported(words)
    file = folder / "m.json"
    file.write_text(json.dumps(made.content))
    assert made.changed == []
    trust = ["hydra.sweeper.trust_manifest=true"] if made.needs_trust else []
    assert identities(f"hydra.sweeper.manifest='{file}'", *trust) == identities(*words)
    return made.content


def some(*values: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(",".join)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    dataset=some("tickets", "arithmetic", "gsm8k"),
    optimizer=some("few_shot", "gepa", "evolutionary_optimizer", "none", "random_few_shot"),
    model=st.sampled_from(["gpt-4o-mini", "qwen3-8b", "simulated", "smollm2"]),
    seed=some("0", "1", "7"),
)
def test_a_matrix_comes_back(
    dataset: str, optimizer: str, model: str, seed: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = (f"dataset={dataset}", f"optimizer={optimizer}", f"model={model}", f"seed={seed}")
    manifest = come_back(tmp_path_factory.mktemp("round"), *words)
    seeds = [int(one) for one in seed.split(",")]
    assert manifest["seed"] == seeds[0]
    beside = [task["x_optbench"]["overrides"] for task in manifest["tasks"] if "x_optbench" in task]
    assert len(beside) == len(manifest["tasks"]) * (len(seeds) - 1) / len(seeds)
    assert all(one == [f"seed={seeds[1]}"] for one in beside)


@pytest.mark.parametrize(
    ("words", "field", "expected"),
    [
        (("dataset.slices.test.count=7",), "datasets", {
            "train": {"loader": "tickets"}, "validation": {"loader": "tickets"},
            "test": {"loader": "tickets", "count": 7},
        }),
        (("dataset.prompt=[{role:user,content:'it\\'s {message}'}]",), "prompt",
         [{"role": "user", "content": "it's {message}"}]),
        (("dataset.metrics=[{name:contains,target:product}]",), "metrics",
         [{"path": "contains", "kwargs": {"target": "product"}}]),
        (("model=gpt-4o-mini", "model.temperature=0.5", "++model.extra.top_p=0.9",
          "dataset.max_tokens=33"), "model_parameters",
         {"temperature": 0.5, "top_p": 0.9, "max_tokens": 33}),
        (("optimizer=gepa", "optimizer.params.perfect_score=0.9"), "optimizer_params",
         {"perfect_score": 0.9}),
        (("optimizer=gepa", "budget=trials_30", "optimizer.optimize.n_samples=4"),
         "optimizer_prompt_params", {"max_trials": 30, "n_samples": 4}),
        (("test_mode=true",), "test_mode", True),
        (("model=litellm", "model.id=groq/x-1"), "model", "groq/x-1"),
        (("model=vllm", "model.id=hosted_vllm/x", "model.api_base=http://h:1/v1"), "x_optbench",
         {"overrides": ["++model.id=hosted_vllm/x", "++model.api_base='http://h:1/v1'"]}),
        (("budget=rollouts_500", "model@optimizer_model=gpt-4o-mini", "dataset.shuffle_seed=3"),
         "x_optbench", {"overrides": ["model@optimizer_model=gpt-4o-mini", "budget=rollouts_500",
                                      "++dataset.shuffle_seed=3"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_every_field(words: tuple[str, ...], field: str, expected: Any, tmp_path: Path) -> None:
    (task,) = come_back(tmp_path, *words)["tasks"]
    assert task[field] == expected


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.json"
    cli.main(["export", "-m", "dataset=tickets,arithmetic", "budget=rollouts_500", "-o", str(file)])
    said = capsys.readouterr()
    assert said.out == ""
    assert "2 tasks written" in said.err
    assert "which the reference runner passes over: budget" in said.err
    assert [task["dataset"] for task in json.loads(file.read_text())["tasks"]] == [
        "tickets", "arithmetic",
    ]  # fmt: skip


def test_what_a_mapping_lost_cannot_be_said(tmp_path: Path) -> None:
    """A manifest adds and replaces; it cannot take a key of an option's away."""
    made = exported(["optimizer=parameter", "~optimizer.optimize.parameter_space.top_p"])
    assert made.changed == ["tickets x parameter x smollm2, seed 1"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "no folder of a sweep"),
        (["dataset=ticktes"], "Did you mean tickets"),
        (["model=vllm", "dataset.name=other"], "'other' is no option of the group dataset"),
    ],
)
def test_what_cannot_be_written(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["export", *words])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_what_needs_trust_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("model=vllm", "model.id=hosted_vllm/x", "model.api_base=http://h:1/v1")
    cli.main(["export", *words, "-o", str(tmp_path / "m.json")])
    assert "hydra.sweeper.trust_manifest=true" in capsys.readouterr().err
    cli.main(["export", "model=simulated", "-o", str(tmp_path / "m.json")])
    assert "trust" not in capsys.readouterr().err


@pytest.mark.parametrize("where", ["nowhere/x.json", "."])
def test_a_file_that_cannot_be_written(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["export", "model=simulated", "-o", str(tmp_path / where)])
    assert caught.value.code == 2
    assert "error: -o: cannot write" in capsys.readouterr().err


def test_an_option_whose_config_has_another_name(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "typo.yaml").write_text("defaults: [tickets]\nname: other\n")
    made = exported(["dataset=typo", "model=simulated"], tmp_path)
    assert [task["dataset"] for task in made.content["tasks"]] == ["typo"]
    assert made.changed == []
