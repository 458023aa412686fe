"""What every part of the server shares: ids, refusals and who calls."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grpclib import GRPCError, Status

ENVIRONMENT = "main"
OWNER = "loopback"


def new_id(prefix: str) -> str:
    """An id as the client's patterns want it: a prefix and 22 letters or digits."""
    letters = string.ascii_letters + string.digits
    return f"{prefix}-" + "".join(secrets.choice(letters) for _ in range(22))


def not_found(text: str) -> GRPCError:
    """The refusal that the client shows as ``NotFoundError``."""
    return GRPCError(Status.NOT_FOUND, text)


WORK = "work"
"""An overlay's folder for its own use, in which it makes one of the same name."""


def open_work_folders(folder: Path, homes: str) -> None:
    """Lets overlays' work folders be removed, which else only root may list.

    Args:
        folder: Where to look.
        homes: Where the overlays' folders are in it, as a pattern.
    """
    for inner in folder.glob(f"{homes}/{WORK}/{WORK}"):
        inner.chmod(0o700)


@dataclass(frozen=True)
class Caller:
    """Who sent a request: a container names itself in a header, a client does not."""

    task_id: str
    key: str  # the same for all attempts of one request


class Message(Protocol):
    """What the parts need of a protobuf message."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802
