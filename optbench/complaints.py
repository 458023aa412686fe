"""Turns an exception into the lines a person reads: what, where, the close names, the mend."""

from __future__ import annotations

import dataclasses
import difflib
import traceback
from collections.abc import Iterable
from typing import Any, TypeVar

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from optbench.errors import OptbenchError, first_line

E = TypeVar("E", bound=BaseException)
TRACEBACK_HINT = "HYDRA_FULL_ERROR=1 shows the traceback."


def explain(error: BaseException) -> str:
    """One short text for an error that ended the program, without what a terminal would obey."""
    return "".join(
        char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in _told(error)
    )


def is_of_composing(error: BaseException) -> bool:
    """Whether a config could not be composed; Hydra lets some errors through as what they are."""
    frames = (
        frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__)
    )
    return isinstance(error, HydraException | OmegaConfBaseException | YAMLError) or any(
        name == "hydra._internal.config_loader_impl" for name in frames
    )


def _told(error: BaseException) -> str:
    if isinstance(error, OptbenchError):
        return f"error: {error}"
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    unreadable = _find(error, MarkedYAMLError)
    if unreadable is not None:
        return _bad_yaml(unreadable)
    config_error = _find(error, OmegaConfBaseException)
    if config_error is not None:
        return _bad_key(error, config_error)
    if isinstance(error, OverrideParseException):
        return (
            f"error: '{error.override}' cannot be read: {error.message.splitlines()[0]}\n  mend: "
            "quote what holds spaces, commas, braces or another '=': 'key=\"a value\"'"
        )
    if isinstance(error, HydraException):
        return f"error: {error}"
    if is_of_composing(error):
        return (
            f"error: the config cannot be composed: {first_line(error)}\n  mend: look at the values "
            f"that were given, config groups take names\n  {TRACEBACK_HINT}"
        )
    return f"error: {type(error).__name__}: {error}\n  {TRACEBACK_HINT}"


def counted(number: int, name: str) -> str:
    """A number of things: ``1 task``, ``1,200 tasks``."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def close_names(name: str, known: Iterable[str]) -> str:
    """`` Did you mean a or b? Known: ...``, as the tail of a sentence."""
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=3, cutoff=0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"{meant} Known: {', '.join(options)}." if options else meant


def _missing_option(error: MissingConfigException) -> str:
    wanted = error.missing_cfg_file or ""
    group, _, name = wanted.rpartition("/")
    options = [str(option) for option in error.options or []]
    if not group or not options:
        return f"error: {error}"
    return f"error: {group}: there is no {group} '{name}'.{close_names(name, options)}"


def _bad_key(error: BaseException, cause: OmegaConfBaseException) -> str:
    key = str(cause.full_key or cause.key or "")
    told = str(cause.msg or cause).splitlines()[0]
    fields = _fields(cause.object_type)
    if fields and key.rpartition(".")[2] not in fields and "not in" in told:
        name = key.rpartition(".")[2]
        return f"error: {key}: there is no such key.{close_names(name, fields)}"
    said = str(error).splitlines()[0]
    prefix = f"{said} " if isinstance(error, ConfigCompositionException) and said != told else ""
    # Hydra's own advice stands in lines that are cut here.
    mend = (
        f"\n  mend: '++{key.rpartition('.')[0]}=...' adds what is not there yet"
        if "is not in struct" in told and "." in key
        else ""
    )
    return f"error: {key}: {prefix}{told}{mend}" if key else f"error: {prefix}{told}"


def _bad_yaml(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"'{mark.name}', line {mark.line + 1}, column {mark.column + 1}" if mark else "a file"
    said = " ".join(str(error.problem or error.context or "is no YAML").split())
    return f"error: {where}: cannot be read as YAML: {said}\n  mend: repair the file"


def _fields(object_type: Any) -> list[str]:
    if not dataclasses.is_dataclass(object_type):
        return []
    return [field.name for field in dataclasses.fields(object_type)]


def _find(error: BaseException | None, kind: type[E]) -> E | None:
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None
