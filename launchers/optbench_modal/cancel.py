"""Ends what a sweep has at Modal; what has ended by itself stays to be collected."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, NamedTuple

from modal import FunctionCall, exception

from . import fetch
from .journal import Entry, Journal
from .payload import WireError
from .state import AT_ONCE, volume_of


class Cancelled(NamedTuple):
    """How many jobs were ended, and how many had ended by themselves."""

    ended: int
    to_collect: int


def cancel(journal: Journal) -> Cancelled:
    """Cancels every call that may be at work.

    Args:
        journal: The sweep's.
    """
    done = asyncio.run(_done(journal))
    left = [entry for entry in journal.open() if entry.key not in done]
    for entry in left:
        if entry.call is not None:
            with contextlib.suppress(exception.NotFoundError):
                FunctionCall.from_id(entry.call).cancel(terminate_containers=False)
        journal.cancelled(entry.key)
    return Cancelled(len(left), len(done))


async def _done(journal: Journal) -> set[str]:
    volume = volume_of(journal)
    turns = asyncio.Semaphore(AT_ONCE)

    async def has_ended(entry: Entry) -> bool:
        async with turns:
            return await _has_ended(volume, journal.run, entry)

    entries = journal.open()
    told = await asyncio.gather(*(has_ended(entry) for entry in entries))
    return {entry.key for entry, ended in zip(entries, told, strict=True) if ended}


async def _has_ended(volume: Any, run: str, entry: Entry) -> bool:
    try:
        reply = await fetch.reply_of(volume, run, entry.key)
    except WireError:
        return False
    return reply is not None and reply.attempt >= entry.attempt and reply.state != "interrupted"
