"""Build the chunks of a chat completion. Pure.

Source: platform.openai.com/docs/api-reference/chat-streaming.
"""

from collections.abc import Mapping
from typing import Final, Literal

import orjson
from pydantic import JsonValue

from gateway.dialects.base import ProjectedEvent, ResponseIdentity
from gateway.dialects.openai_chat.usage import usage_object
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage

DONE: Final = ProjectedEvent(b"[DONE]")

TextField = Literal["content", "refusal", "reasoning_content"]
"""Fields of a delta that hold text. DeepSeek's name of reasoning is the one that most clients read."""

_HEAD: Final = ("id", "created", "model")
_SERVICE_TIERS: Final = ("auto", "default", "flex", "scale", "priority", "fast")


def response_id(generation_id: str) -> str:
    """Return the id of a response, from which the id of its generation can be read."""
    return f"chatcmpl-{generation_id}"


def response_fields(response: Mapping[str, JsonValue]) -> JsonObject:
    """Return what a provider says of its response, as far as this API has a field for it and knows the value."""
    tier, fingerprint = response.get("service_tier"), response.get("system_fingerprint")
    fields: JsonObject = {"service_tier": tier} if tier in _SERVICE_TIERS else {}
    return {**fields, **({"system_fingerprint": fingerprint} if fingerprint else {})}


class EventWriter:
    """Builds the chunks of one response. With `usage`, they all have that field, as in OpenAI's own."""

    def __init__(self, identity: ResponseIdentity, *, usage: bool) -> None:
        self._head: JsonObject = {
            "id": response_id(identity.generation_id),
            "object": "chat.completion.chunk",
            "created": identity.created,
            "model": identity.model,
        }
        self._no_usage: JsonObject = {"usage": None} if usage else {}
        self.suffix = b'},"logprobs":null,"finish_reason":null}]%b}' % (b',"usage":null' if usage else b"")
        """What stands behind a text."""
        self._prefixes: dict[TextField, bytes] = {}

    def continue_response(self, chunk: Mapping[str, JsonValue]) -> None:
        """Build further chunks of a response that the provider's own chunks have begun."""
        self._head |= {name: chunk[name] for name in _HEAD if name in chunk}
        self._prefixes.clear()

    def prefix(self, field: TextField) -> bytes:
        """Return what stands before a text, which is a JSON string."""
        if field not in self._prefixes:
            head = orjson.dumps({**self._head, "choices": []}).removesuffix(b"]}")
            self._prefixes[field] = b'%b{"index":0,"delta":{"%b":' % (head, field.encode())
        return self._prefixes[field]

    def role(self) -> ProjectedEvent:
        """Return the first chunk. The helpers of OpenAI's own SDK need its role."""
        return self.delta({"role": "assistant", "content": ""})

    def delta(
        self,
        delta: Mapping[str, JsonValue],
        finish_reason: str | None = None,
        logprobs: JsonObject | None = None,
        further: Mapping[str, JsonValue] | None = None,
    ) -> ProjectedEvent:
        """Return the chunk of a delta; `further` are fields beside its choice."""
        choice: JsonObject = {"index": 0, "delta": {**delta}, "logprobs": logprobs, "finish_reason": finish_reason}
        return _event({**self._head, **(further or {}), "choices": [choice], **self._no_usage})

    def usage(self, usage: Usage) -> ProjectedEvent:
        """Return the chunk with the usage figures, which has no choice."""
        return _event({**self._head, "choices": [], "usage": usage_object(usage)})


def _event(chunk: JsonObject) -> ProjectedEvent:
    return ProjectedEvent(orjson.dumps(chunk))
