"""Read the tools that a page offers. Pure.

The SDK has its tools on the server, so it has no form for them in a request. They may have ours (that of chat
completions), or the one of `ToolSet`: an object by name, each with a JSON Schema, as assistant-ui sends it.
"""

from typing import Final

from pydantic import JsonValue

from gateway.dialects.fields import malformed, objects_at, text_at
from gateway.protocol.commands import JsonObject

_SCHEMAS: Final = ("inputSchema", "parameters", "input_schema")
"""Names of a tool's schema: in the SDK, in chat completions and its version 4, and in Messages."""

_CHOICES: Final = ("auto", "none", "required")


def read_tools(value: JsonValue) -> list[JsonObject]:
    """Return tools in the form of chat completions.

    Raises:
        Refused: they are not valid.
    """
    if isinstance(value, dict):
        return [_tool(name, tool, f"tools.{name[:64]}") for name, tool in value.items()]
    tools: list[JsonObject] = []
    for at, tool in enumerate(objects_at(value, "tools")):
        is_ours = "function" in tool or not ("name" in tool or any(name in tool for name in _SCHEMAS))
        path = f"tools[{at}]"
        tools.append(tool if is_ours else _tool(text_at(tool.get("name"), f"{path}.name"), tool, path))
    return tools


def read_tool_choice(value: JsonValue) -> JsonValue:
    """Return which tool the model must call, in the form of chat completions.

    Raises:
        Refused: it is not valid.
    """
    match value:
        case {"type": "tool", "toolName": str(name)}:
            return {"type": "function", "function": {"name": name}}
        case str() if value in _CHOICES:
            return value
        case {"type": "function"}:
            return value
    raise malformed("toolChoice", f"must be one of {', '.join(_CHOICES)}, or {{type: 'tool', toolName}}")


def _tool(name: str, tool: JsonValue, path: str) -> JsonObject:
    if not isinstance(tool, dict):
        raise malformed(path, "must be an object with inputSchema, a JSON Schema")
    schema = next((tool[key] for key in _SCHEMAS if key in tool), None)
    if isinstance(schema, dict) and isinstance(inner := schema.get("jsonSchema"), dict):
        # What the SDK's `jsonSchema()` returns.
        schema = inner
    if not isinstance(schema, dict):
        raise malformed(f"{path}.inputSchema", "must be a JSON Schema, such as z.toJSONSchema(schema) returns")
    function: JsonObject = {"name": name, "parameters": schema}
    function |= {key: tool[key] for key in ("description", "strict") if tool.get(key) is not None}
    return {"type": "function", "function": function}
