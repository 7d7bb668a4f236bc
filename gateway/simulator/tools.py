"""Made-up tool calls, with arguments that match the tools' schemas in names and types."""

import json
from dataclasses import dataclass
from random import Random
from typing import Final

from pydantic import JsonValue

from gateway.simulator.request import Function, Request

_WEATHER: Final = Function(name="get_weather", parameters={"properties": {"city": {"type": "string"}}})
_CITIES: Final = ("Hà Nội", "Huế", "Lyon", "Recife", "Kyoto", "Nairobi", "Bergen", "Oaxaca")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One tool call; its arguments are JSON text."""

    id: str
    name: str
    arguments: str


def make_calls(request: Request, count: int, random: Random) -> tuple[ToolCall, ...]:
    """Return `count` calls of the request's tools in turn; none if the last turn is the result of a tool."""
    if request.turns[-1].role == "tool":
        return ()
    functions = request.tools or (_WEATHER,)
    return tuple(_make_call(functions[index % len(functions)], random) for index in range(count))


def _make_call(function: Function, random: Random) -> ToolCall:
    arguments = json.dumps(_make_object(function.parameters, random), ensure_ascii=False)
    return ToolCall(id=f"call_{random.getrandbits(96):024x}", name=function.name, arguments=arguments)


def _make_object(schema: dict[str, JsonValue], random: Random) -> JsonValue:
    """Return an object with each property of a JSON schema."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: _make_value(inner, random) for name, inner in properties.items()}


def _make_value(schema: JsonValue, random: Random) -> JsonValue:
    """Return a value of the type that a property of a JSON schema has."""
    if not isinstance(schema, dict):
        schema = {}
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return options[0]
    # Google writes types in capitals.
    match str(schema.get("type")).lower():
        case "integer" | "number":
            return random.randint(1, 30)
        case "boolean":
            return random.random() < 0.5
        case "array":
            return [_make_value(schema.get("items"), random)]
        case "object":
            return _make_object(schema, random)
        case _:
            return random.choice(_CITIES)
