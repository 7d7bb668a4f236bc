"""The tools of a request in OpenAI's form."""

import pytest
from pydantic import JsonValue

from gateway.dialects.anthropic.tools import read_tools
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

SCHEMA: JsonObject = {"type": "object", "properties": {}}
TOOL: JsonObject = {"name": "f", "description": "F.", "input_schema": SCHEMA}
FUNCTION: JsonObject = {"type": "function", "function": {"name": "f", "description": "F.", "parameters": SCHEMA}}
SEARCH: JsonObject = {"type": "tool_search_tool_bm25_20251119", "name": "s"}


@pytest.mark.parametrize(
    ("choice", "options"),
    [
        (None, {}),
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "any", "disable_parallel_tool_use": True}, {"tool_choice": "required", "parallel_tool_calls": False}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ],
)
def test_a_choice_among_tools(choice: JsonValue, options: JsonObject) -> None:
    tool: JsonObject = {**TOOL, "cache_control": {}, "defer_loading": True}
    assert read_tools({"tools": [tool, SEARCH], "tool_choice": choice}, []) == {"tools": [FUNCTION], **options}


def test_without_tools_there_is_no_choice_either() -> None:
    assert read_tools({"tools": [SEARCH], "tool_choice": {"type": "auto"}}, []) == {}
    assert read_tools({"tool_choice": {"type": "none"}}, []) == {}


def test_another_tool_of_the_provider_is_named() -> None:
    untranslated: list[str] = []
    read_tools({"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}]}, untranslated)
    assert untranslated == ["tools[1] (web_search_20250305)"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [1]}, "tools[0]"),
        ({"tools": [{"name": 1}]}, "tools[0].name"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "some"}}, "tool_choice"),
    ],
)
def test_malformed_tools(body: JsonObject, param: str) -> None:
    with pytest.raises(Refused) as refused:
        read_tools(body, [])
    assert refused.value.param == param
