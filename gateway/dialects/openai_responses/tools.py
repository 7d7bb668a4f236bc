"""Translate the tools of a request to those of chat completions. Pure.

A custom tool (free text in place of JSON) becomes a function with one string `input`: every provider has functions, and
only OpenAI has the other. A tool in a namespace becomes one with a longer name. The projection turns their calls back.
A tool that the provider runs itself has no counterpart: those that an agent offers in every request are left out, and
any other one is named in `untranslated`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from gateway.dialects.fields import malformed, named
from gateway.dialects.openai_responses.tool_names import NAMESPACE, DeclaredTool, declared_tools, function_name
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of, text_of

INPUT: Final = "input"
"""The parameter that holds the text of a custom tool's call."""

_OPTIONAL: Final = frozenset(
    {"tool_search", "web_search", "web_search_2025_08_26", "web_search_preview"} | {"web_search_preview_2025_03_11"}
)
"""Types of tools that agents offer in every request, whether they are needed or not (Codex)."""


@dataclass(slots=True)
class ToolOptions:
    """The options of a start that stand for the tools of a request, and what none of them can express."""

    options: JsonObject = field(default_factory=dict)
    untranslated: list[str] = field(default_factory=list)
    """Fields that only a provider with this API can honour."""


def read_tools(body: Mapping[str, JsonValue], items: Sequence[JsonObject] = ()) -> ToolOptions:
    """Return the options that the tools of a request stand for, with those that its items announce.

    Raises:
        Refused: they are not valid.
    """
    if not isinstance(body.get("tools"), list | None):
        raise malformed("tools", "must be a list of objects")
    result = ToolOptions()
    # Of a tool that is announced again, the last announcement counts.
    functions: dict[str, JsonValue] = {}
    for declared in declared_tools({"tools": body.get("tools"), "input": [*items]}):
        if (function := _tool(declared, result)) is not None:
            functions[str(function["name"])] = {"type": "function", "function": function}
    if not functions:
        # Without tools, most providers refuse the options that are about them.
        _check_choice_without_tools(body.get("tool_choice"), result)
        return result
    result.options["tools"] = [*functions.values()]
    if (choice := body.get("tool_choice")) is not None:
        result.options |= _choice(choice, result)
    if body.get("parallel_tool_calls") is not None:
        result.options["parallel_tool_calls"] = body["parallel_tool_calls"]
    return result


def _tool(declared: DeclaredTool, result: ToolOptions) -> JsonObject | None:
    """Return the function that stands for a tool; None if it is left out."""
    tool, path = object_of(declared.tool), declared.path
    kind, name = text_of(tool.get("type")), text_of(tool.get("name"))
    if kind is None:
        raise malformed(f"{path}.type", "must be a string, such as function")
    if kind in {"function", "custom"}:
        if name is None:
            raise malformed(f"{path}.name", "is missing")
        function = _function(tool) if kind == "function" else _custom(tool)
        return {"name": function_name(name, declared.namespace), **function}
    if kind not in _OPTIONAL:
        result.untranslated.append(named(path, kind))
    return None


def _function(tool: JsonObject) -> JsonObject:
    names = ("description", "parameters", "strict")
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
    return {"description": "\n\n".join(described), "parameters": parameters}


def _choice(choice: JsonValue, result: ToolOptions) -> JsonObject:
    match choice:
        case str():
            return {"tool_choice": choice}
        case {"type": "function" | "custom", "name": str(name)}:
            return {"tool_choice": {"type": "function", "function": {"name": _chosen(name, object_of(choice))}}}
        case {"type": "allowed_tools", "tools": list(tools), **rest}:
            return _allowed(tools, str(rest.get("mode") or "auto"), result)
    result.untranslated.append("tool_choice")
    return {}


def _allowed(tools: Sequence[JsonValue], mode: str, result: ToolOptions) -> JsonObject:
    """Keep only the tools that may be called: no other API has `allowed_tools`."""
    names = {_chosen(str(tool.get("name")), tool) for tool in tools if isinstance(tool, dict)}
    offered = result.options["tools"]
    kept = [tool for tool in offered if _name(tool) in names] if isinstance(offered, list) else []
    return {"tools": kept, "tool_choice": mode} if kept else {"tool_choice": "none"}


def _chosen(name: str, fields: JsonObject) -> str:
    return function_name(name, fields.get(NAMESPACE))


def _name(tool: JsonValue) -> JsonValue:
    match tool:
        case {"function": {"name": name}}:
            return name
    return None


def _check_choice_without_tools(choice: JsonValue, result: ToolOptions) -> None:
    if choice not in {None, "auto", "none"} if isinstance(choice, str) else choice is not None:
        result.untranslated.append("tool_choice")
