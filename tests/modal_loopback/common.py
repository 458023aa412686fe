"""What every part of the server shares: ids, refusals and who calls."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Caller:
    """Who sent a request: a container names itself in a header, a client does not."""

    task_id: str
    key: str  # the same for all attempts of one request


class Message(Protocol):
    """What the parts need of a protobuf message."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802
