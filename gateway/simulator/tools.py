"""Calls of tools with arguments that fit the tools' schemas, more or less."""

import json
from dataclasses import dataclass
from random import Random
from typing import Final

from pydantic import JsonValue

from gateway.simulator.request import Function, Request

_WEATHER: Final = Function(name="get_weather", parameters={"properties": {"city": {"type": "string"}}})
_WORDS: Final = ("Hà Nội", "Huế", "Lyon", "Recife", "Kyoto", "Nairobi", "Bergen", "Oaxaca")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool, its arguments as JSON text."""

    id: str
    name: str
    arguments: str


def make_calls(request: Request, count: int, random: Random) -> tuple[ToolCall, ...]:
    """Make up calls of the tools that the request offers, by turns; none once a tool has answered."""
    if request.turns[-1].role == "tool":
        return ()
    functions = request.tools or (_WEATHER,)
    return tuple(_call(functions[place % len(functions)], random) for place in range(count))


def _call(function: Function, random: Random) -> ToolCall:
    arguments = json.dumps(_object(function.parameters, random), ensure_ascii=False)
    return ToolCall(id=f"call_{random.getrandbits(96):024x}", name=function.name, arguments=arguments)


def _object(schema: dict[str, JsonValue], random: Random) -> JsonValue:
    """Make up an object with each of the properties that a JSON schema lists."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: _value(inner, random) for name, inner in properties.items()}


def _value(schema: JsonValue, random: Random) -> JsonValue:
    """Make up a value of the kind that a property of a JSON schema asks for."""
    if not isinstance(schema, dict):
        schema = {}
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return options[0]
    # Google spells the kinds in capitals.
    match str(schema.get("type")).lower():
        case "integer" | "number":
            return random.randint(1, 30)
        case "boolean":
            return random.random() < 0.5
        case "array":
            return [_value(schema.get("items"), random)]
        case "object":
            return _object(schema, random)
        case _:
            return random.choice(_WORDS)
