"""Data of a page that its script opens: JSON, packed by gzip, a block for each thing to open."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Mapping
from typing import Any

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def dumps(value: Any) -> str:
    """JSON in ASCII that may stand in an HTML document: it can neither close a tag nor begin one.

    Numbers that JSON does not know become null.
    """
    try:
        text = _dumped(value)
    except ValueError:
        text = _dumped(_finite(value))
    return text.translate(_ESCAPES)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


class Blocks:
    """The blocks of one page. Equal content is kept once: baselines are often shared.

    Attributes:
        texts: Base64 of gzip of JSON, by number.
        size: Bytes of all of them.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.size = 0
        self._known: dict[str, int] = {}

    def add(self, value: Any) -> int:
        """Packs a value; gives its number."""
        text = packed(value)
        if text not in self._known:
            self._known[text] = len(self.texts)
            self.texts.append(text)
            self.size += len(text)
        return self._known[text]


def packed(value: Any) -> str:
    """A value as a block's text."""
    # No time of writing: the same results make the same page.
    return base64.b64encode(gzip.compress(dumps(value).encode(), 7, mtime=0)).decode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
