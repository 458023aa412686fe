"""Sweeps that were handed to Modal, found by what a person calls them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from optbench.errors import ConfigError
from optbench.results.layout import SharedFolder

from .ledger import Ledger

ROOTS = ("multirun", "outputs")
"""Where a sweep's folder is, unless it was put elsewhere."""


def find(run: str) -> tuple[Path, Ledger]:
    """A sweep's folder and its ledger.

    Args:
        run: The folder, or the beginning of its name or of its id at Modal.

    Raises:
        ConfigError: When there is none, or more than one.
    """
    if Path(run).is_dir():
        ledger = Ledger(SharedFolder(Path(run)).modal)
        if not ledger.run:
            raise ConfigError(f"nothing of '{run}' was handed to Modal", key="RUN")
        return Path(run), ledger
    found = [one for one in _all() if run and (one[1].run.startswith(run) or one[0].name == run)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(str(folder) for folder, _ in found or list(_all())) or "none"
    raise ConfigError(
        f"'{run}' is {'the beginning of several' if found else 'no folder and no id of a sweep'}",
        key="RUN",
        mend=f"name one of: {known}",
    )


def _all() -> Iterator[tuple[Path, Ledger]]:
    name = SharedFolder(Path()).modal
    for root in ROOTS:
        for file in sorted(Path(root).rglob(str(name))):
            yield file.parents[len(name.parts) - 1], Ledger(file)
