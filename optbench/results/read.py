"""Untrusted JSON: whole and of our schema or not at all, and values of the type they must have."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optbench.layout import SCHEMA_VERSION
from optbench.results.problems import Kind

MAX_JSON_BYTES = 64 * 2**20
MAX_LINES_BYTES = 512 * 2**20
MAX_TEXT = 200
"""Characters of a name; nobody gives longer ones."""
MAX_INT = 2**53
"""Whole numbers beyond it are no counts, and lose digits in JSON readers."""


class UnreadableError(Exception):
    """A file that is left out.

    Args:
        kind: Of the problem.
        what: After the file's name.
    """

    def __init__(self, kind: Kind, what: str) -> None:
        super().__init__(what)
        self.kind: Kind = kind
        self.what = what


def read_bytes(path: Path, limit: int) -> bytes:
    """A regular file's content.

    Raises:
        UnreadableError: When it is another kind of file, too large, or cannot be read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableError("malformed", "is no regular file")
            if found.st_size > limit:
                raise UnreadableError("large", f"has {found.st_size:,} bytes; {limit:,} are read")
            return file.read(limit)
    except OSError as error:
        raise UnreadableError("missing", f"cannot be read: {error.strerror}") from error


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of this schema version.

    Raises:
        UnreadableError: When it is anything else.
    """
    return parse_object(read_bytes(path, MAX_JSON_BYTES))


def parse_object(text: bytes) -> dict[str, Any]:
    """See :func:`read_object`."""
    try:
        loaded = json.loads(text.decode("utf-8"))
    except RecursionError:
        raise UnreadableError("malformed", "is nested too deeply") from None
    except ValueError as error:  # of JSON and of UTF-8
        raise UnreadableError("truncated", f"is no whole JSON ({one_line(error, 100)})") from None
    if not isinstance(loaded, dict):
        raise UnreadableError("malformed", "is no JSON object")
    version = loaded.get("schema_version")
    # True == 1 and 1.0 == 1, but neither is a version.
    if type(version) is not int or version != SCHEMA_VERSION:
        said = one_line(repr(version), 20)
        raise UnreadableError("schema", f"is of schema version {said}, not {SCHEMA_VERSION}")
    return loaded


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that are not empty.

    Raises:
        UnreadableError: See :func:`read_bytes`.
    """
    return (line for line in read_bytes(path, MAX_LINES_BYTES).split(b"\n") if line.strip())


def one_line(value: object, limit: int = 300) -> str:
    """A text in one line without control characters, cut to a length."""
    text = str(value)[: 4 * limit]
    if len(text) <= limit and text.isprintable() and " " not in text:
        return text  # nearly all are: versions and names
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


@dataclass
class Document:
    """A JSON object that may hold anything, asked for values of a type.

    What is absent or null is None; so is what is of another type, which is noted by its key.

    Attributes:
        data: The object.
        malformed: Keys of values that are of another type than asked for.
        not_finite: Keys of numbers that are NaN or infinite.
    """

    data: Any
    malformed: list[str] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)

    def at(self, *keys: str) -> Any:
        """What stands there, of whatever type."""
        found = self.data
        for depth, key in enumerate(keys):
            if found is None:
                return None
            if not isinstance(found, dict):
                self._wrong(keys[:depth])
                return None
            found = found.get(key)
        return found

    def text(self, *keys: str) -> str | None:
        """A name of at most :data:`MAX_TEXT` characters."""
        found = self.at(*keys)
        if isinstance(found, str) and len(found) <= MAX_TEXT:
            return encodable(found)
        self._refuse(found, keys)
        return None

    def whole(self, *keys: str) -> int | None:
        """A whole number that a float can hold."""
        found = self.at(*keys)
        if type(found) is int and abs(found) <= MAX_INT:
            return found
        self._refuse(found, keys)
        return None

    def number(self, *keys: str) -> float | None:
        """A finite number."""
        found = self.at(*keys)
        if type(found) is float and not math.isfinite(found):
            self.not_finite.append(one_line(".".join(keys), 60))
            return None
        if type(found) is float or (type(found) is int and abs(found) <= MAX_INT):
            return float(found)
        self._refuse(found, keys)
        return None

    def flag(self, *keys: str) -> bool | None:
        """A boolean."""
        found = self.at(*keys)
        if isinstance(found, bool):
            return found
        self._refuse(found, keys)
        return None

    def mapping(self, *keys: str) -> dict[str, Any]:
        """An object; an empty one where there is none."""
        found = self.at(*keys)
        if isinstance(found, dict):
            return found
        if found is not None:
            self._wrong(keys)
        return {}

    def _refuse(self, found: Any, keys: tuple[str, ...]) -> None:
        if found is not None:
            self._wrong(keys)

    def _wrong(self, keys: tuple[str, ...]) -> None:
        key = one_line(".".join(keys), 60) or "the whole"
        if key not in self.malformed:
            self.malformed.append(key)


def encodable(text: str) -> str:
    """The text as UTF-8 can hold it: paths and JSON may have halves of surrogate pairs in them."""
    return text.encode("utf-8", "replace").decode("utf-8")
