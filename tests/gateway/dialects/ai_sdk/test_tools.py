"""Tools that a page offers."""

import re

import pytest
from pydantic import JsonValue

from gateway.dialects.ai_sdk.tools import read_tool_choice, read_tools
from gateway.protocol.errors import Refused
from tests.gateway.dialects.ai_sdk.requests import Json

SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}}
OURS: Json = {"type": "function", "function": {"name": "look", "parameters": SCHEMA, "description": "d"}}


@pytest.mark.parametrize(
    "tools",
    [
        [OURS],
        {"look": {"description": "d", "inputSchema": SCHEMA}},
        {"look": {"description": "d", "parameters": SCHEMA}},
        {"look": {"description": "d", "inputSchema": {"jsonSchema": SCHEMA}}},
        [{"name": "look", "description": "d", "input_schema": SCHEMA}],
    ],
)
def test_every_form(tools: JsonValue) -> None:
    assert read_tools(tools) == [OURS]


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        ("look", "tools: must be a list."),
        ({"look": 1}, "tools.look: must be an object with inputSchema, a JSON Schema."),
        ({"look": {}}, "tools.look.inputSchema: must be a JSON Schema, such as z.toJSONSchema(schema) returns."),
        ([{"name": 1, "inputSchema": {}}], "tools[0].name: must be a string."),
    ],
)
def test_what_is_not_valid_is_named(tools: JsonValue, problem: str) -> None:
    with pytest.raises(Refused, match=f"^{re.escape(problem)}"):
        read_tools(tools)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("required", "required"),
        ({"type": "tool", "toolName": "look"}, {"type": "function", "function": {"name": "look"}}),
        ({"type": "function", "function": {"name": "look"}}, {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_a_choice(choice: JsonValue, expected: JsonValue) -> None:
    assert read_tool_choice(choice) == expected


def test_a_choice_that_is_none() -> None:
    with pytest.raises(Refused, match=r"^toolChoice: must be one of auto, none, required, or"):
        read_tool_choice("any")
