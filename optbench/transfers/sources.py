"""What finished tasks found, read from their folders, which may come from anywhere."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from optbench.config.schema import LIMITS
from optbench.errors import ConfigError, OptbenchError
from optbench.layout import job_folders, read_json, write_json
from optbench.optimizers import transfer
from optbench.prompts import ONLY, Prompt, could_be_column
from optbench.wording import counted, printable

MOST_BYTES = 16 * 2**20
"""Of a file that is read; a task's own have some kilobytes."""
_GROUPS = ("dataset", "agent", "model", "judge_model", "budget")
_KEPT = (*_GROUPS, "optimizer", "seed", "test_mode")
_IDENTITY = re.compile(r"[0-9a-f]{64}\Z")
NAME_LENGTH = 64
"""Characters of a name that is shown."""


@dataclass(frozen=True)
class Source:
    """A finished task, as far as its prompt is transferred.

    Attributes:
        optimizer: Its optimizer's name; with ``model``, ``dataset`` and ``seed`` what it is told by.
        identity: The task's, 64 hex digits.
        prompts: Its final prompts, as ``optimizer.params.prompts`` takes them.
        changed: Whether they are others than the initial ones.
        config: Its resolved config, of which nothing is trusted.
        content: What it was read from, as :func:`keep` writes it.
    """

    optimizer: str
    model: str
    dataset: str
    seed: int
    identity: str
    prompts: list[dict[str, Any]]
    changed: bool
    config: Mapping[str, Any]
    content: Mapping[str, Any]


class Found(NamedTuple):
    """The finished tasks of some folders, each once."""

    sources: list[Source]
    notes: list[str]
    """What was left out, and why; sentences."""


class _UnfitError(Exception):
    """Why a task's prompt cannot be taken."""


def read(paths: Sequence[Path]) -> Found:
    """The finished tasks of sweeps.

    Args:
        paths: Folders of sweeps or of jobs, or the files that :func:`keep` wrote.

    Raises:
        ConfigError: When a path holds no task, or no finished one.
    """
    sources: dict[str, Source] = {}
    notes: list[str] = []
    for path in paths:
        found = _of_file(path) if path.is_file() else _of_folder(path)
        fresh = {one.identity: one for one in found.sources if one.identity not in sources}
        repeated = len(found.sources) - len(fresh)
        notes += found.notes
        if repeated:
            notes.append(
                f"{counted(repeated, 'task')} of '{path}' stand elsewhere, too: taken once"
            )
        sources |= fresh
    return Found(list(sources.values()), notes)


def keep(sources: Sequence[Source], file: Path) -> None:
    """Writes sources down, so that the sweep that they are for says by itself what is in it."""
    write_json(file, {"sources": [dict(one.content) for one in sources]})


def _of_file(file: Path) -> Found:
    kept = _read(file)
    rows = kept.get("sources") if kept else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(
            f"'{file}' is no folder, and no file of prompts that optbench has kept",
            key="transfer",
            mend="name the folder of a finished sweep",
        )
    return _taken(
        [(str(n), row.get("task"), row.get("result")) for n, row in enumerate(rows)], file
    )


def _of_folder(folder: Path) -> Found:
    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder '{folder}'",
            key="transfer",
            mend="name the folder of a finished sweep, several with commas",
        )
    return _taken(_files(folder), folder)


