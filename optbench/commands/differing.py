"""What two sets of tasks differ in, other than their results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optbench.layout import JobFolder
from optbench.results.read import UnreadableError, read_object

from .chosen import folder_of

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = (
    "agent", "optimizer_model", "judge_model", "budget", "test_mode", "engine", "identity_version",
    "fingerprint_train", "fingerprint_validation", "fingerprint_test",
)  # fmt: skip
PASSED = (
    "budget.", "engine.", "tracking.", "cache.", "plan", "replay", "test_mode",
    "dataset.fingerprints", "dataset.description", "dataset.licence",
)  # fmt: skip
"""Beginnings of keys of configs that are told already, or change no result."""
KEYS = ["dataset", "model", "optimizer"]
MOST = 60
DEEP = 12


def differing(a: pd.DataFrame, b: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Versions, settings and config keys that are not the same, over the cells that both have.

    Args:
        a: Finished tasks of one, by the names that statistics use.
        b: Those of the other.

    Returns:
        What, there, and there.
    """
    common = a[KEYS].drop_duplicates().merge(b[KEYS].drop_duplicates(), on=KEYS)
    if common.empty:
        return []
    sides = [one.merge(common, on=KEYS) for one in (a, b)]
    rows = _versions(*sides)
    for name in SETTINGS:
        rows += _settings(name, *sides)
    return rows + _configs(*sides)


def _versions(a: pd.DataFrame, b: pd.DataFrame) -> list[tuple[str, str, str]]:
    found = [_sets(side["versions"]) for side in (a, b)]
    return [
        (f"version of {name}", _said(found[0].get(name)), _said(found[1].get(name)))
        for name in sorted(found[0] | found[1])
        if found[0].get(name) != found[1].get(name)
    ]


def _sets(versions: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in versions:
        for name, version in one.items():
            found.setdefault(name, set()).add(version)
    return found


def _settings(name: str, a: pd.DataFrame, b: pd.DataFrame) -> list[tuple[str, str, str]]:
    """By dataset where a setting is one of data; else of all."""
    groups = sorted(set(a["dataset"])) if name.startswith("fingerprint") else [None]
    rows = []
    for group in groups:
        values = [
            {str(one)[: 16 if group else 300] for one in (
                side if group is None else side[side["dataset"] == group])[name].dropna()}
            for side in (a, b)
        ]  # fmt: skip
        if values[0] != values[1]:
            what = name.replace("_", " ") + (f" of {group}" if group else "")
            rows.append((what, _said(values[0]), _said(values[1])))
    return rows


def _configs(a: pd.DataFrame, b: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Of tasks of one dataset, model, optimizer and seed."""
    found: dict[tuple[str, str, str], int] = {}
    theirs = {tuple(row[key] for key in (*KEYS, "seed")): row for row in b.to_dict("records")}
    for row in a.to_dict("records"):
        other = theirs.get(tuple(row[key] for key in (*KEYS, "seed")))
        if other is None:
            continue
        one, two = _config(row), _config(other)
        for key in sorted(set(one) | set(two)):
            if one.get(key) != two.get(key) and not key.startswith(PASSED):
                told = (key, _short(one.get(key)), _short(two.get(key)))
                found[told] = found.get(told, 0) + 1
    ordered = sorted(found, key=lambda told: (told[0], -found[told]))
    more = [("...", f"{len(ordered) - MOST} more", "")] if len(ordered) > MOST else []
    return ordered[:MOST] + more


def _config(row: Mapping[str, Any]) -> dict[str, str]:
    file = JobFolder(folder_of(row)).task
    try:
        config = None if file.is_symlink() else read_object(file).get("config")
    except UnreadableError:
        return {}
    flat: dict[str, str] = {}
    _flatten(config, "", flat, 0)
    return flat


def _flatten(node: Any, prefix: str, flat: dict[str, str], depth: int) -> None:
    if isinstance(node, dict) and node and depth < DEEP:
        for key, value in node.items():
            _flatten(value, f"{prefix}.{key}" if prefix else str(key), flat, depth + 1)
    elif node not in (None, {}):
        flat[prefix] = str(node)


def _short(value: str | None) -> str:
    return "-" if value is None else value[:200]


def _said(values: set[str] | None) -> str:
    return ", ".join(sorted(values)) if values else "-"
