"""Classes that a config names, and what they may be given."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optbench.complaints import close_names
from optbench.errors import ConfigError

_SET_BY_OPTBENCH = ("self", "problem")


def load(path: str, key: str) -> Any:
    """What ``package.module.Class`` names.

    Raises:
        ConfigError: With ``key``, when there is no such module or name.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"cannot import '{path}': {error}", key=key, mend="write package.module.Class"
        ) from error


def wrong_parameters(
    call: Callable[..., Any], given: Mapping[str, Any], key: str
) -> Iterator[ConfigError]:
    """What a call would not take, and what it would miss."""
    parameters = inspect.signature(call).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = {
        p.name: p
        for p in parameters
        if p.kind is p.KEYWORD_ONLY or p.kind is p.POSITIONAL_OR_KEYWORD
    }
    for name in _SET_BY_OPTBENCH:
        known.pop(name, None)
    for name in given.keys() - known.keys():
        yield ConfigError(f"unknown parameter.{close_names(name, known)}", key=f"{key}.{name}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in given:
            yield ConfigError("missing", key=f"{key}.{name}", mend=f"give +{key}.{name}=...")
