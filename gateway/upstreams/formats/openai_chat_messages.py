"""Build the messages of chat completions: what earlier answers carry, in the form that the next server takes. Pure.

Clients give back what they were given, often to another provider. Fields that a server does not know are refused by
some (Mistral, Groq), so reasoning, signatures and ids are sent in the form of the server (`Quirks`), or left out.
"""

import re
from collections.abc import Mapping
from typing import Final

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.base import Quirks
from gateway.upstreams.formats.call_ids import hash_of
from gateway.upstreams.formats.earlier_turns import (
    EarlierReasoning,
    is_thinking,
    plain_reasoning,
    reasoning_details,
    thinking_blocks,
)
from gateway.upstreams.formats.json_values import list_of, object_of, objects_of
from gateway.upstreams.formats.thought_signatures import STAND_IN, call_signature, is_before_gemini_3

_PLAIN: Final = ("reasoning_content", "reasoning")
_OF_CALLS: Final = frozenset({"signature", "extra_content", "provider_specific_fields", "index"})
"""Fields of a tool call that come with an answer, and that a request does not have."""

_FORMATS: Final[Mapping[str, str]] = {
    "anthropic": "anthropic-claude-v1",
    "gemini": "google-gemini-v1",
    "openai": "openai-responses-v1",
    "openai-responses": "openai-responses-v1",
}
"""OpenRouter's names of formats (openrouter.ai/docs, "Reasoning Tokens"), by ours."""


def build_message(message: JsonObject, model: str, quirks: Quirks, *, as_sent: bool = False) -> JsonObject:
    """Build one message for a server with these quirks.

    `as_sent`: the client speaks this API, so a server that takes any reasoning gets each field as it came.
    """
    # An answer's own null fields (`refusal`, `audio`) say nothing, and some servers refuse them.
    fields: JsonObject = {name: value for name, value in message.items() if value is not None or name == "content"}
    if fields["role"] == "developer" and not quirks.developer_role:
        fields["role"] = "system"
    if fields["role"] == "tool":
        if isinstance(call_id := fields.get("tool_call_id"), str):
            fields["tool_call_id"] = map_id(call_id, quirks)
        fields["content"] = fields.get("content") or ""
    if fields["role"] == "assistant":
        calls = [*map(object_of, list_of(fields.get("tool_calls")))]
        if calls:
            # The fields of a call that come with an answer go back to the API that they may have come from.
            dropped = frozenset[str]() if as_sent and quirks.tool_signatures == "as_sent" else _OF_CALLS
            fields["tool_calls"] = [
                _build_call(call, model, quirks, dropped, is_first=not at) for at, call in enumerate(calls)
            ]
        elif fields.get("content") is None:
            fields["content"] = ""
        if not (as_sent and _takes_as_sent(fields, quirks)):
            _build_reasoning(fields, quirks, called=bool(calls))
    return fields


def _takes_as_sent(fields: JsonObject, quirks: Quirks) -> bool:
    """Return True if a server takes every field of an earlier answer, and this one has the reasoning of no other."""
    if quirks.reasoning == "reasoning_details":
        return not any(detail.get("format") in _FORMATS for detail in objects_of(fields.get("reasoning_details")))
    return quirks.reasoning == "as_sent"


def _build_reasoning(fields: JsonObject, quirks: Quirks, *, called: bool) -> None:
    """Replace what an earlier answer carries beside its text by what the server takes of it."""
    content = fields.get("content")
    thoughts = _thoughts(fields)
    if isinstance(content, list):
        fields["content"] = [part for part in content if not is_thinking(object_of(part))]
    plain = {name: fields[name] for name in _PLAIN if fields.get(name)} if quirks.reasoning == "as_sent" else {}
    for name in (*_PLAIN, "reasoning_details", "thinking_blocks", "annotations", "images"):
        fields.pop(name, None)
    if quirks.tool_signatures == "none":
        fields.pop("extra_content", None)
    fields |= plain or _reasoning(thoughts, quirks, called=called)
    signature = next((each.signature for each in thoughts if each.signature and _is_googles(each.format)), "")
    if signature and quirks.tool_signatures == "google":
        fields["extra_content"] = {"google": {"thought_signature": signature}}


