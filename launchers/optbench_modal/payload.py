"""What goes to a container and what comes back: JSON, checked on both sides."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from optbench.config.wire import from_wire, to_wire
from optbench.errors import ConfigError

if TYPE_CHECKING:
    from optbench.task import Task

SCHEMA_VERSION = 1
MOST_BYTES = 16 * 2**20
"""Of a payload; what is larger has rows in it."""


class WireError(ValueError):
    """What came over the wire is not what it should be."""


def pack(task: Task) -> str:
    """A task on its way to a container: config, plain config and identity.

    Packed, for Modal takes what is over 8 KiB by two requests more; a config has some 20 kB.
    """
    told = {"config": to_wire(task.config), "plain": task.plain, "identity": task.identity}
    return base64.b85encode(zlib.compress(json.dumps(told).encode())).decode()


def unpack(packed: str) -> Task:
    """What :func:`pack` was given.

    Raises:
        WireError: When it is no packed task.
        ConfigError: When it is one of another version of optbench.
    """
    from optbench.task import Task

    try:
        told = json.loads(zlib.decompress(base64.b85decode(packed)))
        return Task(from_wire(told["config"]), told["plain"], told["identity"])
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise WireError(f"no task ({error})") from error


@dataclass(frozen=True)
class Payload:
    """What a container is to do.

    Attributes:
        run: The sweep, by its id.
        key: The job in it: its task's identity, or of another app's job its number.
        name: What a person knows the job by; its folder's name.
        attempt: From 1; a job that has ended is run again under the next number only.
        code: Fingerprint of the code that it expects.
        task: An optbench task, by :func:`pack`; None for another app's.
        app: Of another app's job: ``blob``, its function and config by cloudpickle, in base64; the
            ``directory`` it runs in, and the ``output`` folder to bring home.
        files: Where a container is to find files of this machine: path to sha256 of the content.
        timeout_s: How long it may take, in seconds; None: as long as Modal lets it.
        commit_s: Seconds between two commits of what it has learnt.
        home: Its folder on the launching machine, which its log is to name.
    """

    run: str
    key: str
    name: str
    attempt: int
    code: str
    task: str | None = None
    app: dict[str, str] | None = None
    files: dict[str, str] = field(default_factory=dict)
    timeout_s: float | None = None
    commit_s: float = 60.0
    home: str | None = None

    def dumps(self) -> str:
        """As JSON.

        Raises:
            ConfigError: When it is too long to be sent.
        """
        text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)})
        if len(text) > MOST_BYTES:
            raise ConfigError(
                f"the config of '{self.name}' has {len(text) / 2**20:.0f} MB, over the "
                f"{MOST_BYTES / 2**20:.0f} that are sent to a container",
                key="dataset",
                mend="put rows and long texts into a file (dataset.source.path), which is uploaded",
            )
        return text

    @classmethod
    def loads(cls, text: str) -> Payload:
        """From JSON.

        Raises:
            WireError: When it is not such a payload.
        """
        return cls(**_read(text, {one.name for one in fields(cls)}, {"run", "key", "attempt"}))


@dataclass(frozen=True)
class Reply:
    """How a job ended.

    Attributes:
        key, attempt: As in its payload.
        state: success, failed, interrupted, or duplicate: another call has the job.
        value: The figures that are shown; of another app's job its JobReturn by cloudpickle, in base64.
        error: type, message, key and mend of what it failed with.
        traceback: The container's.
        call: With ``duplicate``, the other call's id.
    """

    key: str
    attempt: int
    state: str
    value: Any = None
    error: dict[str, Any] | None = None
    traceback: str = ""
    call: str | None = None

    def dumps(self) -> str:
        """As JSON."""
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, default=str)

    @classmethod
    def loads(cls, text: Any) -> Reply:
        """From JSON, which is not trusted.

        Raises:
            WireError: When it is no such reply.
        """
        if not isinstance(text, str):
            raise WireError(f"a reply that is a {type(text).__name__}, not JSON")
        told = _read(text, {one.name for one in fields(cls)}, {"key", "attempt", "state"})
        reply = cls(**told)
        if reply.state not in ("success", "failed", "interrupted", "duplicate"):
            raise WireError(f"a reply of state {reply.state!r:.40}")
        if not isinstance(reply.key, str) or not isinstance(reply.attempt, int):
            raise WireError("a reply without a job")
        if not isinstance(reply.error, dict | None) or not isinstance(reply.traceback, str):
            raise WireError("a reply whose error is none")
        if not isinstance(reply.call, str | None):
            raise WireError("a reply whose call is none")
        return reply


def _read(text: str, known: set[str], needed: set[str]) -> Mapping[str, Any]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise WireError(f"no JSON ({error})") from error
    if not isinstance(told, dict):
        raise WireError("no JSON object")
    version = told.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise WireError(f"of schema version {version!r:.20}, not {SCHEMA_VERSION}")
    if not needed <= told.keys() <= known:
        odd = sorted(needed - told.keys()) or sorted(told.keys() - known)
        raise WireError(f"with other fields: {', '.join(odd)[:80]}")
    return told
