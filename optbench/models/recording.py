"""Answers a task from the ledger of an earlier run of the same task: no model, no network."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from optbench.errors import ConfigError, Fatal, OptbenchError
from optbench.layout import JobFolder, job_folders
from optbench.models.calls import REPLY_COLUMNS
from optbench.models.ledger import read_bodies, read_calls
from optbench.models.requests import Question, difference

_MEND = "give the command that was recorded, or record this one without replay="


class Recording:
    """The recorded calls of one task; thread-safe.

    Args:
        sweep: A sweep's folder, or a job's.
        identity: Of the task that is replayed.
        config: Its resolved config, to name what differs where nothing of that identity is there.

    Raises:
        ConfigError: When the folder holds no recording of this task, naming the difference.
    """

    def __init__(self, sweep: Path, identity: str, config: dict[str, Any]) -> None:
        self._folder = _find(sweep, identity, config)
        self._path = self._folder.calls
        self._calls = read_calls(self._path, identity)
        self._lock = threading.Lock()

    def find(self, question: Question, occurrence: int) -> dict[str, Any]:
        """The recorded reply, as values of :class:`optbench.models.calls.Call`.

        Raises:
            Fatal: When the call was not recorded, naming the difference.
        """
        calls = self._calls.get((question.digest, occurrence), [])
        if calls and calls[-1].answered:
            return {name: getattr(calls[-1], name) for name in REPLY_COLUMNS}
        with self._lock:
            why = difference(question, read_bodies(self._path))
        raise Fatal(
            OptbenchError(f"a call is not in '{self._path}': {why}", key="replay", mend=_MEND)
        )

    def model_facts(self, alias: str) -> dict[str, Any]:
        """What the recorded run knew of one of its models; empty where it did not finish."""
        recorded = self._folder.read_result() or {}
        facts: dict[str, Any] = recorded.get("models", {}).get(alias, {})
        return facts


def _find(sweep: Path, identity: str, config: dict[str, Any]) -> JobFolder:
    told: list[dict[str, Any]] = []
    for folder in job_folders(sweep):
        if not folder.calls.exists():
            continue  # never got so far, such as the replaying job's own
        task = json.loads(folder.task.read_text(encoding="utf-8"))
        if task.get("identity") == identity:
            return folder
        told.append(task.get("config") or {})
    if not told:
        raise ConfigError(f"'{sweep}' holds no recorded task", key="replay", mend=_MEND)
    nearest = min((_differences(config, other, "") for other in told), key=len)
    raise ConfigError(
        f"'{sweep}' holds no recording of this task; the nearest of {len(told)} differs in "
        + (", ".join(nearest[:5]) or "the version of its identity"),
        key="replay",
        mend=_MEND,
    )


_NOTHING: tuple[Any, ...] = (None, {})


def _differences(asked: Any, recorded: Any, prefix: str) -> list[str]:
    """``key (recorded, asked)`` of every leaf that differs and can change a result."""
    from optbench.config.identity import NEUTRAL_KEYS

    if prefix in NEUTRAL_KEYS:
        return []
    if isinstance(asked, dict) and isinstance(recorded, dict):
        return [
            found
            for key in sorted({*asked, *recorded})
            for found in _differences(
                asked.get(key), recorded.get(key), f"{prefix}.{key}" if prefix else str(key)
            )
        ]
    # Neither says anything; a later version may have the key that an earlier one had not.
    if asked in _NOTHING and recorded in _NOTHING:
        return []
    return [] if asked == recorded else [f"{prefix} ({recorded} recorded, {asked} asked)"]
