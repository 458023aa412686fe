"""Functions of other Hydra apps on their way to a worker, with the names of their files."""

from __future__ import annotations

import io
from collections import ChainMap
from types import CodeType
from typing import Any, ClassVar

import cloudpickle


def _code(code: CodeType) -> tuple[Any, ...]:
    """A code object as cloudpickle reduces it, but under its own file name.

    cloudpickle 3.1.3 writes ``<dynamic-code>`` in its place, and a traceback then names no file.
    """
    kind, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)
    named = tuple(code.co_filename if one == "<dynamic-code>" else one for one in arguments)
    return kind, named


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it ships no types
    dispatch_table: ClassVar[Any] = ChainMap({CodeType: _code}, cloudpickle.Pickler.dispatch_table)


def dumps(value: Any) -> bytes:
    """A value with the functions in it, as bytes that ``pickle.loads`` reads."""
    with io.BytesIO() as file:
        _Pickler(file).dump(value)
        return file.getvalue()
