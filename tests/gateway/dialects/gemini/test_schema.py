"""Schemas of the Gemini API as JSON Schema."""

from gateway.dialects.gemini.schema import json_schema


def test_types_are_those_of_json_schema() -> None:
    assert json_schema(
        {
            "type": "OBJECT",
            "properties": {
                "property_ordering": {"type": "STRING", "format": "enum", "enum": ["A", "B"], "nullable": True},
                "items": {"type": "ARRAY", "min_items": "1", "items": {"type": "INTEGER", "format": "int32"}},
                "either": {"anyOf": [{"type": "NUMBER"}, {"type": "BOOLEAN"}]},
            },
            "required": ["items"],
            "propertyOrdering": ["items"],
            "description": "TYPE",
        }
    ) == {
        "type": "object",
        "properties": {
            "property_ordering": {"type": ["string", "null"], "enum": ["A", "B", None]},
            "items": {"type": "array", "minItems": 1, "items": {"type": "integer", "format": "int32"}},
            "either": {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
        },
        "required": ["items"],
        "description": "TYPE",
    }


def test_what_is_not_known_is_kept() -> None:
    assert json_schema({"type": ["STRING", "NULL"], "$ref": "#/x", "minItems": "x"}) == {
        "type": ["string", "null"],
        "$ref": "#/x",
        "minItems": "x",
    }
    assert json_schema(None) is None
