"""Sweeps that were handed to Modal, found by what a person calls them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from optbench.errors import ConfigError
from optbench.layout import SharedFolder

from .journal import Journal

ROOTS = ("multirun", "outputs")
"""Where a sweep's folder is, unless it was put elsewhere."""


def find(run: str) -> tuple[Path, Journal]:
    """A sweep's folder and its journal.

    Args:
        run: The folder, or its name, or the beginning of its id at Modal.

    Raises:
        ConfigError: When there is none, or more than one.
    """
    if Path(run).is_dir():
        journal = Journal(SharedFolder(Path(run)).modal)
        if not journal.entries:
            raise ConfigError(
                f"nothing of '{run}' was handed to Modal yet",
                key="RUN",
                mend=f"name one of: {_named(known())}",
            )
        return Path(run), journal
    all_known = list(known())
    found = [one for one in all_known if run and (one[1].run.startswith(run) or _is(one[0], run))]
    if len(found) == 1:
        return found[0]
    what = "the beginning of several" if found else "no folder, and no id of a sweep"
    raise ConfigError(
        f"'{run}' is {what}; looked at {_looked_at()}",
        key="RUN",
        mend=f"name one of: {_named(found or all_known)}, or the folder of a sweep",
    )


def known() -> Iterator[tuple[Path, Journal]]:
    """Sweeps of which something was handed to Modal: in this folder, and where they usually are."""
    name = SharedFolder(Path()).modal
    files = {*Path().glob(str(name)), *Path().glob(f"*/{name}")}
    for root in ROOTS:
        files.update(Path(root).rglob(str(name)))
    for file in sorted(files):
        journal = Journal(file)
        if journal.entries:
            yield file.parents[len(name.parts) - 1], journal


def _looked_at() -> str:
    return (
        f"'{Path().resolve()}', the folders in it, and {' and '.join(f'{one}/' for one in ROOTS)}"
    )


def _is(folder: Path, name: str) -> bool:
    return folder.resolve().name == name


def _named(found: Iterable[tuple[Path, Journal]]) -> str:
    return ", ".join(shlex.quote(str(folder)) for folder, _ in found) or "none is here"
