"""What the end of a call at Modal means for its job."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from typing import Any

from modal import exception

from optbench.errors import ConfigError, NoProposalsError, OptbenchError
from optbench_jobs.job import Job, JobTimeoutError, Outcome, RemoteJobError, WorkerDiedError
from optbench_modal import calls

STALE = "StaleCodeError"


def given_up(ended: calls.Ended) -> str | None:
    """Why a job is spawned again that neither failed by itself nor was cancelled; None: it is not."""
    if isinstance(ended.error, calls.Gone):
        return str(ended.error)
    if ended.reply is not None and ended.reply.state == "interrupted":
        return "its container was taken away"
    if ended.reply is not None and (ended.reply.error or {}).get("type") == STALE:
        return "a container of the code before took it"  # which may stay for a while
    return None


def outcome_of(ended: calls.Ended, job: Job, timeout_s: float | None) -> Outcome:
    """The outcome of a job whose call has ended.

    Args:
        ended: How.
        job: Which.
        timeout_s: How long it was given, in seconds; None: a day.
    """
    if ended.reply is None:
        assert ended.error is not None
        return _without_reply(ended.error, timeout_s)
    reply = ended.reply
    if reply.state == "failed":
        return Outcome("failed", error=error_of(reply.error or {}), traceback=reply.traceback)
    if reply.state != "success":
        return Outcome("interrupted")
    try:
        # Of another app's job, whose return is unpickled as from any worker; of a task's, never.
        value = base64.b64decode(reply.value) if job.identity is None else _shared(reply.value)
    except (ValueError, TypeError) as error:
        return Outcome("failed", error=WorkerDiedError(f"a reply whose value is none: {error}"))
    return Outcome("success", value)


def _shared(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same with each text once in memory: names are alike in thousands of replies."""
    return {
        sys.intern(key): sys.intern(one) if isinstance(one, str) else one
        for key, one in dict(value).items()
    }


def _without_reply(error: BaseException, timeout_s: float | None) -> Outcome:
    if isinstance(error, exception.FunctionTimeoutError):
        took = f"{timeout_s:g} s (timeout_s)" if timeout_s else "its longest, a day"
        return Outcome("failed", error=JobTimeoutError(f"ended by Modal after {took}"))
    taken_back = isinstance(error, exception.RemoteError) and "cancel" in str(error).lower()
    if taken_back or isinstance(error, exception.InputCancellation):
        return Outcome("cancelled")
    if isinstance(error, exception.Error):
        return Outcome("failed", error=WorkerDiedError(f"Modal: {type(error).__name__}: {error}"))
    if isinstance(error, calls.Gone):
        return Outcome("failed", error=WorkerDiedError(f"Modal: {error}"))
    if not isinstance(error, Exception):
        return Outcome("failed", error=RemoteJobError(f"{type(error).__name__}: {error}"))
    return Outcome("failed", error=error)


def error_of(told: Mapping[str, Any]) -> Exception:
    """A container's error, as one of ours where the launcher asks for its type.

    Args:
        told: type and message; of an error of optbench's also key and mend.
    """
    name, said = str(told.get("type")), str(told.get("message"))
    key, mend = (None if told.get(one) is None else str(told[one]) for one in ("key", "mend"))
    if name in ("ConfigError", "PreflightError", "DataError", STALE):
        return ConfigError(said, key=key, mend=mend)
    if name == "NoProposalsError":
        return NoProposalsError(said, key=key, mend=mend)
    if name == "JobTimeoutError":
        return JobTimeoutError(said)
    if name == "WorkerDiedError":
        return WorkerDiedError(said)
    if "key" in told:  # any other of optbench's, which are read without their type's name
        return OptbenchError(said, key=key, mend=mend)
    return RemoteJobError(f"{name}: {said}")
