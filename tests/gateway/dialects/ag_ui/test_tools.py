"""The client's tools in OpenAI's form."""

import pytest
from pydantic import JsonValue

from gateway.dialects.ag_ui.tools import read_tools
from gateway.protocol.errors import Refused


def test_a_tool_is_a_function() -> None:
    schema: JsonValue = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert read_tools([{"name": "look", "description": "Looks.", "parameters": schema, "metadata": {}}]) == [
        {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": schema}}
    ]


def test_a_tool_without_a_schema_takes_nothing() -> None:
    (tool,) = read_tools([{"name": "look", "description": ""}])
    assert tool["function"] == {"name": "look", "parameters": {"type": "object", "properties": {}}}


def test_no_tools() -> None:
    assert read_tools(None) == read_tools([]) == []


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ("x", "tools: must be a list."),
        ([5], "tools[0]: must be an object."),
        ([{}], "tools[0].name: must be a string."),
        ([{"name": "a", "description": 5}], "tools[0].description: must be a string."),
        ([{"name": "a", "parameters": []}], "tools[0].parameters: must be an object, a JSON schema."),
    ],
)
def test_what_is_refused(tools: JsonValue, message: str) -> None:
    with pytest.raises(Refused) as refused:
        read_tools(tools)
    assert refused.value.message == message
