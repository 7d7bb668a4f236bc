"""Convert the tools of a Gemini request to those of OpenAI's chat completions. Pure.

Sources: ai.google.dev/api/caching, "Tool" and "ToolConfig", and the guide "Function calling".
"""

from typing import Final

from pydantic import JsonValue

from gateway.dialects.gemini.fields import Fields
from gateway.dialects.gemini.schema import json_schema
from gateway.protocol.commands import JsonObject

_EMPTY_PARAMETERS: Final[JsonObject] = {"type": "object", "properties": {}}

_HARMLESS: Final = frozenset({"behavior", "response", "responseJsonSchema"})
"""Fields of a function without a counterpart that do not change how it is called."""


def read_tools(body: Fields, untranslated: list[str]) -> JsonObject:
    """Return the options for the tools of a request: functions, and which of them the model may or must call.

    A tool that Google runs itself has no counterpart.
    """
    functions: list[JsonObject] = []
    for tool in body.messages("tools"):
        functions += [_function(each) for each in tool.messages("functionDeclarations")]
        # An empty object switches a tool on.
        untranslated += [tool.path_of(name) for name in tool.values if name not in tool.taken]
    config = body.message("toolConfig")
    calling = None if config is None else config.message("functionCallingConfig")
    mode = "" if calling is None else calling.text("mode").upper()
    allowed = None if calling is None else calling.take("allowedFunctionNames")
    if isinstance(allowed, list) and allowed:
        functions = [each for each in functions if each["name"] in allowed]
    if not functions:
        return {}
    tools: list[JsonValue] = [{"type": "function", "function": each} for each in functions]
    choice = {"NONE": "none", "ANY": "required"}.get(mode, "auto")
    return {"tools": tools, **({"tool_choice": choice} if mode else {})}


def _function(declared: Fields) -> JsonObject:
    parameters = declared.take("parametersJsonSchema") or json_schema(declared.take("parameters"))
    described = {"description": text} if (text := declared.text("description")) else {}
    return {"name": declared.required("name"), **described, "parameters": parameters or {**_EMPTY_PARAMETERS}}
