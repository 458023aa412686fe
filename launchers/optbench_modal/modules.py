"""Code of this machine that a task's config names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def named(plain: Mapping[str, Any]) -> dict[str, str]:
    """Top-level modules, each with one path by which the config names something in it.

    Args:
        plain: A task's config as plain data.
    """
    return {path.partition(".")[0]: path for path in _paths(plain)}


def _paths(plain: Mapping[str, Any]) -> Iterator[str]:
    dataset = plain.get("dataset") or {}
    source = dataset.get("source") or {}
    for one in (source, *(source.get("splits") or {}).values()):
        told = [(one or {}).get(key) for key in ("package", "generator", "transform")]
        yield from (path for path in told if isinstance(path, str) and path)
    for part in ("optimizer", "agent"):
        target = (plain.get(part) or {}).get("target")
        if isinstance(target, str) and target:
            yield target
    for metric in dataset.get("metrics") or ():
        name = (metric or {}).get("name")
        if isinstance(name, str) and "." in name:  # a short name is optbench's own
            yield name
