"""Read a request of the AI SDK's chat transports. Pure.

Source: ai-sdk.dev/docs/ai-sdk-ui/transport. Of its body the SDK sets `id`, `messages`, `trigger` and `messageId`; all
else comes from the application (`body`), and has the names of a native start, or those of the SDK.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from gateway.dialects.ai_sdk.conversation import Conversation
from gateway.dialects.ai_sdk.tools import read_tool_choice, read_tools
from gateway.dialects.base import Call, DialectStart
from gateway.dialects.fields import malformed, objects_at, text_at
from gateway.protocol.commands import JsonObject, StartRequest, parse

VERSION_HEADER: Final = "x-ai-sdk-version"
"""Header by which an application says which version of the SDK it uses; without it, the newest."""

RESETTING_VERSION: Final = 7
"""The first version that knows `reset-step`."""

MAX_CHAT_ID: Final = 256
"""Maximum characters of a chat's id."""

MESSAGE_ID: Final = "ai_sdk.message_id"
"""Metadata of a generation that continues a message of the chat: the id of that message."""

_MAX_MESSAGE_ID: Final = 256
_SDK_FIELDS: Final = frozenset({"id", "messages", "trigger", "messageId", "tools", "toolChoice", "system"})
_TRIGGERS: Final = ("submit-message", "regenerate-message")


def parse_call(call: Call) -> DialectStart:
    """Return the start that a request asks for; its alias is the id of the chat.

    Raises:
        Refused: it is not valid.
    """
    body: JsonObject = {name: value for name, value in call.body.items() if value is not None}
    chat_id = _chat_id(body)
    given = _messages_of(body)
    conversation = Conversation()
    if "system" in body:
        conversation.messages.append({"role": "system", "content": text_at(body["system"], "system")})
    for at, message in enumerate(given):
        conversation.add(message, f"messages[{at}]")
    taken: JsonObject = {name: value for name, value in body.items() if name not in _SDK_FIELDS}
    if "tools" in body and (tools := read_tools(body["tools"])):
        taken["tools"] = [*tools]
    if "toolChoice" in body:
        taken["tool_choice"] = read_tool_choice(body["toolChoice"])
    request = parse(StartRequest, {**taken, "messages": [*conversation.messages]})
    if continued := _continued_message(given):
        request = request.model_copy(update={"metadata": {**request.metadata, MESSAGE_ID: continued}})
    # The messages are in the start already, and may be large.
    return DialectStart(request, stream=True, call=replace(call, body={}), alias=chat_id)


def knows_reset(headers: Mapping[str, str]) -> bool:
    """Return True unless the application says that its SDK does not know `reset-step`.

    Raises:
        Refused: the header is not a version.
    """
    version = headers.get(VERSION_HEADER, "").strip()
    major = version.partition(".")[0]
    if version and not (major.isascii() and major.isdigit() and len(major) < 4):
        raise malformed(VERSION_HEADER, "must be a version of the AI SDK, such as 6 or 7.0.1")
    return not version or int(major) >= RESETTING_VERSION


def message_id_of(generation_id: str, metadata: Mapping[str, str]) -> str:
    """Return the id of the message that a generation writes."""
    return metadata.get(MESSAGE_ID) or f"msg_{generation_id.removeprefix('g_')}"


def _chat_id(body: JsonObject) -> str:
    chat_id, trigger = body.get("id", ""), body.get("trigger", _TRIGGERS[0])
    if not isinstance(chat_id, str) or len(chat_id) > MAX_CHAT_ID:
        raise malformed("id", f"must be a string of at most {MAX_CHAT_ID} characters")
    if trigger not in _TRIGGERS:
        raise malformed("trigger", f"must be one of {', '.join(_TRIGGERS)}")
    return chat_id


def _messages_of(body: JsonObject) -> list[JsonObject]:
    if "messages" not in body:
        problem = "is missing: send all messages of the chat; the gateway stores no conversations"
        raise malformed("messages", problem)
    return objects_at(body["messages"], "messages")


def _continued_message(messages: list[JsonObject]) -> str:
    """Return the id of the last message if it is the assistant's; "" for a new message.

    The SDK adds to its last message then: the results of its tools have come.
    """
    last: JsonValue = messages[-1] if messages else None
    if not isinstance(last, dict) or last.get("role") != "assistant":
        return ""
    message_id = text_at(last.get("id", ""), f"messages[{len(messages) - 1}].id")
    if len(message_id) > _MAX_MESSAGE_ID:
        raise malformed(f"messages[{len(messages) - 1}].id", f"must have at most {_MAX_MESSAGE_ID} characters")
    return message_id
