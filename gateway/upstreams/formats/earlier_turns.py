"""What the assistant's earlier turns carry, whichever provider wrote them: reasoning, signatures, ids of calls. Pure.

Clients send back what they were given, often to another provider. What another provider signed means nothing to this
one, and is left out. Fields that only repeat an answer in another form (`reasoning_content`, `annotations`, `audio`
without a value) have no effect, and are left out, too.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.formats.json_values import list_of, object_of

_CARRY_CONTENT = ("audio", "function_call")
"""Fields of a message that no format but chat completions has, and without which it would mean something else."""

_HASH_LENGTH = 8
_THINKING_TYPES = frozenset({"thinking", "redacted_thinking"})


class EarlierReasoning(NamedTuple):
    """Reasoning of an earlier turn: its text with a signature, or encrypted as a whole (`data`)."""

    text: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""


def check_assistant(fields: Mapping[str, JsonValue], path: str) -> None:
    """Raise if a message of the assistant contains what can't be left out.

    Raises:
        UnsupportedOption: naming the field.
    """
    for name in _CARRY_CONTENT:
        if fields.get(name):
            message = f"{path}.{name}: the provider does not support it: leave it out."
            raise UnsupportedOption(message)


def is_thinking(part: JsonObject) -> bool:
    """Return True if a content part is thinking in Anthropic's form."""
    return part.get("type") in _THINKING_TYPES


def earlier_reasoning(fields: Mapping[str, JsonValue], wire_format: str) -> list[EarlierReasoning]:
    """Return the reasoning that a message gives back, and that this wire format wrote.

    It stands in `thinking_blocks` (Anthropic's own form), or in `reasoning_details` (OpenRouter's), whose texts may
    come in pieces, the signature with the last. A text without a signature is returned, too: some servers sign none.
    """
    blocks = list_of(fields.get("thinking_blocks"))
    if blocks and wire_format == "anthropic":
        return [_of_block(object_of(block)) for block in blocks]
    found: list[EarlierReasoning] = []
    text = ""
    for detail in map(object_of, list_of(fields.get("reasoning_details"))):
        if not _is_of(wire_format, detail.get("format")):
            continue
        piece = _of_detail(detail)
        text += piece.text
        if piece.signature or piece.data:
            found.append(piece._replace(text=text))
            text = ""
    return [*found, EarlierReasoning(text)] if text else found


def plain_reasoning(fields: Mapping[str, JsonValue]) -> str:
    """Return the text of reasoning without signatures, as most servers with OpenAI's chat API show it."""
    text = fields.get("reasoning_content") or fields.get("reasoning")
    return text if isinstance(text, str) else ""


def call_signature(call: JsonObject) -> str:
    """Return the signature of a tool call, in our form, Google's or LiteLLM's; "" without one."""
    google = object_of(object_of(call.get("extra_content")).get("google"))
    lite = object_of(call.get("provider_specific_fields"))
    found = (call.get("signature"), google.get("thought_signature"), lite.get("thought_signature"))
    return next((value for value in found if isinstance(value, str) and value), "")


class ToolIds:
    """Maps ids of tool calls to ids that a provider allows: the same for a call and its result, and no two alike.

    Ids of other providers have other lengths and characters (Kimi: `functions.weather:0`), and servers that number
    their calls use the same id in each turn. An allowed id that is new stays as it is.
    """

    def __init__(self, allowed: str = r".*", max_length: int = 64) -> None:
        self._allowed = re.compile(allowed, re.DOTALL)
        self._max_length = max_length
        self._used: set[str] = set()
        self._unanswered: dict[str, list[str]] = {}
        self._last: dict[str, str] = {}

    def of_call(self, call_id: str) -> str:
        """Return the id of the next call."""
        mapped, number = self._allow(call_id), 1
        while mapped in self._used:
            number += 1
            mapped = self._allow(f"{call_id} {number}")
        self._used.add(mapped)
        self._unanswered.setdefault(call_id, []).append(mapped)
        self._last[call_id] = mapped
        return mapped

    def of_result(self, call_id: str) -> str:
        """Return the id of the call that the next result with this id answers."""
        unanswered = self._unanswered.get(call_id)
        return unanswered.pop(0) if unanswered else self._last.get(call_id) or self._allow(call_id)

    def _allow(self, call_id: str) -> str:
        if call_id and len(call_id) <= self._max_length and self._allowed.fullmatch(call_id):
            return call_id
        digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
        plain = re.sub(r"[^a-zA-Z0-9_-]", "_", call_id)[: self._max_length - _HASH_LENGTH - 1]
        return f"{plain}_{digest}"


def _of_block(block: JsonObject) -> EarlierReasoning:
    text, signature, data = (block.get(name) for name in ("thinking", "signature", "data"))
    return EarlierReasoning(_text(text), _text(signature), _text(data))


def _of_detail(detail: JsonObject) -> EarlierReasoning:
    text, signature, data, item_id = (detail.get(name) for name in ("text", "signature", "data", "id"))
    if detail.get("type") == "reasoning.encrypted":
        return EarlierReasoning(data=_text(data), id=_text(item_id))
    return EarlierReasoning(_text(text), _text(signature))


def _is_of(wire_format: str, name: JsonValue) -> bool:
    """Return True if reasoning has a format of this wire format, such as OpenRouter's `anthropic-claude-v1`.

    Without a name it is taken for Anthropic's: no other provider signs text.
    """
    return name.startswith(wire_format) if isinstance(name, str) else wire_format == "anthropic"


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
