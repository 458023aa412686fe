"""The tasks that a command is about: sweeps read, and ``--where`` applied."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.errors import ConfigError

from .sweeps import Sweep, find_all
from .text import visible

if TYPE_CHECKING:
    from optbench.results.runs import Runs

KEYS = (
    "dataset", "optimizer", "model", "seed", "budget", "agent", "optimizer_model", "judge_model",
    "state", "engine", "metric", "test_mode", "sweep",
)  # fmt: skip
"""What ``--where`` may name."""


def runs_of(given: argparse.Namespace) -> tuple[list[Sweep], Runs]:
    """The sweeps that were named, and their tasks that ``--where`` keeps.

    Raises:
        ConfigError: When a sweep is not to be found, or no task has a value.
        OptbenchError: When a sweep holds no job.
    """
    from optbench.results.runs import load

    named = given.run if isinstance(given.run, list) else [given.run]
    sweeps = find_all(named)
    return sweeps, kept(load(*(one.folder for one in sweeps)), given.where)


def kept(runs: Runs, where: Sequence[str]) -> Runs:
    """The tasks that have these values.

    Args:
        runs: All of them.
        where: ``key=value`` or ``key=value,value``; all of these must hold.

    Raises:
        ConfigError: When a key is none, or no task has a value.
    """
    if not where:
        return runs
    from optbench.statistics.conclude import named

    tasks = runs.tasks
    aliases = named(tasks)
    chosen = [True] * len(tasks)
    for key, wanted in parsed(where).items():
        values = [
            _names(key, row, alias)
            for row, alias in zip(tasks.to_dict("records"), aliases.to_dict("records"), strict=True)
        ]
        _check(key, wanted, values)
        chosen = [so_far and bool(names & wanted)
                  for so_far, names in zip(chosen, values, strict=True)]  # fmt: skip
    if not any(chosen):
        raise ConfigError(
            f"no task has all of {visible(' '.join(where), 200)}",
            key="--where",
            mend="leave one out",
        )
    return runs.only(set(tasks.loc[chosen, "folder"]))


def parsed(where: Sequence[str]) -> dict[str, set[str]]:
    """Wanted values by key.

    Raises:
        ConfigError: When one is no ``key=value``, or its key is not known.
    """
    from optbench.wording import close_names

    wanted: dict[str, set[str]] = {}
    for one in where:
        key, equals, value = one.partition("=")
        if not equals or not value:
            raise ConfigError(
                f"'{visible(one, 80)}' is no key=value",
                key="--where",
                mend="RUN --where dataset=gsm8k optimizer=gepa,few_shot",
            )
        if key not in KEYS:
            raise ConfigError(
                f"there is no key '{visible(key, 40)}'.{close_names(key, KEYS)}", key="--where"
            )
        # A name may hold commas itself, such as that of a variant.
        parts = {value, *value.split(",")}
        wanted.setdefault(key, set()).update(part.strip() for part in parts if part.strip())
    return wanted


def folder_of(task: Mapping[str, Any]) -> Path:
    """A task's folder."""
    return Path(str(task["folder"]))


def _names(key: str, row: Mapping[str, Any], alias: Mapping[str, Any]) -> set[str]:
    """All that a task's value may be called."""
    if row[key] is None or row[key] != row[key]:
        return set()
    names = {str(row[key])}
    if key in ("dataset", "optimizer", "model"):
        names.add(str(alias[key]))
    if key == "test_mode":
        names = {str(row[key]).lower()}
    if key == "sweep":
        names.add(Path(row[key]).name)
    if key == "budget":  # trials=5, rollouts=500: by the whole, or by one limit
        limits = str(row[key]).split(", ")
        names |= {",".join(limits), *limits, *(one.replace("=", "_") for one in limits)}
    return names


def _check(key: str, wanted: set[str], values: Sequence[set[str]]) -> None:
    from optbench.wording import close_names

    known = {name for names in values for name in names}
    if not wanted & known:
        said = sorted(wanted, key=len)[-1]
        options = close_names(said, {visible(name, 60) for name in sorted(known)[:30]})
        raise ConfigError(f"no task has {key} '{visible(said, 80)}'.{options}", key="--where")
    for part in wanted - known:
        if "," not in part and not any(part in name.split(",") for name in wanted & known):
            options = close_names(part, {visible(name, 60) for name in sorted(known)[:30]})
            raise ConfigError(f"no task has {key} '{visible(part, 80)}'.{options}", key="--where")
