"""What the hash of a task is made of, to the letter: old results are found again by it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from optbench.config import identity as module
from optbench.config.identity import (
    IDENTITY_VERSION,
    NEUTRAL_KEYS,
    content_of,
    file_sha256,
    identity,
    identity_of,
)
from optbench.config.schema import CacheMode

OF_A_MODEL = [
    "api_key_env", "api_base", "extra.api_key", "timeout_s", "retries", "retry_for_s",
    "max_in_flight", "requests_per_minute", "price", "latency_s",
]  # fmt: skip
NEUTRAL = [
    "allow_imports", "engine", "tracking", "cache", "replay", "plan", "optimizer.several_prompts",
    "optimizer.expected", "optimizer.params.transferred_from.seed",
    "optimizer.params.transferred_from.identity", "budget.sweep_usd", "dataset.description",
    "dataset.licence", "dataset.fingerprints", "budget.name",
    *(f"{model}.{key}" for model in ("model", "optimizer_model", "judge_model") for key in OF_A_MODEL),
]  # fmt: skip


def with_key(path: str, value: object) -> dict[str, Any]:
    """A small task with one key more."""
    task: dict[str, Any] = {"seed": 1}
    node = task
    *groups, leaf = path.split(".")
    for group in groups:
        node = node.setdefault(group, {})
    node[leaf] = value
    return task


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def test_the_hash_is_of_canonical_json() -> None:
    """Were this to change, no finished task would be found again: raise the version instead."""
    text = r'{"identity_version":3,"model":{"id":"caf\u00e9","top":[1,2.5]},"seed":1,"test":false}'
    task = {"test": False, "model": {"top": [1, 2.5], "id": "café"}, "seed": 1}
    assert identity_of(task) == sha256(text)
    assert identity(OmegaConf.create(task)) == sha256(text)
    assert IDENTITY_VERSION == 3


def test_interpolations_count_as_what_they_stand_for() -> None:
    task = OmegaConf.create({"seed": 7, "model": {"seed": "${seed}"}})
    assert identity(task) == identity_of({"seed": 7, "model": {"seed": 7}})


def test_a_choice_counts_by_its_name() -> None:
    assert identity(OmegaConf.create({"mode": CacheMode.read})) == identity_of({"mode": "read"})


def test_the_neutral_keys_are_these_and_no_others() -> None:
    assert sorted(NEUTRAL) == sorted(NEUTRAL_KEYS)


@pytest.mark.parametrize("path", NEUTRAL)
def test_a_neutral_key_counts_nowhere_but_in_its_own_place(path: str) -> None:
    plain = identity_of({"seed": 1})
    assert identity_of(with_key(path, "x")) == plain
    assert identity_of(with_key(f"agent.{path}", "x")) != plain


@pytest.mark.parametrize("empty", [None, {}, {"deep": {"deeper": None}}])
def test_what_says_nothing_is_as_if_it_were_not_there(empty: object) -> None:
    assert identity_of(with_key("agent.later", empty)) == identity_of({"seed": 1})


@pytest.mark.parametrize("meaningful", [0, False, "", []])
def test_what_is_merely_false_says_something(meaningful: object) -> None:
    assert identity_of(with_key("agent.later", meaningful)) != identity_of({"seed": 1})


def test_a_key_after_one_that_is_left_out_still_counts() -> None:
    assert identity_of({"engine": "x", "seed": 1}) == identity_of({"seed": 1})
    assert identity_of({"engine": "x", "seed": 1}) != identity_of({"engine": "x", "seed": 2})


@pytest.mark.parametrize("model", ["model", "optimizer_model", "judge_model"])
@pytest.mark.parametrize(("limit", "key"), [("usd", "price"), ("seconds", "latency_s")])
def test_what_a_budget_counts_binds(model: str, limit: str, key: str) -> None:
    def of(value: int, **budget: object) -> str:
        return identity_of({"budget": budget, model: {"id": "m", key: value}})

    assert of(1, **{limit: 5}) != of(2, **{limit: 5})
    assert of(1, **{limit: 0}) != of(2, **{limit: 0})  # a limit of nothing is one
    assert of(1, **{limit: None}) == of(2, **{limit: None})
    assert of(1, rollouts=5) == of(2, rollouts=5)
    other = {"usd": "seconds", "seconds": "usd"}[limit]
    assert of(1, **{other: 5}) == of(2, **{other: 5})


@pytest.mark.parametrize(
    "key", ["dataset.source.path", "model.path", "optimizer_model.path", "judge_model.path"]
)
def test_a_file_counts_by_its_content_and_not_by_its_place(tmp_path: Path, key: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.write_bytes(b"rows")
    there.write_bytes(b"rows")
    same = identity_of(with_key(key, str(here)))
    assert same == identity_of(with_key(key, str(there)))
    assert same == identity_of(with_key(key, f"sha256:{sha256('rows')}"))
    there.write_bytes(b"sows")
    assert same != identity_of(with_key(key, str(there)))
    assert identity_of(with_key("agent.path", str(here))) != identity_of(
        with_key("agent.path", str(there))
    )


def test_a_path_that_is_no_file_counts_as_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert content_of("rows/{split}.csv") == "rows/{split}.csv"
    assert content_of(str(tmp_path)) == str(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "rows.csv").write_bytes(b"rows")
    assert content_of("~/rows.csv") == f"sha256:{sha256('rows')}"


def test_a_large_file_is_read_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    digest = hashlib.file_digest

    def counted(file: Any, name: Any) -> Any:
        read.append(file)
        return digest(file, name)

    monkeypatch.setattr(module.hashlib, "file_digest", counted)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    os.utime(file, ns=(1, 1))
    assert {file_sha256(file), file_sha256(Path("weights"))} == {sha256("one")}
    assert len(read) == 1
    file.write_bytes(b"two")
    os.utime(file, ns=(2, 2))  # as long as before, and written a nanosecond later
    assert file_sha256(file) == sha256("two")
    file.write_bytes(b"three")
    os.utime(file, ns=(2, 2))
    assert file_sha256(file) == sha256("three")
    assert len(read) == 3
