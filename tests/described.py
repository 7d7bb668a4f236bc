"""The published description, made stricter: what is sent has the fields that it names, and no others."""

from typing import Any

from gateway.protocol.commands import JsonObject


def strict(document: JsonObject, *, open_to_all: bool = False) -> JsonObject:
    """Close the schemas of all bodies that leave it open what else is there; clients should not, but tests do.

    A gateway that is `open_to_all` asks for no key, as the description says in words.
    """
    found: dict[str, Any] = document
    components = found["components"]["schemas"].items()
    closed = {
        name: {"additionalProperties": False, **schema} if "properties" in schema else schema
        for name, schema in components
    }
    paths = {
        path: {method: {**said, "security": []} if open_to_all else said for method, said in methods.items()}
        for path, methods in found["paths"].items()
    }
    return {**found, "paths": paths, "components": {**found["components"], "schemas": closed}}


def schema_of(document: JsonObject, name: str) -> JsonObject:
    """Give a component's schema so that it stands alone."""
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
