"""Translate the items of a request's input to the messages of chat completions. Pure.

What one turn of the assistant brought as several items (reasoning, text, calls) becomes one message.
"""

from collections.abc import Sequence
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.dialects.fields import malformed, named, objects_at, text_at
from gateway.dialects.openai_responses.tool_names import ADDITIONAL, NAMESPACE, function_name
from gateway.dialects.openai_responses.tools import INPUT
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of
from gateway.upstreams.formats.openai_responses_items import FORMAT
from gateway.upstreams.formats.sealed_reasoning import is_sealed, unseal

HOSTED_CALLS: Final = frozenset(
    {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"}
    | {"mcp_list_tools", "mcp_call", "tool_search_call", "tool_search_output"}
)
"""Types of items that tell what a provider's own tools did: the answer after them says what came of it."""

_NO_MESSAGES: Final = HOSTED_CALLS | {ADDITIONAL}
"""Types of items that another provider can do without."""

_ROLES: Final = frozenset({"system", "developer", "user", "assistant"})


def input_items(value: JsonValue) -> list[JsonObject]:
    """Return the input of a request as items; a string is a message of the user.

    Raises:
        Refused: it is neither a string nor a list of objects.
    """
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    if not isinstance(value, list):
        raise malformed("input", "must be a string or a list of items")
    return objects_at(value, "input")


class Conversation:
    """Collects the messages that items stand for. `untranslated` names what only this API has."""

    def __init__(self) -> None:
        self.messages: list[JsonObject] = []
        self.untranslated: list[str] = []
        self._turn: JsonObject | None = None
        """The message of the assistant that the next items may belong to."""
        self._signatures: dict[str, str] = {}
        """Thought signatures of calls, by the call's id."""

    def add(self, item: JsonObject, path: str) -> None:
        """Add an item; `path` names it in messages.

        Raises:
            Refused: it is not valid.
        """
        kind = item.get("type") or ("message" if "role" in item else None)
        match kind:
            case "message":
                self._add_message(item, path)
            case "reasoning":
                self._add_reasoning(item)
            case "function_call" | "custom_tool_call":
                self._add_call(item, path)
            case "function_call_output" | "custom_tool_call_output":
                self._add_result(item, path)
            case "item_reference":
                raise malformed(path, "refers to an item that is not stored here: send the item itself")
            case str():
                if kind not in _NO_MESSAGES:
                    self.untranslated.append(named(path, kind))
            case _:
                raise malformed(f"{path}.type", "must be a string, such as message")

    def _assistant(self) -> JsonObject:
        if self._turn is None:
            self._turn = {"role": "assistant", "content": None}
            self.messages.append(self._turn)
        return self._turn

    def _add_message(self, item: JsonObject, path: str) -> None:
        role = item.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise malformed(f"{path}.role", f"must be one of: {', '.join(sorted(_ROLES))}")
        content = self._content(item.get("content"), f"{path}.content")
        if role != "assistant":
            self._turn = None
            self.messages.append({"role": role, "content": content})
            return
        _add_content(self._assistant(), content)

    def _content(self, content: JsonValue, path: str) -> JsonValue:
        """Return content in the form of chat completions: a string if it is a single text."""
        if not isinstance(content, list):
            return content
        parts = [part for at, given in enumerate(content) if (part := self._part(given, f"{path}[{at}]"))]
        match parts:
            case [{"type": "text", "text": str(text)}]:
                return text
        return [*parts]

    def _part(self, part: JsonValue, path: str) -> JsonObject | None:
        match part:
            case {"type": "input_text" | "output_text" | "text" | "summary_text", "text": str(text)}:
                return {"type": "text", "text": text}
            case {"type": "refusal", "refusal": str(text)}:
                return {"type": "refusal", "refusal": text}
            case {"type": "input_image", "image_url": str(url)}:
                detail = object_of(part).get("detail")
                return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}
            case {"type": "input_file", "file_data": str(data)}:
                name = object_of(part).get("filename")
                return {"type": "file", "file": {"file_data": data, **({"filename": name} if name else {})}}
            case {"type": "input_audio", "input_audio": dict(audio)}:
                return {"type": "input_audio", "input_audio": audio}
            case {"type": str(kind)}:
                self.untranslated.append(named(path, kind))
                return None
        raise malformed(f"{path}.type", "must be a string, such as input_text")

    def _add_reasoning(self, item: JsonObject) -> None:
        encrypted = item.get("encrypted_content")
        fields = unseal(encrypted) if isinstance(encrypted, str) and is_sealed(encrypted) else {}
        match fields:
            case {"call": str(call_id), "signature": str(signature)}:
                self._sign(call_id, signature)
                return
        texts = (item.get("content"), item.get("summary"))
        text = next((text for parts in texts if (text := _text_of(parts))), "")
        details: list[JsonValue] = []
        if fields:
            kind = "reasoning.encrypted" if "data" in fields else "reasoning.text"
            details = [{"type": kind, **({"text": text} if text and kind == "reasoning.text" else {}), **fields}]
        elif isinstance(encrypted, str) and encrypted:
            item_id = item.get("id")
            known: JsonObject = {"id": item_id} if isinstance(item_id, str) else {}
            details = [{"type": "reasoning.encrypted", "data": encrypted, "format": FORMAT, **known}]
        turn = self._assistant()
        if details:
            earlier = turn.get("reasoning_details")
            turn["reasoning_details"] = [*(earlier if isinstance(earlier, list) else ()), *details]
        elif text:
            earlier_text = turn.get("reasoning_content")
            turn["reasoning_content"] = f"{earlier_text}\n\n{text}" if earlier_text else text

    def _sign(self, call_id: str, signature: str) -> None:
        """Set the thought signature of a call, whether it stands before the call or after it."""
        self._signatures[call_id] = signature
        calls = None if self._turn is None else self._turn.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict) and call["id"] == call_id:
                call["signature"] = signature

    def _add_call(self, item: JsonObject, path: str) -> None:
        call_id, name = text_at(item.get("call_id"), f"{path}.call_id"), text_at(item.get("name"), f"{path}.name")
        if item["type"] == "custom_tool_call":
            arguments = orjson.dumps({INPUT: text_at(item.get("input"), f"{path}.input")}).decode()
        else:
            arguments = text_at(item.get("arguments"), f"{path}.arguments")
        call: JsonObject = {
            "id": call_id,
            "type": "function",
            "function": {"name": function_name(name, item.get(NAMESPACE)), "arguments": arguments},
        }
        if signature := self._signatures.get(call_id):
            call["signature"] = signature
        turn = self._assistant()
        calls = turn.get("tool_calls")
        turn["tool_calls"] = [*(calls if isinstance(calls, list) else ()), call]

    def _add_result(self, item: JsonObject, path: str) -> None:
        call_id = text_at(item.get("call_id"), f"{path}.call_id")
        output = item.get("output")
        if not isinstance(output, str | list):
            raise malformed(f"{path}.output", "must be a string or a list of content parts")
        self._turn = None
        self.messages.append(
            {"role": "tool", "tool_call_id": call_id, "content": self._content(output, f"{path}.output")}
        )


def messages_of(items: Sequence[JsonObject], instructions: JsonValue) -> Conversation:
    """Return the messages that a request stands for, its instructions first.

    Raises:
        Refused: an item is not valid.
    """
    conversation = Conversation()
    if not isinstance(instructions, str | None):
        raise malformed("instructions", "must be a string")
    if instructions:
        conversation.messages.append({"role": "system", "content": instructions})
    for at, item in enumerate(items):
        conversation.add(item, f"input[{at}]")
    return conversation


def _add_content(turn: JsonObject, content: JsonValue) -> None:
    """Add the content of one more message to a turn. It may have thousands: each part is copied once."""
    earlier = turn["content"]
    if not earlier:
        turn["content"] = content
    elif isinstance(earlier, list):
        earlier += _parts(content)
    else:
        turn["content"] = [*_parts(earlier), *_parts(content)]


def _parts(content: JsonValue) -> Sequence[JsonValue]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else []


def _text_of(parts: JsonValue) -> str:
    objects = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return "\n\n".join(text for part in objects if isinstance(text := part.get("text"), str))
