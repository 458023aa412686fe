"""A job's folder on a container's disk and on the volume: copies that are whole."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from optbench.replacing import replacing

_ASIDE = ".aside"


def restore(kept: Path, folder: Path) -> None:
    """Puts what an earlier container has learnt into a job's folder, in the place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    if kept.is_dir():
        shutil.copytree(kept, folder, dirs_exist_ok=True, ignore=lambda _, names: _half(names))


def save(folder: Path, kept: Path) -> None:
    """Copies a job's folder, while the job may be at work in it, to where it is kept.

    Raises:
        OSError, sqlite3.Error: When it cannot be written.
    """
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if not path.is_file() or path.is_symlink() or _half(inner.parts):
            continue
        target = kept / inner
        if _same(path, target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(target.name + _ASIDE)
        if path.suffix == ".sqlite":
            _copy_database(path, aside)
        else:
            shutil.copyfile(path, aside)
        aside.replace(target)


def rename_in(log: Path, there: Path, home: str | None) -> None:
    """Has a job's log name the folder that it is read in, in the place of the container's."""
    if home is not None and log.is_file():
        text = log.read_bytes()
        log.write_bytes(text.replace(str(there).encode(), home.encode()))


def write(path: Path, text: str) -> None:
    """Writes a file whole."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _half(names: list[str] | tuple[str, ...]) -> set[str]:
    """What is of use to a running process only, or not whole yet."""
    ends = ("-wal", "-shm", "-journal", ".tmp", _ASIDE)
    return {name for name in names if name == ".lock" or name.endswith(ends)}


def _same(path: Path, target: Path) -> bool:
    """Whether nothing was written since the last copy; a database changes in a file beside it."""
    if path.suffix == ".sqlite" or not target.exists():
        return False
    source, copy = path.stat(), target.stat()
    return source.st_size == copy.st_size and source.st_mtime < copy.st_mtime


def _copy_database(path: Path, aside: Path) -> None:
    aside.unlink(missing_ok=True)
    # Through SQLite, which knows what of it is committed.
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(aside)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
