"""Anthropic's Messages API, streamed (docs.anthropic.com, "Messages" and "Streaming Messages"). Base URL: …/v1."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors import from_stream, truncated, unreadable
from gateway.upstreams.formats.anthropic_request import build_request, supports_prefill
from gateway.upstreams.formats.json_values import (
    SurrogateJoiner,
    count_of,
    decode,
    detail_of,
    object_of,
    text_of,
    to_json,
)

VERSION = "2023-06-01"
"""Version of the API that this format is written for (docs.anthropic.com, "Versions")."""

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""OpenAI's finish reason, which clients get, by Anthropic's (docs.anthropic.com, "Handling stop reasons")."""


class AnthropicFormat:
    """`POST {base_url}/messages`; see `WireFormat`."""

    def endpoint(self, _request: UpstreamRequest) -> Endpoint:
        """See `WireFormat.endpoint`."""
        return Endpoint(("messages",))

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Return the headers of the key and of the API's version."""
        key = {} if api_key is None else {"x-api-key": api_key}
        return {**key, "anthropic-version": VERSION}

    def body(self, request: UpstreamRequest) -> JsonObject:
        """See `WireFormat.body`."""
        return build_request(request)

    def can_continue(self, request: UpstreamRequest) -> bool:
        """Return True if the model supports prefill. White space at the end of the partial answer is lost."""
        return supports_prefill(request)

    def reader(self, api_key: SecretStr | None) -> "MessagesReader":
        """See `WireFormat.reader`."""
        return MessagesReader(api_key)


@dataclass(slots=True)
class _ToolUse:
    """A call of one of the client's tools. `input` is its complete input, unless that comes in pieces."""

    index: int
    input: JsonObject | None


@dataclass(slots=True)
class MessagesReader:
    """Reads the events from `message_start` to `message_stop`; see `EventReader`.

    The data of each event repeats its type, so the stream's `event:` lines are not needed. Blocks are identified by
    their index, because they may overlap: llama.cpp ends none of them before the last one has begun.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _blocks: dict[int | None, _ToolUse | None] = field(default_factory=dict)
    """Open blocks that are not text, by index; None for those that clients do not see."""
    _tool_count: int = 0
    _usage: JsonObject = field(default_factory=dict)

    @property
    def is_stateless(self) -> bool:
        """See `EventReader.is_stateless`."""
        return not (self.finished or self._surrogates)

    def new(self) -> "MessagesReader":
        """See `EventReader.new`."""
        return MessagesReader()

    def read(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """See `EventReader.read`."""
        event = decode(data)
        match event.get("type"):
            case "content_block_start" | "content_block_delta" | "content_block_stop" as kind:
                if not self.finished:
                    self._read_block(kind, event, events)
            case "message_start":
                self._read_usage(object_of(event.get("message")), events)
            case "message_delta":
                self._read_stop_reason(object_of(event.get("delta")).get("stop_reason"), events)
                self._read_usage(event, events)
            case "message_stop":
                if not self.finished:
                    self.finished = True
                    events.append(Finished(None))
                self.done = True
            case "error":
                raise from_stream(event.get("error"), self.api_key)
            case str():
                # `ping`, or a type added later: clients must ignore those ("Streaming Messages", "Other events").
                pass
            case _ if event.get("error"):
                # llama.cpp sends errors as OpenAI does.
                raise from_stream(event["error"], self.api_key)
            case _:
                raise unreadable("an event has no type")

    def end(self) -> list[UpstreamEvent]:
        """See `EventReader.end`."""
        if not self.finished:
            raise truncated()
        return []

    def _read_block(self, kind: str, event: JsonObject, events: list[UpstreamEvent]) -> None:
        index = count_of(event.get("index"))
        if kind == "content_block_delta":
            self._read_delta(index, object_of(event.get("delta")), events)
        elif kind == "content_block_start":
            self._start_block(index, object_of(event.get("content_block")), events)
        else:
            self._stop_block(index, events)

    def _start_block(self, index: int | None, block: JsonObject, events: list[UpstreamEvent]) -> None:
        match block.get("type"):
            case "text":
                self._append_text(Chunk, index, text_of(block.get("text")) or "", events)
            case "thinking":
                self._append_text(Reasoning, index, text_of(block.get("thinking")) or "", events)
            case "tool_use":
                self._blocks[index] = tool = _ToolUse(self._tool_count, object_of(block.get("input")))
                self._tool_count += 1
                events.append(ToolCall(tool.index, text_of(block.get("id")), text_of(block.get("name")), ""))
            case _:
                # Redacted thinking is encrypted, for the provider alone. Server tools the provider has called itself.
                self._blocks[index] = None

    def _read_delta(self, index: int | None, delta: JsonObject, events: list[UpstreamEvent]) -> None:
        match delta:
            case {"type": "text_delta", "text": str() as text}:
                self._append_text(Chunk, index, text, events)
            case {"type": "thinking_delta", "thinking": str() as text}:
                self._append_text(Reasoning, index, text, events)
            case {"type": "input_json_delta", "partial_json": str() as text}:
                self._append_arguments(index, text, events)
            case {"type": "text_delta" | "thinking_delta" | "input_json_delta" as kind}:
                raise unreadable(f"a {kind} has no text")
            # Signatures and citations have no event here, and other types may be added.

    def _append_text(
        self, kind: type[Chunk | Reasoning], index: int | None, text: str, events: list[UpstreamEvent]
    ) -> None:
        if text and (complete := self._surrogates.join(index, text)):
            events.append(kind(complete))

    def _append_arguments(self, index: int | None, text: str, events: list[UpstreamEvent]) -> None:
        if index not in self._blocks:
            raise unreadable("the input of a tool came before its name")
        tool = self._blocks[index]
        if tool is not None and text:
            tool.input = None
            if complete := self._surrogates.join(index, text):
                events.append(ToolCall(tool.index, None, None, complete))

    def _stop_block(self, index: int | None, events: list[UpstreamEvent]) -> None:
        self._surrogates.discard(index)
        tool = self._blocks.pop(index, None)
        if tool is not None and tool.input is not None:
            # A tool without parameters gets no pieces of input, or empty ones. Its arguments must be JSON all the same.
            events.append(ToolCall(tool.index, None, None, to_json(tool.input)))

    def _read_stop_reason(self, reason: JsonValue, events: list[UpstreamEvent]) -> None:
        if isinstance(reason, str) and not self.finished:
            self.finished = True
            events.append(Finished(FINISH_REASONS.get(reason, reason)))

    def _read_usage(self, owner: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append the usage so far. Figures are totals: a later one replaces the earlier one of the same name."""
        usage = object_of(owner.get("usage"))
        self._usage |= {name: value for name, value in usage.items() if value is not None}
        if usage:
            events.append(_usage(self._usage))


def _usage(usage: JsonObject) -> Usage:
    """Convert usage figures. The API's `input_tokens` exclude what it read from and wrote to its cache.

    Source: docs.anthropic.com, "Prompt caching".
    """
    uncached, read = count_of(usage.get("input_tokens")), count_of(usage.get("cache_read_input_tokens"))
    written = count_of(usage.get("cache_creation_input_tokens"))
    return Usage(
        None if uncached is None else uncached + (read or 0) + (written or 0),
        count_of(usage.get("output_tokens")),
        "exact",
        read,
        detail_of(usage, "output_tokens_details", "thinking_tokens"),
    )
