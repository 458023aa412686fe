"""What was handed to Modal: a line for each step, on disk before the next one is taken.

A spawn is written down before it is made and again with its call's id. So whatever happens to this
machine, the next launch knows which calls to wait for, and which may have been made without a word.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

SCHEMA_VERSION = 1
State = Literal["intended", "spawned", "ended", "cancelled"]


@dataclass(slots=True)
class Entry:
    """The last that is known of a job.

    Attributes:
        key: The job's.
        name: Of its folder.
        attempt: From 1.
        state: intended: it may have been spawned, it may not.
        call: Id of its call, once it is known.
        result: Of an ended one, how.
    """

    key: str
    name: str = ""
    attempt: int = 1
    state: State = "intended"
    call: str | None = None
    result: str | None = None


@dataclass
class Journal:
    """The journal of a sweep.

    Args:
        path: Its file; made with the first line.
        new_run: What the id of a sweep begins with that has none yet.
        about: Said with it: what things are called at Modal.
    """

    path: Path
    new_run: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    run: str = field(init=False, default="")
    entries: dict[str, Entry] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for line in self._lines():
            if line.get("event") == "run":
                self.run = str(line.get("run"))
                self.about = line
            else:
                self._take(line)
        self._begun = bool(self.run)
        if not self.run and self.new_run:
            self.run = f"{self.new_run}-{secrets.token_hex(3)}"

    def intend(self, key: str, name: str, attempt: int) -> None:
        """A spawn is about to be made."""
        self._write("intended", key, name=name, attempt=attempt, call=None)

    def spawned(self, key: str, call: str) -> None:
        """It was made."""
        self._write("spawned", key, call=call)

    def ended(self, key: str, result: str) -> None:
        """Its outcome is here, with its files."""
        self._write("ended", key, result=result)

    def cancelled(self, key: str) -> None:
        """It was taken back."""
        self._write("cancelled", key)

    def open(self) -> list[Entry]:
        """Jobs that Modal may be at work on."""
        return [one for one in self.entries.values() if one.state in ("intended", "spawned")]

    def _write(self, event: str, key: str, **more: Any) -> None:
        if not self._begun:  # not before: a launch that is refused has handed nothing over
            self.path.parent.mkdir(parents=True, exist_ok=True)
            began = {"event": "run", "run": self.run, "schema_version": SCHEMA_VERSION}
            self._append({**began, **self.about})
            self._begun = True
        line = {"event": event, "key": key, **more}
        self._append(line)
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        key, event = line.get("key"), line.get("event")
        if not isinstance(key, str) or event not in ("intended", "spawned", "ended", "cancelled"):
            return
        entry = self.entries.setdefault(key, Entry(key))
        entry.state = event
        for name in ("name", "attempt", "call", "result"):
            if name in line:
                setattr(entry, name, line[name])

    def _append(self, line: dict[str, Any]) -> None:
        torn = self._torn()
        with self.path.open("a", encoding="utf-8") as file:
            # A line that a crash has cut short must not take this one with it.
            file.write(("\n" if torn else "") + json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _torn(self) -> bool:
        try:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except OSError:  # there is no file yet, or nothing in it
            return False

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        for line in text.splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict):
                yield told
