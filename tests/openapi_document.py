"""The published OpenAPI document, made stricter: bodies have the fields that it names, and no others."""

from typing import Any

from gateway.protocol.commands import JsonObject


def strict(document: JsonObject, *, open_to_all: bool = False) -> JsonObject:
    """Return a copy whose object schemas forbid additional properties, unless they set `additionalProperties`.

    The published schemas allow them, since later versions may add fields: clients should accept those, tests do not.
    With `open_to_all`, for a gateway without keys, operations have no security requirement; the published document says
    so only in its text.
    """
    published: dict[str, Any] = document
    components = published["components"]["schemas"].items()
    closed = {
        name: {"additionalProperties": False, **schema} if "properties" in schema else schema
        for name, schema in components
    }
    paths = {
        path: {
            method: {**operation, "security": []} if open_to_all else operation for method, operation in methods.items()
        }
        for path, methods in published["paths"].items()
    }
    return {**published, "paths": paths, "components": {**published["components"], "schemas": closed}}


def schema_of(document: JsonObject, name: str) -> JsonObject:
    """Return a schema that refers to a component and includes all components."""
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