def _files(folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """Name, task and result of each job; an error in the place of what cannot be read."""
    for job in job_folders(folder):
        name = str(job.path.relative_to(folder))
        try:
            yield name, _read(job.task), _read(job.result)
        except OptbenchError as error:
            yield name, error, None


def _read(file: Path) -> dict[str, Any] | None:
    try:
        size = file.stat().st_size
    except OSError:
        size = 0
    if size > MOST_BYTES:
        raise OptbenchError(f"'{file}' has {size / 2**20:.0f} MB, over {MOST_BYTES / 2**20:.0f}")
    try:
        return read_json(file)
    except RecursionError as error:
        raise OptbenchError(f"'{file}' is nested too deep") from error


def _taken(jobs: Any, path: Path) -> Found:
    """Those that can be taken; what is said of the others, by reason."""
    sources: list[Source] = []
    left: Counter[str] = Counter()
    unfit: list[str] = []
    for name, task, result in jobs:
        if isinstance(task, OptbenchError):
            unfit.append(f"{name} ({task.what})")
        elif result is None:
            left["unfinished"] += 1
        else:
            try:
                source = _source(task, result)
            except (_UnfitError, ConfigError) as error:
                unfit.append(f"{name} ({str(error).splitlines()[0]})")
                continue
            if source is None:
                left["transfers themselves"] += 1
            else:
                sources.append(source)
    total = len(sources) + len(unfit) + left.total()
    if not total:
        raise ConfigError(
            f"'{path}' holds no task of optbench",
            key="transfer",
            mend="name the folder of a finished sweep, several with commas",
        )
    notes = [
        f"{number} of {counted(total, 'task')} of '{path}' are {why}: left out"
        for why, number in left.items()
    ]
    if unfit:
        more = f", and {len(unfit) - 1} more" if len(unfit) > 1 else ""
        notes.append(f"cannot be taken of '{path}', left out: {printable(unfit[0], 300)}{more}")
    if not sources:
        raise ConfigError(
            f"no task of '{path}' has a prompt to transfer; {'; '.join(notes)}",
            key="transfer",
            mend=f"let it finish: optbench resume={path}"
            if left["unfinished"]
            else "name another sweep",
        )
    return Found(sources, notes)


def _source(task: Any, result: Any) -> Source | None:
    """A task that is finished; None for one that is a transfer itself.

    Raises:
        _UnfitError: When its files say something else than optbench writes.
        ConfigError: When its prompts are none.
    """
    config = task.get("config") if isinstance(task, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(result, Mapping):
        raise _UnfitError("its files hold no task")
    _check(config)
    identity = result.get("identity")
    if identity != task.get("identity") or not _IDENTITY.match(str(identity)):
        raise _UnfitError("its task.json and result.json are of two tasks, or of none")
    names = {group: printable(str(config[group].get("name")), NAME_LENGTH) for group in _NAMED}
    params = config["optimizer"].get("params")
    if isinstance(params, Mapping) and "transferred_from" in params:
        return None
    told = result.get("prompts")
    if not isinstance(told, Mapping):
        raise _UnfitError("its result.json holds no prompts")
    initial, final = (_parts(told.get(name)) for name in ("initial", "final"))
    prompts = [
        {**part, "name": name, "columns": _columns(part, initial.get(name))}
        for name, part in final.items()
    ]
    transfer.candidate(prompts)  # looked at here, for all that it may not be
    kept = {key: config[key] for key in _KEPT if key in config}
    return Source(
        **names,
        seed=config["seed"],
        identity=str(identity),
        prompts=prompts,
        changed=final != initial,
        config=kept,
        content={
            "task": {"identity": identity, "config": kept},
            "result": {"identity": identity, "prompts": dict(told)},
        },
    )


_NAMED = ("optimizer", "model", "dataset")


def _check(config: Mapping[str, Any]) -> None:
    for group in (*_NAMED, "agent", "budget"):
        if not isinstance(config.get(group), Mapping):
            raise _UnfitError(f"its config has no {group}")
    if not _is_number(config.get("seed"), int) or not isinstance(config.get("test_mode"), bool):
        raise _UnfitError("its config has no seed, or no test_mode")
    for name in LIMITS:
        limit = config["budget"].get(name)
        if limit is not None and not _is_number(limit, (int, float)):
            raise _UnfitError(f"its budget.{name} is no number")


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)


def _parts(said: Any) -> dict[str, Any]:
    """Prompts by name, as they stand in ``result.json``."""
    if not isinstance(said, Mapping):
        raise _UnfitError("its result.json holds no prompts")
    parts = said.get("prompts", {ONLY: said})
    if not isinstance(parts, Mapping) or not all(isinstance(p, Mapping) for p in parts.values()):
        raise _UnfitError("its result.json holds no prompts")
    return {str(name): part for name, part in parts.items()}


def _columns(final: Any, initial: Any) -> list[str]:
    """What was filled in a prompt: no candidate is shown more of an item than the initial one."""
    before, after = (_placeholders(part) for part in (initial, final))
    return sorted(name for name in before & after if could_be_column(name))


def _placeholders(part: Any) -> set[str]:
    try:
        return Prompt(tuple(part["messages"])).placeholders()
    except (KeyError, TypeError):
        return set()


def same(row: Mapping[str, Any]) -> str:
    """Equal for rows that give one task."""
    return json.dumps(row, sort_keys=True)
