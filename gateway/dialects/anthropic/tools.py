"""The tools of a request of the Messages API in OpenAI's form. Pure (docs.anthropic.com, "Tool use")."""

from typing import Final

from pydantic import JsonValue

from gateway.dialects.fields import malformed, named
from gateway.protocol.commands import JsonObject

_HARMLESS_TOOLS: Final = ("tool_search_tool_",)
"""Tools of Anthropic's servers that others do without: all deferred tools are sent to them at once."""


def read_tools(body: JsonObject, untranslated: list[str]) -> JsonObject:
    """Return the options for the tools of a body, and which of them the model may or must call.

    Raises:
        Refused: a field has the wrong form.
    """
    functions, choice = _functions(body, untranslated), _tool_choice(body.get("tool_choice"))
    # Without tools, most providers refuse the options that are about them.
    return {"tools": [*functions], **choice} if functions else {}


def _functions(body: JsonObject, untranslated: list[str]) -> list[JsonObject]:
    tools = body.get("tools")
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise malformed("tools", "must be a list")
    return [function for at, tool in enumerate(tools) if (function := _tool(tool, f"tools[{at}]", untranslated))]


def _tool(tool: JsonValue, path: str, untranslated: list[str]) -> JsonObject | None:
    """Return a function; None for a tool that Anthropic defines: only harmless ones are left out in silence."""
    if not isinstance(tool, dict):
        raise malformed(path, "must be an object")
    kind = tool.get("type") or "custom"
    if kind != "custom":
        if not str(kind).startswith(_HARMLESS_TOOLS):
            untranslated.append(named(path, kind))
        return None
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str):
        raise malformed(f"{path}.name", "must be a string")
    if not isinstance(schema, dict):
        raise malformed(f"{path}.input_schema", "must be an object, a JSON schema")
    function: JsonObject = {"name": name, "parameters": schema}
    function |= {field: tool[field] for field in ("description", "strict") if tool.get(field) is not None}
    return {"type": "function", "function": function}


def _tool_choice(choice: JsonValue) -> JsonObject:
    if choice is None:
        return {}
    if not isinstance(choice, dict):
        raise malformed("tool_choice", "must be an object")
    one_call: JsonObject = {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") is True else {}
    match choice:
        case {"type": "auto" | "none" as kind}:
            return {"tool_choice": kind, **one_call}
        case {"type": "any"}:
            return {"tool_choice": "required", **one_call}
        case {"type": "tool", "name": str() as name}:
            return {"tool_choice": {"type": "function", "function": {"name": name}}, **one_call}
    raise malformed("tool_choice", "must have the type auto, any, none, or tool with its name")
