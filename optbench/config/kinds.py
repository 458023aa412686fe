"""A resolved config held against its schema: what OmegaConf lets pass."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from typing import Any


def misfits(node: Any, path: str = "") -> Iterator[str]:
    """The keys that hold a value where a group of keys or a list must be, or another of the two.

    OmegaConf checks single values, and of references to single values those alone (2.3).

    Args:
        node: A structured config as an object.
        path: Its key.
    """
    hints = typing.get_type_hints(type(node))
    for field in dataclasses.fields(node):
        key = f"{path}.{field.name}" if path else field.name
        yield from _misfit(getattr(node, field.name), hints[field.name], key)


def strangers(node: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """The keys that the schema does not know, each with those that stand beside it.

    Hydra's ``+`` puts any key into a config: a slip would be read by nothing, and be another task.

    Args:
        node: A structured config as an object.
        path: Its key.
    """
    known = [field.name for field in dataclasses.fields(node)]
    for name, value in vars(node).items():
        key = f"{path}.{name}" if path else name
        if name not in known:
            yield key, known
        elif dataclasses.is_dataclass(value):
            yield from strangers(value, key)
        elif isinstance(value, list):
            for index, one in enumerate(value):
                if dataclasses.is_dataclass(one):
                    yield from strangers(one, f"{key}[{index}]")


def _misfit(value: Any, hint: Any, key: str) -> Iterator[str]:
    kinds = typing.get_args(hint) if _is_union(hint) else (hint,)
    kind = next((one for one in kinds if one is not types.NoneType), Any)
    origin = typing.get_origin(kind) or kind
    if value is None or origin is Any:
        return
    if dataclasses.is_dataclass(origin):
        if dataclasses.is_dataclass(value):
            yield from misfits(value, key)
        else:
            yield key
    elif origin in (dict, list) and not isinstance(value, origin):
        yield key
    elif isinstance(value, list):
        inner = typing.get_args(kind)
        for index, one in enumerate(value if inner else ()):
            yield from _misfit(one, inner[0], f"{key}[{index}]")


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)
