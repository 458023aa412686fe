"""Where the jobs are: folders below a folder, and which of their files may be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from optbench.errors import OptbenchError
from optbench.layout import JobFolder
from optbench.results.problems import Problems

_LAYOUT = JobFolder(Path())
_NAMES = {of: path.name for of, path in vars(_LAYOUT).items()}
_MARKS = frozenset({_NAMES["task"], _NAMES["status"], _NAMES["result"]})
_HYDRA = _LAYOUT.hydra_config.parent.name
MAX_DEPTH = 32
"""Of folders within a sweep; a job is four levels deep."""
_MEND = "give a sweep's folder (hydra.sweep.dir) or a job's"


@dataclass(frozen=True)
class Found:
    """A job folder as it was found.

    Attributes:
        sweep: The path that was given.
        path: The folder.
        files: Names of the regular files in it that may be read: no links that lead elsewhere.
    """

    sweep: str
    path: Path
    files: frozenset[str]

    def file(self, of: str) -> Path | None:
        """One of its files, when it is there and may be read.

        Args:
            of: Its name in :class:`.layout.JobFolder`, such as ``result``.
        """
        name = _NAMES[of]
        return self.path / name if name in self.files else None


def find(paths: tuple[str | Path, ...], problems: Problems) -> list[Found]:
    """Every job folder at or below the paths, each once, by path within each of them.

    A folder is a job's when it holds task.json, status.json, result.json or Hydra's own files.

    Args:
        paths: Sweep folders or job folders.
        problems: Takes in what is not followed.

    Raises:
        OptbenchError: When a path is no folder, or holds no job.
    """
    if not paths:
        raise OptbenchError("no folder was given", mend=_MEND)
    seen: set[str] = set()
    kept: list[Found] = []
    for path in paths:
        root = Path(path)
        if not root.is_dir():
            what = "is a file, no folder" if root.exists() else "is not there"
            raise OptbenchError(f"'{path}' {what}", mend=_MEND)
        jobs = list(_below(root, problems))
        if not jobs:
            raise OptbenchError(f"'{path}' holds no job: it is no sweep", mend=_MEND)
        for job in jobs:
            real = os.path.realpath(job.path)
            if real not in seen:
                seen.add(real)
                kept.append(job)
    return kept


def _below(root: Path, problems: Problems) -> Iterator[Found]:
    real_root = os.path.realpath(root)
    left = [(str(root), 0)]
    while left:
        path, depth = left.pop()
        files, folders, hydra = _entries(path, real_root, problems)
        if hydra or files & _MARKS:
            yield Found(str(root), Path(path), frozenset(files))
        if depth < MAX_DEPTH:
            left += [(os.path.join(path, name), depth + 1) for name in reversed(folders)]


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself, for one
        return False


def _entries(path: str, real_root: str, problems: Problems) -> tuple[set[str], list[str], bool]:
    """Names of readable files, of folders to look into, and whether Hydra ran here."""
    files: set[str] = set()
    folders: list[str] = []
    hydra = False
    try:
        with os.scandir(path) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        problems.add(path, "missing", f"the folder cannot be read: {error.strerror}", excluded=True)
        return files, folders, hydra
    for entry in entries:
        if entry.is_symlink() and not _stays(entry.path, real_root):
            what = f"'{entry.name}' is a link that leaves the folder; it is not followed"
            problems.add(path, "link", what, excluded=True)
        elif entry.is_dir(follow_symlinks=False):
            hydra |= entry.name == _HYDRA
            folders += [] if entry.name.startswith(".") else [entry.name]
        elif _is_file(entry):
            files.add(entry.name)
    return files, folders, hydra


def _stays(path: str, real_root: str) -> bool:
    return os.path.realpath(path).startswith(real_root.rstrip(os.sep) + os.sep)
