"""Reads one job folder: its row, and what is wrong with it. No parquet and no SQLite."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optbench.results.find import Found
from optbench.results.problems import Problems
from optbench.results.read import (
    Document,
    UnreadableError,
    encodable,
    one_line,
    read_bytes,
    read_lines,
    read_object,
)
from optbench.results.row import ESSENTIAL, Row, concluded, described, error_of

SILENT_S = 900.0
"""Without a sign of life for this long, a job on another machine has stopped, in seconds."""
MAX_METRICS = 32
_UNFINISHED = ("running", "interrupted", "waiting")


@dataclass(frozen=True)
class Job:
    """A job folder, read.

    Attributes:
        found: The folder.
        row: Of the table of tasks; a column that it lacks is null.
        metrics: Names of its metrics, the objective first; empty where they are unknown.
    """

    found: Found
    row: Row
    metrics: tuple[str, ...]

    @property
    def finished(self) -> bool:
        """Whether its numbers count."""
        return bool(self.row["state"] == "success")

    @property
    def place(self) -> str:
        """Its folder, as text that can be written anywhere."""
        return str(self.row["folder"])


def read_job(found: Found, problems: Problems) -> Job:
    """Reads a job; whatever is wrong is noted and never raised."""
    return _Reader(found, problems).read()


class _Reader:
    def __init__(self, found: Found, problems: Problems) -> None:
        self._found = found
        self._folder = found.folder
        self._place = encodable(str(found.path))
        self._problems = problems
        self._broken: set[str] = set()

    def read(self) -> Job:
        result, task, status = (
            self._document(file)
            for file in (self._folder.result, self._folder.task, self._folder.status)
        )
        row: Row = {"folder": self._place, "sweep": encodable(self._found.sweep), "error": ""}
        row |= self._described(task)
        if result is not None:
            self._add_result(row, result)
        row["state"] = self._state(row, result, status)
        if status is not None and row["state"] != "success":
            row["error"] = error_of(status)
        if row["state"] == "success" and row.get("rollouts") is None:
            row["rollouts"] = self._rollouts()
        self._say(row)
        return Job(self._found, row, _metrics(row, result, task))

    def _document(self, file: Path) -> Document | None:
        if not self._found.has(file):
            return None
        try:
            return Document(read_object(file))
        except UnreadableError as error:
            self._broken.add(file.name)
            self._note(error.kind, f"{file.name} {error.what}", excluded=True)
            return None

    def _described(self, task: Document | None) -> Row:
        if task is None and not self._found.has(self._folder.result):
            task = self._composed()
        if task is None:
            return {}
        row = described(task)
        self._complain(self._folder.task.name, task)
        return row

    def _composed(self) -> Document | None:
        """The config that Hydra wrote down before the task could: names and seed are plain there."""
        import yaml

        try:
            if self._folder.hydra_config.is_symlink():
                return None
            text = read_bytes(self._folder.hydra_config, 2**20).decode("utf-8")
            # Aliases could make a small file a huge tree; Hydra writes none.
            config = None if "&" in text and "*" in text else yaml.safe_load(text)
        except (UnreadableError, ValueError, RecursionError, yaml.YAMLError):
            return None
        return Document({"config": config}) if isinstance(config, dict) else None

    def _add_result(self, row: Row, result: Document) -> None:
        said = concluded(result)
        self._complain(self._folder.result.name, result)
        mine, theirs = row.get("identity"), said["identity"]
        if mine is not None and theirs is not None and mine != theirs:
            what = (
                f"task.json is of another task ({one_line(mine, 12)}) than result.json "
                f"({one_line(theirs, 12)}), which counts"
            )
            self._note("mismatch", what)
            row |= {key: None for key in row if key not in ("folder", "sweep", "error")}
        row |= {key: value for key, value in said.items() if value not in (None, {})}
        row.setdefault("versions", {})

    def _complain(self, name: str, document: Document) -> None:
        if document.malformed:
            keys = ", ".join(document.malformed[:5])
            what = f"{name} has values of another type than they must be: {keys}"
            self._note("malformed", what, n=len(document.malformed))
        if document.not_finite:
            keys = one_line(", ".join(document.not_finite[:5]))
            what = f"{name} has numbers that are NaN or infinite, read as unknown: {keys}"
            self._note("nan", what, n=len(document.not_finite))

    def _state(self, row: Row, result: Document | None, status: Document | None) -> str:
        if self._folder.result.name in self._broken:
            return "unreadable"
        if result is not None:
            lacking = [name for name in ESSENTIAL if row.get(name) is None]
            if not lacking:
                return "success"
            what = f"result.json does not say its {', '.join(lacking)}"
            self._note("malformed", what, excluded=True)
            return "unreadable"
        if status is None:
            begun = self._found.has(self._folder.task) or self._found.has(self._folder.status)
            return "interrupted" if begun else "waiting"
        state = status.at("state")
        if state == "success":
            self._note("missing", "status.json says success, but there is no result.json")
            return "unreadable"
        if state == "running":
            return "running" if _is_alive(status) else "interrupted"
        return state if state in ("failed", "interrupted") else "interrupted"

    def _rollouts(self) -> int | None:
        """From the trials: results did not say it at first."""
        total = 0
        try:
            for line in read_lines(self._folder.trials) if self._has_trials() else ():
                total += Document(json.loads(line)).whole("items") or 0
        except (UnreadableError, ValueError, RecursionError):
            return None  # said where the trials are read
        return total if self._has_trials() else None

    def _has_trials(self) -> bool:
        return self._found.has(self._folder.trials)

    def _say(self, row: Row) -> None:
        if row["state"] == "failed":
            self._note("failed", f"failed: {row['error'] or 'no reason was written down'}")
        elif row["state"] in _UNFINISHED:
            self._note("unfinished", f"is {row['state']}")

    def _note(self, kind: Any, what: str, *, excluded: bool = False, n: int = 1) -> None:
        self._problems.add(self._place, kind, what, excluded=excluded, n=n)


def read_prompts(job: Job) -> dict[str, Any]:
    """``initial`` and ``final`` prompt as ``result.json`` has them; None where it does not."""
    prompts: dict[str, Any] = {"initial": None, "final": None}
    if job.found.has(job.found.folder.result):
        try:
            told = Document(read_object(job.found.folder.result)).mapping("prompts")
        except UnreadableError:
            return prompts
        prompts.update({key: told.get(key) for key in prompts})
    return prompts


def _metrics(row: Row, result: Document | None, task: Document | None) -> tuple[str, ...]:
    """The objective, and the others that result or task name."""
    objective = row.get("metric")
    if objective is None:
        return ()
    named: list[Any] = list(result.mapping("directions")) if result is not None else []
    if not named and task is not None:
        listed = task.at("config", "dataset", "metrics")
        named = [Document(one).text("name") for one in listed] if isinstance(listed, list) else []
    others = [name for name in named if isinstance(name, str) and name != objective]
    return (objective, *[name for name in others if len(name) <= 100][: MAX_METRICS - 1])


def _is_alive(status: Document) -> bool:
    """Whether a job that says it is running is: its process here, its last word elsewhere."""
    pid = status.whole("pid")
    if status.at("host") == platform.node() and pid is not None and 0 < pid < 2**31:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True
    written = status.number("written_at")
    return written is not None and time.time() - written < SILENT_S
