"""Turns an exception into the lines a person reads: what, where, the close names, the mend."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from hydra.core.override_parser.types import Override
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from optbench.config.identity import MODELS
from optbench.errors import OptbenchError, first_line
from optbench.wording import close_names, printable

E = TypeVar("E", bound=BaseException)
_LOADER, _PLUGINS = "hydra._internal.config_loader_impl", "hydra.core.plugins"
TRACEBACK_HINT = "HYDRA_FULL_ERROR=1 shows the traceback."


def explain(error: BaseException) -> str:
    """One short text for an error that ended the program, without what a terminal would obey."""
    return "\n".join(printable(line) for line in _told(error).split("\n"))


def is_of_composing(error: BaseException) -> bool:
    """Whether a config could not be composed; Hydra lets some errors through as what they are."""
    return isinstance(error, HydraException | OmegaConfBaseException | YAMLError) or any(
        module in (_LOADER, _PLUGINS) for module, _ in _frames(error)
    )


def _frames(error: BaseException) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The modules that an error came through, with their variables."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        yield str(frame.f_globals.get("__name__")), frame.f_locals


def _override(error: BaseException) -> Override | None:
    """What Hydra was about to set: not all of its errors name it."""
    for module, variables in _frames(error):
        if module == _LOADER and isinstance(one := variables.get("override"), Override):
            return one
    return None


def _told(error: BaseException) -> str:
    wrapped = isinstance(error, InstantiationException)  # what a plugin's constructor says
    own = _find(error, OptbenchError) if wrapped else error
    if isinstance(own, OptbenchError):
        return f"error: {own}"
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
    if "Config group override must be a string or a list" in str(error):
        return (
            "error: a config group was given null, which is no option\n  mend: choose one by its name "
            "(optbench --help lists them); to have none of an optional group leave it out"
        )
    if isinstance(error, HydraException):
        return f"error: {error}"
    if any(module == _PLUGINS for module, _ in _frames(error)):
        return (
            f"error: a plugin cannot be made: {first_line(error)}\n  mend: choose one by its name, as "
            f"hydra/launcher=optbench, and no _target_ of your own\n  {TRACEBACK_HINT}"
        )
    if (override := _override(error)) is not None:
        return _bad_override(error, override)
    if is_of_composing(error):
        return (
            f"error: the config cannot be composed: {first_line(error)}\n  mend: look at the values "
            f"that were given, config groups take names\n  {TRACEBACK_HINT}"
        )
    return f"error: {type(error).__name__}: {error}\n  {TRACEBACK_HINT}"


def _missing_option(error: MissingConfigException) -> str:
    wanted = error.missing_cfg_file or ""
    group, _, name = wanted.rpartition("/")
    options = [str(option) for option in error.options or []]
    if not group or not options:
        return f"error: {error}"
    return f"error: {group}: there is no {group} '{name}'.{close_names(name, options)}"


def _bad_key(error: BaseException, cause: OmegaConfBaseException) -> str:
    key = str(cause.full_key or cause.key or "")
    override = _override(error)
    if override is not None and key and not key.startswith(str(override.key_or_group)):
        key = f"{override.key_or_group}: {key}"  # within a list OmegaConf has lost the way to it
    told = str(cause.msg or cause).splitlines()[0]
    fields = _fields(cause.object_type)
    if fields and key.rpartition(".")[2] not in fields and "not in" in told:
        name = key.rpartition(".")[2]
        return f"error: {key}: there is no such key.{close_names(name, fields)}"
    said = str(error).splitlines()[0]
    prefix = f"{said} " if isinstance(error, ConfigCompositionException) and said != told else ""
    # Hydra's own advice stands in lines that are cut here.
    mend = _mend(key, told, override)
    return f"error: {key}: {prefix}{told}{mend}" if key else f"error: {prefix}{told}"


def _mend(key: str, told: str, override: Override | None) -> str:
    if "is not in struct" in told and "." in key:
        return f"\n  mend: '++{key.rpartition('.')[0]}=...' adds what is not there yet"
    if override is None:
        return ""
    given = str(override.input_line).partition("=")[2]
    if key in MODELS and "is not a subclass of" in told:
        return f"\n  mend: model@{key}={given} chooses an option of the group"
    if "is not a ListConfig" in told:
        return f"\n  mend: lists stand in brackets: '{key}=[{given}]'"
    return ""


def _bad_override(error: BaseException, override: Override) -> str:
    key = str(override.key_or_group)
    alias = key.partition(".")[0]
    if alias in MODELS and "NoneType" in str(error):  # it is null, and has no keys to set
        return (
            f"error: {key}: there is no {alias} yet\n"
            f"  mend: choose one before: model@{alias}=NAME {override.input_line}"
        )
    return (
        f"error: {key}: cannot be set by '{override.input_line}': {first_line(error)}\n"
        f"  {TRACEBACK_HINT}"
    )


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
