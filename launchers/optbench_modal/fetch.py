"""A job's files from the volume into its folder at home."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from modal.exception import NotFoundError
from modal.types import FileEntryType

from optbench.replacing import replacing

from .names import DEPLOYMENTS, DONE, OUTPUT, RUNS
from .payload import Reply, WireError

LAST = "result.json"
"""Its presence is success, so it comes when all else is there."""
SMALL_BYTES = 2**20
"""Of a file that is read into memory: a reply or a record of a deployment."""


async def fetch(volume: Any, run: str, key: str, folder: Path) -> int:
    """Brings a job's files home.

    Args:
        volume: Modal's volume.
        run: The sweep's id.
        key: The job's.
        folder: Its folder here.

    Returns:
        How many files came.

    Raises:
        WireError: When the listing names a place outside of the folder; nothing is written then.
    """
    there = f"{RUNS}/{run}/{key}/{OUTPUT}"
    try:
        listed = await volume.listdir.aio(there, recursive=True)
    except NotFoundError:
        return 0
    named = {
        one.path: inner_path(one.path, there) for one in listed if one.type == FileEntryType.FILE
    }
    for remote, inner in sorted(named.items(), key=lambda one: one[1].name == LAST):
        await _copy(volume, remote, folder / inner)
    return len(named)


def inner_path(listed: str, there: str) -> PurePosixPath:
    """The place within a job's folder that a listing names.

    Raises:
        WireError: When it is none.
    """
    path = PurePosixPath(listed.lstrip("/"))
    try:
        inner = path.relative_to(there)
    except ValueError:
        raise WireError(f"the volume lists '{listed:.80}' in '{there}'") from None
    safe = inner.parts and not any(
        part in ("..", ".") or "\\" in part or ":" in part or "\0" in part for part in inner.parts
    )
    if not safe:
        raise WireError(f"the volume lists a file by the name '{listed:.80}'")
    return inner


async def reply_of(volume: Any, run: str, key: str) -> Reply | None:
    """The reply that a job has left on the volume; None where it has not ended.

    Raises:
        WireError: When it is no reply.
    """
    text = await small_file(volume, f"{RUNS}/{run}/{key}/{DONE}")
    return None if text is None else Reply.loads(text)


async def deployment(volume: Any, app: str) -> dict[str, Any] | None:
    """What is recorded of the last deployment; None where there is none."""
    text = await small_file(volume, f"{DEPLOYMENTS}/{app}.json")
    try:
        told = json.loads(text or "null")
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


async def small_file(volume: Any, path: str, *, most: int = SMALL_BYTES) -> str | None:
    """The text of a small file of the volume; None where there is none.

    Raises:
        WireError: When it is not small.
    """
    got = b""
    try:
        async for chunk in volume.read_file.aio(path):
            got += chunk
            if len(got) > most:
                raise WireError(f"'{path}' on the volume is over {most} bytes")
    except (NotFoundError, FileNotFoundError):
        return None
    return got.decode("utf-8", errors="replace")


async def _copy(volume: Any, remote: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent.resolve() != target.parent.absolute() and target.parent.is_symlink():
        raise WireError(f"'{target.parent}' is a link")
    with replacing(target) as aside, aside.open("wb") as file:
        async for chunk in volume.read_file.aio(remote):
            file.write(chunk)
