"""Tools of a request."""

import pytest

from gateway.dialects.gemini.fields import Fields
from gateway.dialects.gemini.tools import read_tools
from gateway.protocol.commands import JsonObject

LOOK: JsonObject = {"name": "look", "description": "Look.", "parameters": {"type": "OBJECT"}, "behavior": "BLOCKING"}
ASK: JsonObject = {"name": "ask", "parametersJsonSchema": {"type": "object", "x": 1}}
TOOLS: JsonObject = {"tools": [{"functionDeclarations": [LOOK]}, {"function_declarations": [ASK]}]}


def tools(body: JsonObject) -> tuple[JsonObject, list[str]]:
    untranslated: list[str] = []
    return read_tools(Fields.of(body, ""), untranslated), untranslated


def test_functions() -> None:
    assert tools(TOOLS) == (
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}},
                },
                {"type": "function", "function": {"name": "ask", "parameters": {"type": "object", "x": 1}}},
            ]
        },
        [],
    )


def test_tools_that_google_runs_are_named() -> None:
    assert tools({"tools": [{"googleSearch": {}, "functionDeclarations": []}, {"code_execution": {}}]}) == (
        {},
        ["tools[0].googleSearch", "tools[1].codeExecution"],
    )


@pytest.mark.parametrize(
    ("mode", "choice"), [("AUTO", "auto"), ("NONE", "none"), ("ANY", "required"), ("VALIDATED", "auto")]
)
def test_modes(mode: str, choice: str) -> None:
    found, _ = tools({**TOOLS, "toolConfig": {"functionCallingConfig": {"mode": mode}}})
    assert found["tool_choice"] == choice


def test_only_allowed_functions_are_offered() -> None:
    config: JsonObject = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["ask"]}}
    found, _ = tools({**TOOLS, "toolConfig": config})
    assert isinstance(listed := found["tools"], list)
    assert len(listed) == 1
    assert found["tool_choice"] == "required"
    # A choice without tools is an error at other providers.
    assert tools({"toolConfig": config}) == ({}, [])
