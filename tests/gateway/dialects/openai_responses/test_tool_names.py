"""The names of tools."""

from gateway.dialects.openai_responses.tool_names import ToolName, declared_tools, function_name, tool_items, tool_names
from gateway.protocol.commands import JsonObject

EXEC: JsonObject = {"type": "custom", "name": "exec"}
STATUS: JsonObject = {"type": "function", "name": "status"}


def test_the_name_of_a_function_says_its_namespace() -> None:
    assert function_name("f") == function_name("f", "functions") == "f"
    assert function_name("status", "mcp__burp__") == "mcp__burp__status"


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    first, second = function_name("a" * 50, "n" * 40), function_name("a" * 49 + "b", "n" * 40)
    assert len(first) == len(second) == 64
    assert first != second


def test_tools_are_announced_in_two_places() -> None:
    namespace: JsonObject = {"type": "namespace", "name": "n", "tools": [STATUS]}
    body: JsonObject = {"tools": [EXEC], "input": [{"type": "additional_tools", "tools": [namespace, STATUS]}]}
    assert [(found.namespace, found.path) for found in declared_tools(body)] == [
        (None, "tools[0]"),
        ("n", "input[0].tools[0].tools[0]"),
        (None, "input[0].tools[1]"),
    ]
    assert tool_items(body) == body["input"]
    assert tool_names(body) == {
        "exec": ToolName("exec", None, custom=True),
        "n__status": ToolName("status", "n", custom=False),
    }


def test_the_input_may_be_a_text() -> None:
    assert tool_names({"input": "Hi"}) == {}
