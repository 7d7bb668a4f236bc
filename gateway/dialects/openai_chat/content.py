"""The content of a log as chunks of a chat completion. Pure."""

from dataclasses import replace
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.dialects.base import DialectStart, ProjectedEvent
from gateway.dialects.entries import REASONING_AT, TEXT_AT
from gateway.dialects.openai_chat import parts
from gateway.dialects.openai_chat.functions import uses_functions
from gateway.dialects.openai_chat.request import custom_tools
from gateway.dialects.openai_chat.writer import EventWriter, TextField
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part, SignedReasoning, ToolCall


class Content:
    """Builds the chunks of content, and keeps what reaches from one to the next."""

    def __init__(self, start: DialectStart, chunks: EventWriter) -> None:
        self._chunks = chunks
        self._customs = custom_tools(start)
        self._with_functions = uses_functions(start.call.body)
        self.continues_text = False
        """The next text is nothing but one more piece: its chunk is `prefix`, its JSON string, and `chunks.suffix`."""
        self.prefix = b""
        self.calls = 0
        """Number of tool calls so far, all texts included."""
        self._first_call = 0
        """Index of the first call of the present text."""
        self._custom_calls: set[int] = set()
        """Indexes of calls of custom tools."""
        self._text_field: TextField = "content"
        self._separator = ""
        """Text that stands before the next one."""
        self._thought: list[bytes] = []
        """Reasoning that may yet be signed: its JSON strings, without quotes."""
        self._logprobs: list[JsonValue] = []
        """Log probabilities of the next text."""
        self._counts: dict[str, int] = {}
        """Index of the last item, by field of a message."""

    def begin_text(self, separator: str = "") -> None:
        """Begin another text, after the present one and a separator."""
        self.continues_text = False
        self._text_field, self._separator, self._first_call = "content", separator, self.calls

    def text(self, data: bytes) -> list[ProjectedEvent]:
        """Return the chunks of a text, from the data of its entry."""
        events: list[ProjectedEvent] = []
        if self._separator:
            events.append(self._chunks.delta({self._text_field: self._separator}))
            self._separator = ""
        self._thought.clear()
        self.prefix, string = self._chunks.prefix(self._text_field), data[TEXT_AT:-1]
        if self._logprobs:
            delta: JsonObject = {self._text_field: orjson.loads(string)}
            events.append(self._chunks.delta(delta, logprobs=self.take_logprobs()))
        else:
            events.append(ProjectedEvent(self.prefix + string + self._chunks.suffix))
        self.continues_text = True
        return events

    def reasoning(self, data: bytes) -> list[ProjectedEvent]:
        """Return the chunk of reasoning, from the data of its entry."""
        string = data[REASONING_AT:-1]
        self.continues_text = False
        self._thought.append(string[1:-1])
        return [ProjectedEvent(self._chunks.prefix("reasoning_content") + string + self._chunks.suffix)]

    def signature(self, signed: SignedReasoning) -> list[ProjectedEvent]:
        """Return the chunk of a signature, and of the reasoning that it signs."""
        text = orjson.loads(b'"%b"' % b"".join(self._thought)) + signed.content
        self._thought.clear()
        return [self._chunks.delta(parts.signed_reasoning(signed, text, self._next("reasoning_details")))]

    def tool_call(self, call: ToolCall) -> list[ProjectedEvent]:
        """Return the chunks of a piece of a tool call: its name comes first, and then its arguments."""
        index = self.count_call(call)
        self._thought.clear()
        if call.name in self._customs:
            self._custom_calls.add(index)
        has_both = call.name is not None and call.arguments != ""
        pieces = [replace(call, arguments=""), ToolCall(call.index, None, None, call.arguments)] if has_both else [call]
        if not self._with_functions:
            is_custom = index in self._custom_calls
            return [self._chunks.delta(parts.tool_call(piece, index, is_custom=is_custom)) for piece in pieces]
        # Such a client knows one call alone.
        return [self._chunks.delta(parts.function_call(piece)) for piece in pieces] if index == 0 else []

    def count_call(self, call: ToolCall) -> int:
        """Return the index of a tool call in the response."""
        index = self._first_call + call.index
        self.calls = max(self.calls, index + 1)
        return index

    def part(self, part: Part) -> list[ProjectedEvent]:
        """Return the chunk of a part; none for what this API has no place for, or what the next text brings."""
        if part.kind == "refusal":
            self._text_field, self.continues_text = "refusal", False
        elif part.kind == "logprobs":
            tokens = part.fields.get("tokens")
            self._logprobs += tokens if isinstance(tokens, list) else []
            self.continues_text = False
        elif field := parts.field_of(part):
            return [self._chunks.delta(parts.part(part, self._next(field)))]
        return []

    def take_logprobs(self) -> JsonObject | None:
        """Return the log probabilities that have come, as the choice has them to which they belong."""
        if not self._logprobs:
            return None
        tokens, self._logprobs = self._logprobs, []
        is_refusal = self._text_field == "refusal"
        return {"content": None if is_refusal else tokens, "refusal": tokens if is_refusal else None}

    def finish_reason(self, reason: str | None) -> str:
        """Return a finish reason of this API; `stop` for one that it does not know, since SDKs validate them."""
        if reason == "tool_calls" and self._with_functions:
            return "function_call"
        return reason if reason in _FINISH_REASONS else "stop"

    def _next(self, field: str) -> int:
        """Return the index of the next item of a field of the message."""
        self._counts[field] = self._counts.get(field, -1) + 1
        return self._counts[field]


_FINISH_REASONS: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})
