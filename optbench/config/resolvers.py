"""The functions that ``conf/`` calls as ``${optbench.<name>:...}``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from optbench.config.identity import identity


def folder(*, _root_: Any) -> str:
    """A job's folder inside its sweep: readable, and unique by the task's identity.

    Returns:
        ``<dataset>/<optimizer>/<model>/s<seed>-<first 6 hex digits of the identity>``.
    """
    config = OmegaConf.masked_copy(_root_, [key for key in _root_ if key != "hydra"])
    return folder_name(config, identity(config))


def folder_name(config: Any, identity: str) -> str:
    """The same of a config whose identity is known already."""
    names = [str(config[group]["name"]) for group in ("dataset", "optimizer", "model")]
    return "/".join([*map(_safe, names), f"s{config['seed']}-{identity[:6]}"])


def _safe(name: str) -> str:
    """A name as one folder: what could leave it, or confuse a shell, becomes an underscore."""
    kept = "".join(char if char.isalnum() or char in "._-" else "_" for char in name)
    return kept.strip(".")[:64] or "_"


def last(key: str, *, _parent_: Any) -> str:
    """What follows the last slash of a sibling key's value: of ``openai/gpt-4.1`` all of ``gpt-4.1``."""
    if OmegaConf.is_missing(_parent_, key) or not _parent_[key]:
        return "unnamed"
    return str(_parent_[key]).rstrip("/").rpartition("/")[2]


def stem(key: str, *, _parent_: Any) -> str:
    """The name, without folder and ending, of the file that a sibling key gives."""
    if OmegaConf.is_missing(_parent_, key) or not _parent_[key]:
        return "unnamed"
    return Path(str(_parent_[key])).stem
