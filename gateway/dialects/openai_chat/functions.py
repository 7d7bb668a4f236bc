"""Convert the outdated functions of chat completions to tools. Pure.

Source: platform.openai.com/docs/api-reference/chat/create, `functions` and `function_call`, "Deprecated in favor of
`tools`". Such a client gets a call as `function_call` in return, which is one call at most.
"""

from pydantic import JsonValue

from gateway.dialects.fields import malformed
from gateway.protocol.commands import JsonObject


def uses_functions(body: JsonObject) -> bool:
    """Return True if a client expects a call as `function_call`."""
    return bool(body.get("functions"))


def with_tools(body: JsonObject) -> JsonObject:
    """Return a body in which functions, calls of them and their results are those of tools.

    Raises:
        Refused: it has tools, too, or functions that are no list.
    """
    changed: JsonObject = {}
    if uses_functions(body):
        changed["tools"] = _tools(body)
        if "function_call" in body:
            changed["tool_choice"] = _tool_choice(body["function_call"])
    messages = body.get("messages")
    if isinstance(messages, list) and any(map(_is_outdated, messages)):
        changed["messages"] = _messages(messages)
    return {**body, **changed} if changed else body


def _tools(body: JsonObject) -> list[JsonValue]:
    functions = body["functions"]
    if body.get("tools") or not isinstance(functions, list):
        raise malformed("functions", "is outdated: send tools alone" if body.get("tools") else "must be a list")
    return [{"type": "function", "function": function} for function in functions]


def _tool_choice(choice: JsonValue) -> JsonValue:
    return {"type": "function", "function": choice} if isinstance(choice, dict) else choice


def _is_outdated(message: JsonValue) -> bool:
    return isinstance(message, dict) and (message.get("role") == "function" or bool(message.get("function_call")))


def _messages(messages: list[JsonValue]) -> list[JsonValue]:
    """Return the messages with an id for each call, by which its result names it: functions have none."""
    converted: list[JsonValue] = []
    call_id = "call_0"
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or not _is_outdated(message):
            converted.append(message)
        elif message.get("role") == "function":
            rest = {name: value for name, value in message.items() if name not in {"role", "name"}}
            converted.append({**rest, "role": "tool", "tool_call_id": call_id})
        else:
            call_id = f"call_{at}"
            rest = {name: value for name, value in message.items() if name != "function_call"}
            call: JsonObject = {"id": call_id, "type": "function", "function": message["function_call"]}
            converted.append({**rest, "tool_calls": [call]})
    return converted
