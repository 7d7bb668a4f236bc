"""Convert a `Schema` of the Gemini API to JSON Schema. Pure.

Source: ai.google.dev/api/caching, "Schema": a part of OpenAPI 3.0, with types in capitals and integers as strings.
"""

from collections.abc import Callable, Mapping
from typing import Final

from pydantic import JsonValue

from gateway.dialects.gemini.fields import camel_case
from gateway.protocol.commands import JsonObject

_DROPPED: Final = frozenset({"propertyOrdering", "nullable", "example"})
"""Fields that JSON Schema does not have. `nullable` becomes a type."""


def json_schema(schema: JsonValue) -> JsonValue:
    """Return the JSON Schema of a `Schema`; what is not known is kept as it is."""
    if not isinstance(schema, dict):
        return schema
    named = {camel_case(name): value for name, value in schema.items() if value is not None}
    found: JsonObject = {name: _field(name, value) for name, value in named.items() if name not in _DROPPED}
    if found.get("format") == "enum":
        # Google's mark for a string with `enum`, which JSON Schema does not need.
        del found["format"]
    if named.get("nullable") is True and isinstance(kind := found.get("type"), str):
        found["type"] = [kind, "null"]
        if isinstance(values := found.get("enum"), list):
            found["enum"] = [*values, None]
    return found


def _field(name: str, value: JsonValue) -> JsonValue:
    convert = _CONVERTED.get(name)
    return value if convert is None else convert(value)


def _lower(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_lower(each) for each in value]
    return value.lower() if isinstance(value, str) else value


def _count(value: JsonValue) -> JsonValue:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _each(value: JsonValue) -> JsonValue:
    return [json_schema(each) for each in value] if isinstance(value, list) else value


def _named(value: JsonValue) -> JsonValue:
    # Their names are those of the function's arguments, and no fields.
    return {name: json_schema(each) for name, each in value.items()} if isinstance(value, dict) else value


_CONVERTED: Final[Mapping[str, Callable[[JsonValue], JsonValue]]] = {
    "type": _lower,
    "anyOf": _each,
    **dict.fromkeys(("items", "additionalProperties"), json_schema),
    **dict.fromkeys(("properties", "defs"), _named),
    **dict.fromkeys(("maxItems", "minItems", "maxProperties", "minProperties", "minLength", "maxLength"), _count),
}
"""How fields are converted. Integers of 64 bits stand as strings in Google's JSON ("ProtoJSON Format", "int64")."""
