"""Sweeps found by what a person calls them: an id, the beginning of one, or a path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from optbench.errors import ConfigError
from optbench.layout import JobFolder, SharedFolder
from optbench.wording import some

from .text import visible

ROOTS = ("multirun", "outputs")
"""Where a sweep's folder is, unless it was put elsewhere."""
DEEP = 6
"""Folders below which no job is looked for; a job is four levels below its sweep."""
SHOWN = 12
"""Candidates that an error names."""
_NAMES = JobFolder(Path())
_MARKS = (_NAMES.task.name, _NAMES.status.name, _NAMES.result.name)
_SWEEP = "multirun.yaml"


@dataclass(frozen=True)
class Sweep:
    """A folder with jobs, or one whose jobs are elsewhere still.

    Attributes:
        folder: Where.
    """

    folder: Path

    @property
    def id(self) -> str:
        """Name of its folder."""
        return self.folder.name or self.folder.resolve().name


def all_sweeps(folders: Sequence[Path] = ()) -> list[Sweep]:
    """Those below ``./multirun``, ``./outputs`` and given folders, and those in the current folder.

    Args:
        folders: Sweeps, or folders of sweeps.
    """
    found: dict[str, Sweep] = {}

    def add(folder: Path) -> None:
        found.setdefault(os.path.realpath(folder), Sweep(folder))

    for root in ROOTS:
        for folder in _below(Path(root), 2):
            add(folder)
    for given in folders:
        if _is_marked(given):
            add(given)
            continue
        for folder in _below(given, 2):
            add(folder)
    for child in _folders(Path()):
        if child.name not in ROOTS and _is_marked(child):
            add(child)
    return list(found.values())


def find(run: str) -> Sweep:
    """The sweep (or single job) that a person means.

    Args:
        run: A path, an id, or the beginning of one id.

    Raises:
        ConfigError: When there is none, or more than one.
    """
    path = Path(run)
    if run and path.is_dir() and (_is_marked(path) or _has_job(path)):
        return Sweep(path)
    known = all_sweeps()
    exact = [one for one in known if one.id == run]
    near = exact or [one for one in known if run and one.id.startswith(run)]
    if len(near) == 1:
        return near[0]
    named = [str(one.folder) if exact else one.id for one in near or known]
    said = some([visible(name) for name in sorted(named, reverse=True)], SHOWN)
    if near:
        raise ConfigError(
            f"'{visible(run, 80)}' is {'the id' if exact else 'the beginning'} of several",
            key="RUN",
            mend=f"name one of: {said}",
        )
    if run and path.is_dir():
        what = f"'{visible(run, 80)}' holds no job"
        if (path / "multirun.yaml").is_file():
            raise ConfigError(
                f"no job of '{visible(run, 80)}' has begun",
                key="RUN",
                mend=f"optbench resume={run}",
            )
    else:
        what = f"'{visible(run, 80)}' is no folder and no id of a sweep"
    raise ConfigError(
        what, key="RUN", mend=f"name one of: {said}" if known else "give a sweep's folder"
    )


def find_all(runs: Sequence[str]) -> list[Sweep]:
    """Several, each an argument or a part of one between commas.

    Raises:
        ConfigError: See :func:`find`.
    """
    words = [
        part
        for run in runs
        for part in ([run] if Path(run).is_dir() else run.split(","))
        if part.strip()
    ]
    found = {os.path.realpath(one.folder): one for one in map(find, words)}
    if not found:
        raise ConfigError("no run was given", key="RUN", mend="give a sweep's folder or its id")
    return list(found.values())


def is_under_way(sweep: Sweep) -> bool:
    """Whether a launch holds the sweep's lock, on this machine."""
    try:
        import fcntl
    except ImportError:
        return False  # nobody can tell without such locks
    try:
        handle = os.open(SharedFolder(sweep.folder).lock, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _below(folder: Path, deep: int) -> Iterator[Path]:
    """Sweeps in a folder; one level further down where folders of days hold those of times."""
    for child in _folders(folder):
        if _is_marked(child):
            yield child
        elif deep > 1 and (inner := list(_marked_below(child))):
            yield from inner
        elif _has_job(child):
            yield child


def _marked_below(folder: Path) -> Iterator[Path]:
    for child in _folders(folder):
        if (child / _SWEEP).is_file() or SharedFolder(child).path.is_dir():
            yield child


def _is_marked(folder: Path) -> bool:
    shared = SharedFolder(folder)
    return any(
        file.is_file()
        for file in (
            folder / _SWEEP, shared.lock, shared.cache, shared.modal,
            *(folder / name for name in _MARKS), JobFolder(folder).hydra_config,
        )
    )  # fmt: skip


def _has_job(folder: Path) -> bool:
    left = [(folder, 0)]
    while left:
        at, depth = left.pop()
        if any((at / name).is_file() for name in _MARKS) or JobFolder(at).hydra_config.is_file():
            return True
        if depth < DEEP:
            left += [(child, depth + 1) for child in _folders(at)]
    return False


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            names = sorted(
                one.name for one in found
                if one.is_dir(follow_symlinks=False) and not one.name.startswith(".")
            )  # fmt: skip
    except OSError:
        return []
    return [folder / name for name in names]