def _build_call(call: JsonObject, model: str, quirks: Quirks, dropped: frozenset[str], *, is_first: bool) -> JsonObject:
    built: JsonObject = {name: value for name, value in call.items() if name not in dropped}
    if isinstance(call_id := call.get("id"), str):
        built["id"] = map_id(call_id, quirks)
    function = object_of(call.get("function"))
    if function.get("arguments") in ("", None) and "name" in function:
        built["function"] = {**function, "arguments": "{}"}
    signature = call_signature(call)
    # Of parallel calls, only the first has a signature; earlier models have none.
    if not signature and quirks.tool_signatures == "google" and is_first and not is_before_gemini_3(model):
        signature = STAND_IN
    if signature and quirks.tool_signatures != "none" and "extra_content" not in built:
        built["extra_content"] = {"google": {"thought_signature": signature}}
    return built


def map_id(call_id: str, quirks: Quirks) -> str:
    """Return the id of a tool call as the server allows it; one that it does not allow becomes a hash of it.

    Mistral: "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9". OpenAI: "string too long. Expected a
    string with maximum length 40".
    """
    digest = hash_of(call_id)
    if quirks.tool_ids == "9_alphanumerics" and not re.fullmatch(r"[A-Za-z0-9]{9}", call_id):
        return digest[:9]
    return f"call_{digest[:35]}" if quirks.tool_ids == "40_characters" and len(call_id) > 40 else call_id


def _thoughts(fields: JsonObject) -> list[EarlierReasoning]:
    """Return the reasoning that a message gives back, from the form that says most."""
    if details := reasoning_details(fields):
        return details
    in_content = [part for part in objects_of(fields.get("content")) if is_thinking(part)]
    if blocks := thinking_blocks([*objects_of(fields.get("thinking_blocks")), *in_content]):
        return blocks
    plain = plain_reasoning(fields)
    return [EarlierReasoning(plain)] if plain else []


def _reasoning(thoughts: list[EarlierReasoning], quirks: Quirks, *, called: bool) -> JsonObject:
    """Build the field in which the server takes earlier reasoning."""
    text = "".join(thought.text for thought in thoughts)
    # Beside tool calls, DeepSeek and Moonshot require the field, even an empty one (continuedev/continue #11285).
    if quirks.reasoning == "reasoning_content" and (text or called):
        return {"reasoning_content": text}
    if quirks.reasoning == "reasoning_details" and thoughts:
        if all(not (thought.signature or thought.data or thought.format) for thought in thoughts):
            return {"reasoning": text}
        return {"reasoning_details": [_detail(thought) for thought in thoughts]}
    if quirks.reasoning == "thinking_blocks" and (blocks := [*filter(None, map(_block, thoughts))]):
        return {"thinking_blocks": [*blocks]}
    return {}


def _detail(thought: EarlierReasoning) -> JsonObject:
    name: JsonObject = {"format": _FORMATS.get(thought.format, thought.format)} if thought.format else {}
    if thought.data:
        return {"type": "reasoning.encrypted", "data": thought.data, **name}
    signature: JsonObject = {"signature": thought.signature} if thought.signature else {}
    return {"type": "reasoning.text", "text": thought.text, **signature, **name}


def _block(thought: EarlierReasoning) -> JsonObject:
    """Build Anthropic's block; an empty one for reasoning that Anthropic did not sign, which it would refuse."""
    if not thought.format.startswith("anthropic"):
        return {}
    if thought.data:
        return {"type": "redacted_thinking", "data": thought.data}
    return {"type": "thinking", "thinking": thought.text, "signature": thought.signature} if thought.signature else {}


def _is_googles(name: str) -> bool:
    return name.startswith(("gemini", "google"))
