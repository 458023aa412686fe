"""Values as Hydra's override grammar reads them: what a person would type after ``key=``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

_PLAIN = re.compile(r"[A-Za-z_][\w./@-]*\Z", re.ASCII)
_NOT_TEXT = frozenset({"null", "true", "false", "nan", "inf"})
_SPECIAL_IN_KEY = re.compile(r"([\\()\[\]{}:=, \t])")
_INTERPOLATION = re.compile(r"(\\*)\$\{")


class Raw(str):
    """A value that is written in the grammar already."""


def word(key: str, value: Any) -> str:
    """One override."""
    return f"{key}={text(value)}"


def text(value: Any) -> str:
    """A value in the grammar; reading it gives the very same value, ``${`` and quotes included.

    Args:
        value: None, a boolean, a number, a string, or lists and mappings of these.

    Raises:
        TypeError: For anything else.
    """
    if isinstance(value, Raw):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        inner = (f"{_key(str(key))}:{text(one)}" for key, one in value.items())
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(text, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no form in an override")


def _string(value: str) -> str:
    if _PLAIN.match(value) and value.lower() not in _NOT_TEXT:
        return value
    # OmegaConf would take it for a reference to another key.
    kept = _INTERPOLATION.sub(lambda found: f"{found[1] * 2}\\${{", value)
    return QuotedString(kept, Quote.single).with_quotes()


def _key(value: str) -> str:
    return _SPECIAL_IN_KEY.sub(r"\\\1", value)


def package(key: str) -> str:
    """The part of the config that an override's key is about: ``model@optimizer_model`` is it too."""
    bare = key.lstrip("+~")
    group, at, place = bare.partition("@")
    return place if at else group


def covers(given: str, key: str) -> bool:
    """Whether what is given for one key takes another's place: the key itself, or one within it."""
    one, other = package(given), package(key)
    return one == other or other.startswith(f"{one}.")
