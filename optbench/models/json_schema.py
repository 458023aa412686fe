"""Bounds on a JSON schema, so that constrained decoding of a small model comes to an end.

A grammar keeps the reply valid, but nothing in an unbounded schema makes it stop: small models ramble
inside a string or append to an array until they run into the token limit, and the JSON is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_LENGTH = 240
"""Characters of a string, about 60 tokens."""
MAX_ITEMS = 3
"""Elements of an array."""
_UNKNOWN_TO_GRAMMARS = frozenset({"title", "description", "default", "examples", "format"})


def bounded(
    schema: Mapping[str, Any], *, max_length: int = MAX_LENGTH, max_items: int = MAX_ITEMS
) -> dict[str, Any]:
    """The schema with limits where it has none, or wider ones.

    Args:
        schema: A JSON schema; ``$ref`` into ``$defs`` stays.
        max_length: Most characters of a string.
        max_items: Most elements of an array.

    Returns:
        A new schema: what fits it fits the given one, except where that demands longer strings or
        more elements, which keep their own minimum.
    """
    return _node(schema, max_length, max_items)


def _node(schema: Mapping[str, Any], max_length: int, max_items: int) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key not in _UNKNOWN_TO_GRAMMARS}
    for key in ("properties", "$defs", "definitions"):
        if isinstance(kept.get(key), Mapping):
            # The keys here are names, not keywords: a property may well be called "title".
            kept[key] = {
                name: _sub(value, max_length, max_items) for name, value in kept[key].items()
            }
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), Mapping):
            kept[key] = _sub(kept[key], max_length, max_items)
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if isinstance(kept.get(key), list):
            kept[key] = [_sub(value, max_length, max_items) for value in kept[key]]
    kind = kept.get("type")
    if kind == "string" and "enum" not in kept and "const" not in kept:
        _limit(kept, "maxLength", "minLength", max_length)
    elif kind == "array":
        _limit(kept, "maxItems", "minItems", max_items)
    elif kind == "object" and "properties" in kept:
        kept.setdefault("additionalProperties", False)
        # An optional field left out is valid, but a small model leaves out what matters.
        kept["required"] = list(kept["properties"])
    return kept


def _sub(value: Any, max_length: int, max_items: int) -> Any:
    return _node(value, max_length, max_items) if isinstance(value, Mapping) else value


def _limit(schema: dict[str, Any], upper: str, lower: str, limit: int) -> None:
    schema[upper] = max(min(int(schema.get(upper, limit)), limit), int(schema.get(lower, 0)))
