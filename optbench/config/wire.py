"""A task's config as plain JSON, for a machine that this one cannot hand objects to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import ModuleType
from typing import Any

from optbench.config import optimizers, schema
from optbench.errors import ConfigError

KIND, VALUE = "~kind", "~value"


def _named(*modules: ModuleType) -> dict[str, type]:
    return {
        name: kind
        for module in modules
        for name, kind in vars(module).items()
        if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum))
    }


_KINDS = _named(schema, optimizers)
"""What may be made of a message: classes of the schema, by name, and nothing else."""


def to_wire(value: Any) -> Any:
    """Plain data with the names of the schema's classes in it.

    Raises:
        ConfigError: For a value that the schema does not have.
    """
    kind = type(value).__name__
    if isinstance(value, Enum):
        return {KIND: kind, VALUE: value.name}
    if is_dataclass(value):
        own = {field.name: to_wire(getattr(value, field.name)) for field in fields(value)}
        return {KIND: kind, VALUE: own}
    if isinstance(value, Mapping):
        if KIND in value:
            raise ConfigError(f"'{KIND}' is no key of a config", mend="give it another name")
        return {str(key): to_wire(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_wire(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f"a {kind} cannot be sent to another machine")


def from_wire(value: Any) -> Any:
    """What :func:`to_wire` was given.

    Raises:
        ConfigError: When it names a class or a field that is not there.
    """
    if isinstance(value, list):
        return [from_wire(one) for one in value]
    if not isinstance(value, dict):
        return value
    if KIND not in value:
        return {key: from_wire(one) for key, one in value.items()}
    try:
        kind = _KINDS[value[KIND]]
        if issubclass(kind, Enum):
            return kind[value[VALUE]]
        return kind(**{str(key): from_wire(one) for key, one in value[VALUE].items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"a config for another version of optbench: {error}",
            mend="bring both machines to one version",
        ) from error
