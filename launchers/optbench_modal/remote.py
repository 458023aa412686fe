"""What ``optbench-results`` asks about sweeps that are at Modal; see ``optbench.commands.remotes``."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from optbench.errors import OptbenchError, first_line
from optbench.layout import JobFolder, SharedFolder

from .journal import Entry, Journal

if TYPE_CHECKING:
    from .payload import Reply

ANSWER_S = 30.0
"""How long Modal may take to say how the jobs of a sweep are."""
COLLECT_S = 3600.0


def describe(folder: Path, ask: bool) -> list[str]:
    """Lines about the jobs of a sweep that are at Modal still; none where there are none.

    Args:
        folder: Of the sweep.
        ask: Ask Modal how they are; else only what the journal says is told.
    """
    journal, there = _open(folder)
    if journal is None or not there:
        return []
    line = f"{len(there)} of {len(journal.entries)} jobs are at Modal still"
    how = f"optbench-modal collect {folder}"
    if not ask:
        return [f"{line}, as far as is known here"]
    try:
        counts = asyncio.run(asyncio.wait_for(_counts(folder, journal, there), ANSWER_S))
    except Exception as error:  # not installed, no token, no network: the journal's word stands
        return [f"{line}; Modal was not to be asked ({type(error).__name__}: {first_line(error)})"]
    told = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    return [f"{line}: {told}. To wait for them: {how}"]


def collect(folder: Path) -> list[str]:
    """Brings home what has ended, and waits for nothing; lines about what came.

    The journal is left to the launch that follows: it finds these jobs done.

    Args:
        folder: Of the sweep.

    Raises:
        OptbenchError: When modal is not installed, or cannot be asked.
    """
    journal, there = _open(folder)
    if journal is None or not there:
        return []
    try:
        came = asyncio.run(asyncio.wait_for(_fetch(folder, journal, there), COLLECT_S))
    except ModuleNotFoundError as error:
        raise OptbenchError(
            f"{error.name} is not installed", key="--collect", mend="pip install 'optbench[modal]'"
        ) from error
    except Exception as error:
        raise OptbenchError(
            f"Modal: {type(error).__name__}: {first_line(error)}",
            key="--collect",
            mend="modal setup; or leave --collect out, and see what is at home",
        ) from error
    return [f"{len(came)} of {len(there)} jobs came home from Modal"]


def _open(folder: Path) -> tuple[Journal | None, list[Entry]]:
    """A sweep's journal, None where there is none, and its jobs whose result is not at home."""
    file = SharedFolder(folder).modal
    if file.is_symlink() or not file.is_file():
        return None, []
    journal = Journal(file)
    return journal, [
        one for one in journal.open() if not JobFolder(_home(folder, journal, one)).result.exists()
    ]


def _home(folder: Path, journal: Journal, entry: Entry) -> Path:
    """A job's folder here; that of a task that is no part of a sweep is the sweep's.

    Raises:
        OptbenchError: When the journal names a place outside of the sweep.
    """
    home = folder / entry.name
    if not home.resolve().is_relative_to(folder.resolve()):
        raise OptbenchError(f"the journal of '{folder}' names '{entry.name:.80}'", key="--collect")
    alone = len(journal.entries) == 1 and JobFolder(folder).hydra_config.exists()
    return folder if alone else home


async def _counts(folder: Path, journal: Journal, there: list[Entry]) -> Counter[str]:
    from .state import states

    names = {one.name for one in there}
    told = await states(folder, journal)
    return Counter(one.state for one in told if one.name in names)


async def _fetch(folder: Path, journal: Journal, there: list[Entry]) -> list[str]:
    import modal

    from . import fetch

    volume = modal.Volume.from_name(
        str(journal.about.get("volume")), environment_name=journal.about.get("environment")
    )
    came = []
    for one in there:
        reply: Reply | None = await fetch.reply_of(volume, journal.run, one.key)
        if reply is None or reply.attempt < one.attempt:
            continue
        if await fetch.fetch(volume, journal.run, one.key, _home(folder, journal, one)):
            came.append(one.name)
    return came
