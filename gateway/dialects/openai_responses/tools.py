"""Translate the tools of a request to those of chat completions. Pure.

A custom tool (free text in place of JSON) becomes a function with one string `input`: every provider has functions, and
only OpenAI has the other. The projection turns its calls back. A tool that the provider runs itself has no counterpart:
those that an agent offers in every request are left out, and any other one is named in `refused`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import invalid

INPUT: Final = "input"
"""The parameter that holds the text of a custom tool's call."""

_OPTIONAL: Final = frozenset(
    {"namespace", "tool_search", "web_search", "web_search_2025_08_26", "web_search_preview"}
    | {"web_search_preview_2025_03_11"}
)
"""Types of tools that agents offer in every request, whether they are needed or not (Codex)."""


@dataclass(slots=True)
class ToolOptions:
    """The options of a start that stand for the tools of a request, and what none of them can express."""

    options: JsonObject = field(default_factory=dict)
    custom: frozenset[str] = frozenset()
    """Names of the custom tools."""
    refused: list[str] = field(default_factory=list)
    """Fields that only a provider with this API can honour."""


def custom_tools(tools: JsonValue) -> frozenset[str]:
    """Return the names of the custom tools in a request."""
    objects = (tool for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else ()
    return frozenset(str(tool.get("name")) for tool in objects if tool.get("type") == "custom")


def tool_options(body: Mapping[str, JsonValue]) -> ToolOptions:
    """Return the options that the tools of a request stand for.

    Raises:
        Refused: they are not valid.
    """
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        message = "tools: must be a list of objects"
        raise invalid(message, param="tools")
    result = ToolOptions(custom=custom_tools(tools))
    translated = [found for at, tool in enumerate(tools) if (found := _tool(tool, at, result)) is not None]
    if not translated:
        # Without tools, most providers refuse the options that are about them.
        _check_choice_without_tools(body.get("tool_choice"), result)
        return result
    result.options["tools"] = [*translated]
    if (choice := body.get("tool_choice")) is not None:
        result.options |= _choice(choice, result)
    if body.get("parallel_tool_calls") is not None:
        result.options["parallel_tool_calls"] = body["parallel_tool_calls"]
    return result


def _tool(tool: JsonValue, at: int, result: ToolOptions) -> JsonObject | None:
    if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
        message = f"tools[{at}].type: must be a string, such as function"
        raise invalid(message, param=f"tools[{at}].type")
    kind = str(tool["type"])
    if kind in {"function", "custom"}:
        if not isinstance(tool.get("name"), str):
            message = f"tools[{at}].name: is missing"
            raise invalid(message, param=f"tools[{at}].name")
        return {"type": "function", "function": _function(tool) if kind == "function" else _custom(tool)}
    if kind not in _OPTIONAL:
        result.refused.append(f"tools[{at}] of type {kind[:64]!r}")
    return None


def _function(tool: JsonObject) -> JsonObject:
    names = ("name", "description", "parameters", "strict")
    return {name: tool[name] for name in names if tool.get(name) is not None}


def _custom(tool: JsonObject) -> JsonObject:
    described = [str(tool["description"])] if tool.get("description") else []
    match tool.get("format"):
        case {"type": "grammar", "syntax": syntax, "definition": definition}:
            described.append(f"The input must match this {syntax} grammar:\n{definition}")
    parameters: JsonObject = {
        "type": "object",
        "properties": {INPUT: {"type": "string", "description": "The input of the tool, as plain text."}},
        "required": [INPUT],
        "additionalProperties": False,
    }
    return {"name": tool["name"], "description": "\n\n".join(described), "parameters": parameters}


def _choice(choice: JsonValue, result: ToolOptions) -> JsonObject:
    match choice:
        case str():
            return {"tool_choice": choice}
        case {"type": "function" | "custom", "name": str(name)}:
            return {"tool_choice": {"type": "function", "function": {"name": name}}}
        case {"type": "allowed_tools", "tools": list(tools), **rest}:
            return _allowed(tools, str(rest.get("mode") or "auto"), result)
    result.refused.append("tool_choice")
    return {}


def _allowed(tools: Sequence[JsonValue], mode: str, result: ToolOptions) -> JsonObject:
    """Keep only the tools that may be called: no other API has `allowed_tools`."""
    names = {tool.get("name") for tool in tools if isinstance(tool, dict)}
    offered = result.options["tools"]
    kept = [tool for tool in offered if _name(tool) in names] if isinstance(offered, list) else []
    return {"tools": kept, "tool_choice": mode} if kept else {"tool_choice": "none"}


def _name(tool: JsonValue) -> JsonValue:
    match tool:
        case {"function": {"name": name}}:
            return name
    return None


def _check_choice_without_tools(choice: JsonValue, result: ToolOptions) -> None:
    if choice not in {None, "auto", "none"} if isinstance(choice, str) else choice is not None:
        result.refused.append("tool_choice")
