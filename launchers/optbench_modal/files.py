"""Files of this machine that a task's config names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optbench.config.identity import MODELS

_PLACES = ("dataset.source", "agent.params", *MODELS)
"""Where a config names files."""


def named(plain: Mapping[str, Any]) -> list[str]:
    """The files that are there, by the paths that the config has for them.

    Args:
        plain: A task's config as plain data.
    """
    dataset = plain.get("dataset") or {}
    splits = {str(one.get("split")) for one in (dataset.get("slices") or {}).values()}
    found: dict[str, None] = {}
    for place in _PLACES:
        node: Any = plain
        for part in place.split("."):
            node = (node or {}).get(part)
        for text, split in itertools.product(_texts(node), sorted(splits)):
            for path in _files(text.replace("{split}", split)):
                found[path] = None
    return list(found)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for one in node.values():
            yield from _texts(one)
    elif isinstance(node, Sequence):
        for one in node:
            yield from _texts(one)


def _files(text: str) -> Iterator[str]:
    if not text or len(text) > 1000 or "\n" in text:
        return
    path = Path(text).expanduser()
    if path.is_file():
        yield text
    elif path.is_dir() and ("/" in text or "\\" in text):  # a word may be a folder's name by chance
        for inner in sorted(path.rglob("*")):
            if inner.is_file():
                yield f"{text.rstrip('/')}/{inner.relative_to(path).as_posix()}"
