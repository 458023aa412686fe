"""The command that a sweep was started with, as its folder has it; to be shown, never to be run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from optbench.layout import JobFolder
from optbench.results.read import UnreadableError, read_bytes

MAX_BYTES = 2**18
"""Hydra writes some 10,000; YAML is read slowly."""
MAX_WORDS, MAX_CHARACTERS = 200, 4_000
_MULTIRUN = "multirun.yaml"
_SWEEPER = "hydra.sweeper."
"""Words of Hydra's own that say which tasks there are; the others say how and where they ran."""


def command(folder: Path) -> str | None:
    """``optbench -m dataset=...``, quoted for a shell; None where the folder does not say it.

    Args:
        folder: Of a sweep, or of a single job. What it says is not trusted.
    """
    for file, mode in (
        (folder / _MULTIRUN, ["-m"]),
        (JobFolder(folder).hydra_config.with_name("hydra.yaml"), []),
    ):
        words = _words(file)
        if words is not None:
            said = shlex.join(["optbench", *mode, *words])
            return said if len(said) <= MAX_CHARACTERS else None
    return None


def _words(file: Path) -> list[str] | None:
    told = _overrides(file)
    task, about = told.get("task"), told.get("hydra")
    if not isinstance(task, list) or not all(map(_is_override, task)) or len(task) > MAX_WORDS:
        return None
    given = about if isinstance(about, list) else []
    of_tasks = [one for one in given if isinstance(one, str) and one.startswith(_SWEEPER)]
    return [*task, *of_tasks[:MAX_WORDS]]


def _is_override(word: Any) -> bool:
    """Words of a command line that choose a value; an option is none."""
    return isinstance(word, str) and not word.startswith("-") and ("=" in word or word[:1] == "~")


def _overrides(file: Path) -> dict[str, Any]:
    import yaml

    try:
        if file.is_symlink() or (file.name != _MULTIRUN and file.parent.is_symlink()):
            return {}
        text = read_bytes(file, MAX_BYTES).decode("utf-8")
        # Anchors could make a small file a huge tree; Hydra writes none.
        told = None if "&" in text and "*" in text else yaml.safe_load(text)
    except (UnreadableError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    for key in ("hydra", "overrides"):
        told = told.get(key) if isinstance(told, dict) else None
    return told if isinstance(told, dict) else {}
