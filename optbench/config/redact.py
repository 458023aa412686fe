"""Secrets of the environment blanked out of what is written: replies, errors, logs, tables.

A provider may repeat a key in an error, a model in a reply, a library in a traceback. What holds a
secret is known by its variable's name (:mod:`optbench.config.secrets`), or because a config names it as
a model's key. Replies are blanked before they are used, so that a task that goes on from its files sees
what it saw before.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from pathlib import Path
from typing import Any

from optbench.config.secrets import is_secret

LEAST = 10
"""Shortest value that is blanked, in characters: a word such as ``none`` in the place of a key stands
in ordinary text too."""
BLANK = "***"

_named: set[str] = set()
_gone: set[str] = set()


def know(variable: str) -> None:
    """Takes a variable for a secret whatever its name: a config names it as a model's key."""
    _named.add(variable)


def take(variable: str) -> None:
    """Takes a secret out of the environment; it is blanked as before."""
    value = os.environ.pop(variable, None)
    if value is not None:
        _gone.add(value)


def values() -> list[str]:
    """The environment's secrets, longest first, so that none is left half."""
    found = _gone | {os.environ[name] for name in os.environ if name in _named or _is_secret(name)}
    return sorted((one for one in found if len(one) >= LEAST), key=len, reverse=True)


_is_secret = functools.lru_cache(maxsize=4096)(is_secret)


def redacted(text: str) -> str:
    """A text without secrets, also where it is JSON."""
    return _blanked(text, _forms())


def redacted_all(value: Any) -> Any:
    """Plain data without secrets in its texts."""
    forms = _forms()
    return _each(value, forms) if forms else value


def _forms() -> list[str]:
    """How secrets are written: as they are, and in JSON."""
    found = values()
    written = [
        json.dumps(one, ensure_ascii=plain)[1:-1] for one in found for plain in (True, False)
    ]
    return list(dict.fromkeys([*found, *written]))


def _blanked(text: str, forms: list[str]) -> str:
    for form in forms:
        if form in text:
            text = text.replace(form, BLANK)
    return text


def _each(value: Any, forms: list[str]) -> Any:
    if isinstance(value, str):
        return _blanked(value, forms)
    if isinstance(value, dict):
        return {key: _each(one, forms) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_each(one, forms) for one in value)
    return value


def blank_file(file: Path) -> None:
    """Blanks secrets in a file that libraries write to, in place: what is appended meanwhile stays."""
    content = file.read_bytes()
    with file.open("rb+") as written:
        for value in values():
            known = value.encode()
            at = content.find(known)
            while at >= 0:
                written.seek(at)
                written.write(b"*" * len(known))
                at = content.find(known, at + len(known))


class Formatter(logging.Formatter):
    """Log lines without secrets, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return redacted(super().format(record))
