"""The tools of a request."""

import pytest
from pydantic import JsonValue

from gateway.dialects.openai_responses.tools import INPUT, read_tools
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

FUNCTION: JsonObject = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
CUSTOM: JsonObject = {
    "type": "custom",
    "name": "patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"},
}


def test_a_function_is_nested() -> None:
    options = read_tools({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "f"}}).options
    assert options == {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": False}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    }


def test_a_custom_tool_becomes_a_function_with_one_text() -> None:
    result = read_tools({"tools": [CUSTOM], "parallel_tool_calls": False})
    assert result.options["parallel_tool_calls"] is False
    match result.options["tools"]:
        case [{"function": {"name": "patch", "description": str(description), "parameters": dict(parameters)}}]:
            assert "start: /a/" in description
            assert parameters["required"] == [INPUT]
        case other:
            pytest.fail(str(other))


def test_tools_that_agents_always_offer_are_left_out() -> None:
    result = read_tools(
        {"tools": [{"type": "web_search"}, {"type": "namespace", "name": "n", "tools": []}], "tool_choice": "auto"}
    )
    assert (result.options, result.untranslated) == ({}, [])


def test_another_tool_of_the_provider_is_named() -> None:
    result = read_tools({"tools": [FUNCTION, {"type": "file_search"}], "tool_choice": {"type": "file_search"}})
    assert result.untranslated == ["tools[1] (file_search)", "tool_choice"]
    assert read_tools({"tools": [{"type": "web_search"}], "tool_choice": "required"}).untranslated == ["tool_choice"]


def test_only_allowed_tools_are_offered() -> None:
    given: JsonObject = {"parameters": {"type": "object"}, "strict": False}
    choice: JsonObject = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}
    options = read_tools({"tools": [FUNCTION, {**FUNCTION, "name": "g"}], "tool_choice": choice}).options
    assert options["tool_choice"] == "required"
    assert options["tools"] == [{"type": "function", "function": {**given, "name": "g"}}]


@pytest.mark.parametrize(
    ("tools", "param"), [("x", "tools"), ([1], "tools[0].type"), ([{"type": "function"}], "tools[0].name")]
)
def test_invalid_tools_are_refused_by_their_place(tools: JsonValue, param: str) -> None:
    with pytest.raises(Refused) as caught:
        read_tools({"tools": tools})
    assert caught.value.param == param


def test_tools_of_namespaces_are_functions_with_longer_names() -> None:
    mcp: JsonObject = {"type": "namespace", "name": "mcp__files__", "tools": [FUNCTION]}
    own: JsonObject = {"type": "namespace", "name": "functions", "tools": [{**FUNCTION, "name": "exec"}]}
    announced: JsonObject = {"type": "additional_tools", "tools": [own, mcp]}

    options = read_tools({"tools": [mcp]}, [announced]).options

    assert isinstance(options["tools"], list)
    assert [function["function"]["name"] for function in options["tools"] if isinstance(function, dict)] == [  # type: ignore[call-overload, index]
        *("mcp__files__f", "exec"),
    ]


def test_a_choice_names_its_namespace() -> None:
    mcp: JsonObject = {"type": "namespace", "name": "mcp__files__", "tools": [FUNCTION]}
    choice: JsonObject = {"type": "function", "name": "f", "namespace": "mcp__files__"}
    assert read_tools({"tools": [mcp], "tool_choice": choice}).options["tool_choice"] == {
        "type": "function",
        "function": {"name": "mcp__files__f"},
    }
