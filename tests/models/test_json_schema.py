"""Bounds for constrained decoding."""

from __future__ import annotations

from optbench.models.json_schema import MAX_ITEMS, MAX_LENGTH, bounded


def test_bounds_strings_and_arrays_at_any_depth() -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
            "kind": {"type": "string", "enum": ["a", "b"]},
        },
        "$defs": {
            "Row": {"type": "object", "properties": {"text": {"type": "string", "maxLength": 9}}}
        },
    }
    out = bounded(schema)
    assert out["properties"]["title"]["maxLength"] == MAX_LENGTH
    assert out["properties"]["rows"]["maxItems"] == MAX_ITEMS
    assert "maxLength" not in out["properties"]["kind"]
    assert out["$defs"]["Row"]["properties"]["text"]["maxLength"] == 9
    assert out["required"] == ["title", "rows", "kind"]


def test_a_minimum_is_respected() -> None:
    assert bounded({"type": "array", "minItems": 7, "items": {"type": "string"}})["maxItems"] == 7
