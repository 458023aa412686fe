"""How the jobs of a sweep are doing, as far as the volume and the journal know."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import modal

from optbench.layout import JobFolder

from . import fetch
from .journal import Entry, Journal
from .names import OUTPUT, RUNS
from .payload import WireError

AT_ONCE = 32
"""Files read at the same time."""
LOG_BYTES = 64 * 2**20


class State(NamedTuple):
    """Of one job, as it is shown."""

    name: str
    state: str
    phase: str
    call: str


async def states(sweep: Path, journal: Journal) -> list[State]:
    """Of all jobs of a sweep, by name."""
    volume = volume_of(journal)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(entry: Entry) -> State:
        async with turns:
            return await _state(volume, sweep, journal, entry)

    told = await asyncio.gather(*(one(entry) for entry in journal.entries.values()))
    return sorted(told)


async def log_of(journal: Journal, entry: Entry) -> str | None:
    """A job's log, as far as it is on the volume; None where there is none."""
    name = JobFolder(Path()).log.name
    path = f"{RUNS}/{journal.run}/{entry.key}/{OUTPUT}/{name}"
    return await fetch.small_file(volume_of(journal), path, most=LOG_BYTES)


async def _state(volume: Any, sweep: Path, journal: Journal, entry: Entry) -> State:
    call = entry.call or ""
    alone = (
        len(journal.entries) == 1
    )  # a task that is no part of a sweep: its folder is the sweep's
    if any(JobFolder(one).result.exists() for one in (sweep / entry.name, *([sweep] * alone))):
        return State(entry.name, "home", "", call)
    if entry.state == "ended":
        return State(entry.name, str(entry.result), "", call)
    if entry.state == "cancelled":
        return State(entry.name, "cancelled", "", call)
    try:
        reply = await fetch.reply_of(volume, journal.run, entry.key)
        if reply is not None and reply.attempt >= entry.attempt:
            return State(entry.name, f"{reply.state}, to collect", "", call)
        name = JobFolder(Path()).status.name
        text = await fetch.small_file(volume, f"{RUNS}/{journal.run}/{entry.key}/{OUTPUT}/{name}")
    except WireError as error:
        return State(entry.name, f"unreadable: {error}"[:80], "", call)
    if text is None:
        return State(entry.name, "spawned" if call else "unknown", "", call)
    try:
        told = json.loads(text)
        return State(entry.name, str(told.get("state")), str(told.get("phase") or ""), call)
    except (ValueError, AttributeError):
        return State(entry.name, "unreadable", "", call)


def volume_of(journal: Journal) -> Any:
    """Modal's volume, where the jobs of a sweep are."""
    return modal.Volume.from_name(
        str(journal.about.get("volume")), environment_name=journal.about.get("environment")
    )
