"""A manifest of anyone's chooses among what is here; code, files and servers need the launch's word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import launch

from optbench.manifests.catalogue import Catalogue
from optbench.manifests.read import ManifestError
from optbench.manifests.translate import load

TASK = {"dataset": "tickets", "optimizer": "none", "model": "simulated"}


@pytest.fixture(scope="module")
def catalogue() -> Iterator[Catalogue]:
    with launch() as (master, loader):
        yield Catalogue(loader, master)


@pytest.fixture
def loaded(catalogue: Catalogue, tmp_path: Path) -> Any:
    """Loads a manifest: the rows' places, or a ManifestError."""

    def load_it(manifest: Any, *, trusted: bool = False) -> list[str]:
        file = tmp_path / "m.json"
        file.write_text(json.dumps(manifest))
        return load(file, catalogue, trusted=trusted).places

    return load_it


def overrides(*words: str) -> dict[str, Any]:
    return {"tasks": [{**TASK, "x_optbench": {"overrides": list(words)}}]}


@pytest.mark.parametrize(
    "manifest",
    [
        overrides("dataset.source.generator=os.system"),
        overrides("++dataset.source={kind:generator,generator:os.system}"),
        overrides("dataset.source.generator=optbench.database.x"),
        overrides("+dataset.source.transform=os.remove"),
        overrides("dataset.source.package=antigravity"),
        overrides("dataset.source.path=/etc/passwd"),
        overrides("dataset.metrics=[{name:os.path.Path,target:answer}]"),
        overrides("dataset.metrics.0.name=os.path.Path"),
        overrides("agent.target=os.system"),
        overrides("+agent.params.index=folder"),
        overrides("optimizer.target=os.system"),
        overrides("optimizer.algorithm=Evil"),
        overrides("model.api_base=http://evil/"),
        overrides("optimizer_model.api_base=http://evil/"),
        overrides("++judge_model.extra={base_url:'http://evil/'}"),
        overrides("model.api_key_env=AWS_SECRET"),
        overrides("++model.extra.extra_headers={a:b}"),
        overrides("++model.id=huggingface/http://evil/"),
        overrides("dataset=../../evil"),
        overrides("+dataset@model=tickets"),
        overrides("dataset.prompt=[{role:user,content:'${oc.env:HOME}'}]"),
        overrides(r"dataset.demonstration='\\${oc.env:HOME}'"),
        overrides("seed=${oc.env:HOME}"),
        overrides("_target_=os.system"),
        {"tasks": [{**TASK, "metrics": ["os.path.Path"]}]},
        {"tasks": [{**TASK, "model_parameters": {"api_base": "http://evil/"}}]},
        {"tasks": [{**TASK, "model": "huggingface/http://evil/"}]},
    ],
)
def test_it_needs_the_launchs_word(manifest: Any, loaded: Any) -> None:
    with pytest.raises(ManifestError) as caught:
        loaded(manifest)
    assert "hydra.sweeper.trust_manifest=true" in str(caught.value)
    assert all(one.path.startswith("$.tasks[0].") for one in caught.value.problems)
    assert loaded(manifest, trusted=True) == ["$.tasks[0]"]


@pytest.mark.parametrize(
    "manifest",
    [
        overrides("budget=rollouts_500", "n_threads=2", "model@optimizer_model=gpt-4o-mini"),
        overrides("dataset.source.generator=optbench.data.arithmetic.generate"),
        overrides("dataset.metrics=[{name:contains,target:answer}]", "++model.extra.top_p=0.5"),
        overrides(r"dataset.demonstration='\${x}'", "model.proposals.temperature=0.5"),
        {"tasks": [{**TASK, "metrics": ["contains"], "model_parameters": {"top_p": 0.9}}]},
    ],
)
def test_it_does_not(manifest: Any, loaded: Any) -> None:
    assert loaded(manifest) == ["$.tasks[0]"]


@pytest.mark.parametrize(
    ("word", "said"),
    [("seed=1,2", "gives several values"), ("seed=[", "cannot be read"), ("a b=1", "cannot be")],
)
def test_an_override_is_one_line_of_trouble(word: str, said: str, loaded: Any) -> None:
    with pytest.raises(ManifestError) as caught:
        loaded(overrides(word))
    (problem,) = caught.value.problems
    assert problem.path == "$.tasks[0].x_optbench.overrides[0]"
    assert said in problem.what
    assert "\n" not in problem.what


def test_schema_and_names_in_one_go(loaded: Any) -> None:
    tasks = [{**TASK, "seed": 1}, {**TASK, "optimizer": "gepaa"}, TASK]
    generator = {"datasets": [{}], "optimizers": ["none"], "models": ["simulated"]}
    with pytest.raises(ManifestError) as caught:
        loaded({"tasks": tasks, "generators": [generator], "sed": 1})
    assert [one.path for one in caught.value.problems] == [
        "$.sed", "$.tasks[0].seed", "$.tasks[1].optimizer", "$.generators[0].datasets[0]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word",
    [
        "allow_imports=[os]",
        "+allow_imports.0=os",
        "hydra.launcher._target_=os.system",
        "+hydra.callbacks.x={_target_: os.system, command: id}",
        "hydra/launcher=joblib",
        "hydra.sweeper.trust_manifest=true",
    ],
)
@pytest.mark.parametrize("trusted", [False, True])
def test_no_manifest_says_what_may_be_imported_or_who_launches(
    word: str, trusted: bool, loaded: Any
) -> None:
    with pytest.raises(ManifestError, match="belongs to the launch"):
        loaded(overrides(word), trusted=trusted)
