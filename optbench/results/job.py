"""Reads one job folder: its row, and what is wrong with it. No parquet and no SQLite."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from typing import Any

from optbench.layout import JobFolder
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
        self._place = encodable(str(found.path))
        self._problems = problems
        self._broken: set[str] = set()

    def read(self) -> Job:
        result, task = self._document("result"), self._document("task")
        row: Row = {
            "folder": self._place,
            "sweep": encodable(self._found.sweep),
            "error": "",
            "versions": {},
        }
        if result is not None:
            self._add_result(row, result, task)
        if any(row.get(name) is None for name in ESSENTIAL):
            self._add_task(row, task)
        row["state"] = self._state(row, result)
        if row["state"] == "success" and row.get("rollouts") is None:
            row["rollouts"] = self._rollouts()
        self._say(row)
        return Job(self._found, row, _metrics(row, result, task))

    def _document(self, of: str) -> Document | None:
        file = self._found.file(of)
        if file is None:
            return None
        try:
            return Document(read_object(file))
        except UnreadableError as error:
            self._broken.add(of)
            self._note(error.kind, f"{file.name} {error.what}", excluded=True)
            return None

    def _add_task(self, row: Row, task: Document | None) -> None:
        """What is not known from the result, which may lack."""
        if task is None and self._found.file("result") is None:
            task = self._composed()
        if task is not None:
            row |= {name: value for name, value in described(task).items() if row.get(name) is None}
            self._complain("task.json", task)

    def _composed(self) -> Document | None:
        """The config that Hydra wrote down before the task could: names and seed are plain there."""
        import yaml

        try:
            file = JobFolder(self._found.path).hydra_config
            text = "" if file.is_symlink() else read_bytes(file, 2**20).decode("utf-8")
            # Aliases could make a small file a huge tree; Hydra writes none.
            config = None if "&" in text and "*" in text else yaml.safe_load(text)
        except (UnreadableError, ValueError, RecursionError, yaml.YAMLError):
            return None
        return Document({"config": config}) if isinstance(config, dict) else None

    def _add_result(self, row: Row, result: Document, task: Document | None) -> None:
        row |= {name: value for name, value in concluded(result).items() if value is not None}
        self._complain("result.json", result)
        if task is None:
            return
        row["engine"] = task.text("config", "engine", "name")  # no part of a result
        mine, theirs = task.text("identity"), row.get("identity")
        if mine is not None and theirs is not None and mine != theirs:
            what = (
                f"task.json is of another task ({one_line(mine, 12)}) than result.json "
                f"({one_line(theirs, 12)}), which counts"
            )
            self._note("mismatch", what)

    def _complain(self, name: str, document: Document) -> None:
        if document.malformed:
            keys = ", ".join(document.malformed[:5])
            what = f"{name} has values of another type than they must be: {keys}"
            self._note("malformed", what, n=len(document.malformed))
        if document.not_finite:
            keys = one_line(", ".join(document.not_finite[:5]))
            what = f"{name} has numbers that are NaN or infinite, read as unknown: {keys}"
            self._note("nan", what, n=len(document.not_finite))

    def _state(self, row: Row, result: Document | None) -> str:
        if "result" in self._broken:
            return "unreadable"
        if result is not None:
            lacking = [name for name in ESSENTIAL if row.get(name) is None]
            if not lacking:
                return "success"
            what = f"result.json does not say its {', '.join(lacking)}"
            self._note("malformed", what, excluded=True)
            return "unreadable"
        return self._state_without_result(row, self._document("status"))

    def _state_without_result(self, row: Row, status: Document | None) -> str:
        if status is None:
            begun = self._found.file("task") or self._found.file("status")
            return "interrupted" if begun else "waiting"
        row["error"] = error_of(status)
        state = status.at("state")
        if state == "success":
            what = "status.json says success, but there is no result.json"
            self._note("missing", what, excluded=True)
            return "unreadable"
        if state == "running":
            return "running" if _is_alive(status) else "interrupted"
        return state if state in ("failed", "interrupted") else "interrupted"

    def _rollouts(self) -> int | None:
        """From the trials: results did not say it at first."""
        file = self._found.file("trials")
        try:
            lines = [Document(json.loads(line)) for line in read_lines(file)] if file else []
        except (UnreadableError, ValueError, RecursionError):
            return None  # said where the trials are read
        return sum(line.whole("items") or 0 for line in lines) if file else None

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
    file = job.found.file("result")
    if file is not None:
        try:
            told = Document(read_object(file)).mapping("prompts")
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
