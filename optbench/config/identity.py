"""A task's identity: what makes two tasks the same task.

sha256 over the canonical JSON of everything that can change a result. Two configs with one identity
are one task, whoever runs them, wherever and however often.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

IDENTITY_VERSION = 3
"""Raised whenever the same config would get another hash."""

MODELS = ("model", "optimizer_model", "judge_model")
"""Groups that hold a model."""

_NEUTRAL_OF_A_MODEL = (
    "api_key_env",
    "api_base",
    "extra.api_key",
    "timeout_s",
    "retries",
    "retry_for_s",
    "max_in_flight",
    "requests_per_minute",
    "price",
    "latency_s",
)

NEUTRAL_KEYS = frozenset(
    {
        "engine",  # where a job runs
        "tracking",  # who is told about it
        "cache",  # who pays for a reply
        "replay",
        "plan",
        "allow_imports",  # which code may be named, not which is
        "optimizer.several_prompts",  # what it can do, for preflight
        "optimizer.expected",  # an expectation, for the plan
        # Which of the tasks that found a transferred prompt it was taken from.
        "optimizer.params.transferred_from.seed",
        "optimizer.params.transferred_from.identity",
        "budget.sweep_usd",  # stops a task unfinished, and so never changes a result
        "dataset.description",
        "dataset.licence",
        "dataset.fingerprints",  # what the rows must be, not what they are
        "budget.name",  # a budget is its numbers
        *(f"{model}.{key}" for model in MODELS for key in _NEUTRAL_OF_A_MODEL),
    }
)
"""Keys that do not change a result; a test fails until each new key is put on one side."""

BINDING_KEYS = {"usd": "price", "seconds": "latency_s"}
"""Neutral keys of the models that do change a result once the budget counts what they set."""

CONTENT_KEYS = frozenset({"dataset.source.path", *(f"{model}.path" for model in MODELS)})
"""Keys that name a file: its content counts, not where it lies."""


def identity(config: DictConfig) -> str:
    """The identity of a composed task.

    Args:
        config: The task's config; interpolations are resolved here.

    Returns:
        64 hex digits.
    """
    plain = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    return identity_of(plain if isinstance(plain, dict) else {})


def identity_of(plain: dict[Any, Any]) -> str:
    """The identity of a resolved config as plain data, as a finished job's ``task.json`` holds it."""
    budget = plain.get("budget") or {}
    binding = frozenset(
        f"{model}.{key}"
        for limit, key in BINDING_KEYS.items()
        if budget.get(limit) is not None
        for model in MODELS
    )
    relevant = {"identity_version": IDENTITY_VERSION, **_relevant(plain, "", binding)}
    canonical = json.dumps(relevant, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _relevant(node: dict[Any, Any], prefix: str, binding: frozenset[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in node.items():
        path = f"{prefix}{key}"
        # A key that is null, or an empty mapping, says as much as one that is not there: so a later
        # version's new optional key leaves the identities of older tasks as they are.
        if value is None or (path in NEUTRAL_KEYS and path not in binding):
            continue
        if path in CONTENT_KEYS:
            value = content_of(value)
        if isinstance(value, dict):
            value = _relevant(value, f"{path}.", binding)
        if value != {}:
            kept[str(key)] = value
    return kept


def content_of(path: str) -> str:
    """What stands for a file that a key names: its sha256, or the text itself where no file is."""
    file = Path(path).expanduser()
    # A path with {split} in it, or one inside a package, names no file here: the text stands for it,
    # and the rows' fingerprint is recorded with the result.
    return f"sha256:{file_sha256(file)}" if file.is_file() else path


_digests: dict[tuple[str, int, int], str] = {}


def file_sha256(file: Path) -> str:
    """sha256 of a file's content, computed once per process for an unchanged file."""
    stat = file.stat()
    known = (str(file.resolve()), stat.st_size, stat.st_mtime_ns)
    if known not in _digests:
        with file.open("rb") as content:
            _digests[known] = hashlib.file_digest(content, "sha256").hexdigest()
    return _digests[known]
