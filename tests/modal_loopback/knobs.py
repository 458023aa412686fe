"""What a test may turn while the server runs, and the counters it may read."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from grpclib import GRPCError, Status


@dataclass
class Kill:
    """A container dies in the middle of an input, which is then started anew."""

    input: int = 1  # the how-manieth input of its container; 0: any
    call: str = ""  # only inputs of this call
    after_seconds: float | None = None
    after_commits: int | None = None  # dies as soon as its n-th commit of the input is stored
    at_commit: int | None = None  # dies when its n-th commit of the input arrives, unstored
    times: int = 1
    signal: Literal["KILL", "INT"] = "KILL"  # INT is how a preemption begins

    def __post_init__(self) -> None:
        """A rule that names no moment kills soon after the start."""
        if self.after_seconds is self.after_commits is self.at_commit is None:
            self.after_seconds = 0.2


@dataclass
class Fault:
    """How calls of one RPC go wrong."""

    # refuse: an error, nothing done; drop: done, then an error; never: done, no answer at all
    mode: Literal["refuse", "drop", "never"] = "drop"
    times: int = 1
    status: str = "UNAVAILABLE"
    message: str = "the reply was lost"

    def error(self) -> GRPCError:
        """What the client gets."""
        return GRPCError(Status[self.status], self.message)


@dataclass
class Knobs:
    """All values a test may set; the defaults are a service in good health."""

    kill: Kill | None = None
    faults: dict[str, Fault] = field(default_factory=dict)  # by RPC name
    idempotent: bool = False  # answer a repeated FunctionMap with the first call
    expired: bool | list[str] = False  # outputs are gone: of all calls, or of the named ones
    max_pending: int | None = None  # FunctionMap refuses above that
    throttle_seconds: int = 0  # with a refusal: ask the client to come again after that
    start_delay: float = 0.0  # seconds before a container starts
    volume_full: bool = False  # commits and uploads are refused
    volume_bytes: int = 0  # what a new container may write to a volume before ENOSPC; 0: no limit
    down: float = 0.0  # seconds from now in which every RPC is refused
    missing_secrets: list[str] = field(default_factory=list)
    default_max_containers: int = 4  # where a function sets none
    max_restarts: int = 8  # starts of one input in containers that crashed by themselves
    commit_reloads: bool = (
        False  # the client then reloads after each commit, as older servers asked
    )
    default_volume_version: int = 1
    idle_seconds: float = 60.0  # where a function sets no scaledown window
    container_env: dict[str, str] = field(default_factory=dict)
    down_until: float = field(default=0.0, init=False)

    def set(self, values: dict[str, Any]) -> None:
        """Change some values; an unknown name is an error that lists the known ones."""
        known = {one.name for one in fields(self) if one.init}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"no knob named {', '.join(unknown)}; there are {sorted(known)}")
        for name, value in values.items():
            match name:
                case "kill":
                    self.kill = Kill(**value) if value else None
                case "faults":
                    self.faults = {rpc: Fault(**fault) for rpc, fault in value.items()}
                case "down":
                    self.down_until = time.time() + value
                case _:
                    setattr(self, name, value)

    def fault(self, rpc: str) -> Fault | None:
        """The fault that this call of an RPC must suffer, counted off."""
        fault = self.faults.get(rpc)
        if fault is None or fault.times <= 0:
            return None
        fault.times -= 1
        return fault

    def is_down(self) -> bool:
        """Whether the service plays dead."""
        return time.time() < self.down_until

    def has_expired(self, call_id: str) -> bool:
        """Whether the outputs of a call are gone."""
        return self.expired if isinstance(self.expired, bool) else call_id in self.expired


@dataclass
class Counts:
    """What happened so far, for assertions."""

    rpc: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    started: Counter[str] = field(default_factory=Counter)  # inputs given to a container, by call
    finished: Counter[str] = field(default_factory=Counter)  # outputs kept, by call
    commits: Counter[str] = field(default_factory=Counter)  # by volume name

    def as_json(self) -> dict[str, Any]:
        """Plain dicts."""
        return {one.name: dict(getattr(self, one.name)) for one in fields(self)}
