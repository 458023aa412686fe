"""Whatever a manifest holds: rows for the matrix, or an error that says where. No other effect."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzzing import Change, changed, changes, harmless, json_values, looks
from hypothesis import example, given
from hypothesis import strategies as st
from support import launch

from optbench.app import conf_folder
from optbench.errors import ConfigError, OptbenchError
from optbench.manifests.catalogue import Catalogue
from optbench.manifests.read import ManifestError
from optbench.manifests.translate import load

TASK = {"dataset": "tickets", "optimizer": "none", "model": "simulated"}
VALID: list[Any] = [
    {"seed": 1, "tasks": [TASK, {**TASK, "optimizer": "gepa", "test_mode": True}]},
    {
        "tasks": [
            {
                **TASK,
                "optimizer": "gepa",
                "datasets": {"train": {"loader": "tickets", "count": 5}, "test": {"loader": "tickets"}},
                "model_parameters": {"temperature": 0.5, "max_tokens": 9, "top_p": 1},
                "optimizer_params": {"max_trials": 2, "n_samples": None, "seed": 3},
                "optimizer_prompt_params": {"model_parameters": {"temperature": 1}},
                "prompt": [{"role": "user", "content": "{text}"}],
                "metrics": ["exact_match"],
                "x_optbench": {"overrides": ["budget.tokens=100", "++model.extra.top_p=0.5"]},
            }
        ]
    },
    {
        "generators": [
            {
                "datasets": ["tickets", {"loader": "arithmetic", "count": 5, "start": 1}],
                "optimizers": ["few_shot", {"name": "gepa", "optimizer_params": {"max_trials": 3}}],
                "models": ["simulated", {"name": "openai/gpt-4.1", "model_parameters": {"seed": 1}}],
            }
        ]
    },
]  # fmt: skip
KEYS = ("tasks", "generators", "seed", "datasets", "optimizers", "models", "loader", "name", "prompt",
        "overrides", "x_optbench", "metrics", "model_parameters", "optimizer_params", *TASK)  # fmt: skip
HERE = (str(conf_folder()), str(Path(__file__).parents[2]), sys.prefix, sys.base_prefix)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    planted = tmp_path_factory.mktemp("planted")
    (planted / "planted.py").write_text("class Module: ...\n")
    sys.path.insert(0, str(planted))
    with launch() as (master, loader):
        yield Catalogue(loader, master)
    sys.path.remove(str(planted))


def assert_printable(error: OptbenchError) -> None:
    """A terminal can write it, and obeys nothing in it."""
    assert all(char.isprintable() for char in str(error) if char != "\n"), repr(str(error))


def ends_well(content: bytes, catalogue: Catalogue) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "m.json"
        file.write_bytes(content)
        with harmless(lambda name: name == str(file) or name.startswith(HERE)):
            try:
                found = load(file, catalogue)
            except ManifestError as error:
                assert all(one.path.startswith("$") for one in error.problems)
                assert error.problems
                assert_printable(error)
            except OptbenchError as error:
                assert isinstance(error, ConfigError)
                assert error.key == "manifest"
                assert_printable(error)
            else:
                assert len(found.rows) == len(found.places) > 0


@looks(40)
@given(st.one_of(st.binary(max_size=200), st.text().map(str.encode)))
def test_any_bytes(catalogue: Catalogue, content: bytes) -> None:
    ends_well(content, catalogue)


@looks(60)
@given(json_values(KEYS))
@example({"\ud800": None})
@example({"\x1b[31m": {"a\nb": 1}})
def test_any_json(catalogue: Catalogue, value: Any) -> None:
    ends_well(json.dumps(value).encode(), catalogue)


@looks(40)
@given(st.sampled_from(VALID), changes(KEYS))
def test_a_manifest_with_changes(catalogue: Catalogue, manifest: Any, wanted: list[Change]) -> None:
    ends_well(json.dumps(changed(manifest, wanted)).encode(), catalogue)


@looks(40)
@given(st.sampled_from(VALID), st.integers(0), st.integers(0, 40), st.binary(max_size=6))
def test_a_manifest_with_other_bytes(
    catalogue: Catalogue, manifest: Any, at: int, less: int, more: bytes
) -> None:
    content = json.dumps(manifest).encode()
    at %= len(content)
    ends_well(content[:at] + more + content[at + less :], catalogue)


OVERRIDES = st.one_of(
    st.text(max_size=30),
    st.builds(
        "{}{}={}".format,
        st.sampled_from(("", "+", "++", "~")),
        st.sampled_from(("dataset", "model.id", "optimizer.params.x", "dataset.metrics", "seed", "a@b",
                         "model.extra", "hydra.run.dir", "agent", "judge_model.extra.api_key")),
        st.one_of(st.text(max_size=12), st.sampled_from(
            ("1,2", "[a", "{a:b}", "${x}", "'", "range(1,9)", "null", "[{name:planted.Module}]"))),
    ),
)  # fmt: skip


@looks(80)
@given(st.lists(OVERRIDES, min_size=1, max_size=3))
def test_any_overrides(catalogue: Catalogue, words: list[str]) -> None:
    task = {**TASK, "x_optbench": {"overrides": words}}
    ends_well(json.dumps({"tasks": [task]}).encode(), catalogue)


def test_valid_ones_are_valid(catalogue: Catalogue, tmp_path: Path) -> None:
    for manifest in VALID:
        file = tmp_path / "m.json"
        file.write_text(json.dumps(manifest))
        assert load(file, catalogue).rows
