"""Anthropic's Messages API, streamed (docs.anthropic.com, "Messages" and "Streaming Messages"); its base is `…/v1`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors import broken, from_stream
from gateway.upstreams.formats.anthropic_request import build_request, takes_prefill
from gateway.upstreams.formats.json_values import (
    SurrogateJoiner,
    count_of,
    decode,
    detail_of,
    object_of,
    spelled,
    text_of,
)

VERSION = "2023-06-01"
"""Of the API: the one whose options have words for OpenAI's (docs.anthropic.com, "Versions")."""

REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Stop reasons in OpenAI's words, as all of them reach clients (docs.anthropic.com, "Handling stop reasons")."""


class AnthropicFormat:
    """`POST {base_url}/messages`; see `Wire`."""

    def endpoint(self, _call: UpstreamRequest) -> Endpoint:
        """Give where it is posted to, below the base URL."""
        return Endpoint(("messages",))

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Give the headers that carry the key, and the version that this is written for."""
        key = {} if api_key is None else {"x-api-key": api_key}
        return {**key, "anthropic-version": VERSION}

    def body(self, call: UpstreamRequest) -> JsonObject:
        """Spell a call; see `Wire.body`."""
        return build_request(call)

    def can_continue(self, call: UpstreamRequest) -> bool:
        """Tell whether the model goes on from a last turn of the assistant's; its white space at the end gets lost."""
        return takes_prefill(call)

    def reader(self, api_key: SecretStr | None) -> "MessagesReader":
        """Make a reader of one answer; the key is never to be shown."""
        return MessagesReader(api_key)


@dataclass(slots=True)
class _Tool:
    """A call of one of the client's tools: which of them it is, and its whole input if no pieces of it come."""

    number: int
    input: JsonObject | None


@dataclass(slots=True)
class MessagesReader:
    """Reads the events from `message_start` to `message_stop`; see `Reader`.

    An event tells its type in its data too, so the stream's own `event:` lines need not be looked at. Blocks are told
    apart by their index: some servers end none of them before the last has begun.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _half: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _blocks: dict[int | None, _Tool | None] = field(default_factory=dict)
    """Those that are open and no text; None: not the client's business."""
    _calls: int = 0
    _usage: JsonObject = field(default_factory=dict)

    @property
    def is_stateless(self) -> bool:
        """Tell whether the next event means by itself what it says."""
        return not (self.finished or self._half)

    def new(self) -> "MessagesReader":
        """Make one that has read nothing."""
        return MessagesReader()

    def read(self, data: bytes, parts: list[UpstreamEvent]) -> None:
        """Add the parts of one event."""
        event = decode(data)
        match event.get("type"):
            case "content_block_start" | "content_block_delta" | "content_block_stop" as kind:
                if not self.finished:
                    self._block(kind, event, parts)
            case "message_start":
                self._figures(object_of(event.get("message")), parts)
            case "message_delta":
                self._reason(object_of(event.get("delta")).get("stop_reason"), parts)
                self._figures(event, parts)
            case "message_stop":
                if not self.finished:
                    self.finished = True
                    parts.append(Finished(None))
                self.done = True
            case "error":
                raise from_stream(event.get("error"), self.api_key)
            case str():
                # `ping`; and more may come, which a client is to pass over ("Streaming Messages", "Other events").
                pass
            case _ if event.get("error"):
                # llama.cpp tells errors as OpenAI does.
                raise from_stream(event["error"], self.api_key)
            case _:
                raise broken("an event of it has no type")

    def _block(self, kind: str, event: JsonObject, parts: list[UpstreamEvent]) -> None:
        index = count_of(event.get("index"))
        if kind == "content_block_delta":
            self._delta(index, object_of(event.get("delta")), parts)
        elif kind == "content_block_start":
            self._start(index, object_of(event.get("content_block")), parts)
        else:
            self._stop(index, parts)

    def _start(self, index: int | None, block: JsonObject, parts: list[UpstreamEvent]) -> None:
        match block.get("type"):
            case "text":
                self._say(Chunk, index, text_of(block.get("text")) or "", parts)
            case "thinking":
                self._say(Reasoning, index, text_of(block.get("thinking")) or "", parts)
            case "tool_use":
                self._blocks[index] = tool = _Tool(self._calls, object_of(block.get("input")))
                self._calls += 1
                parts.append(ToolCall(tool.number, text_of(block.get("id")), text_of(block.get("name")), ""))
            case _:
                # Redacted thinking is for the provider alone; its own tools it has called by itself.
                self._blocks[index] = None

    def _delta(self, index: int | None, delta: JsonObject, parts: list[UpstreamEvent]) -> None:
        match delta:
            case {"type": "text_delta", "text": str() as text}:
                self._say(Chunk, index, text, parts)
            case {"type": "thinking_delta", "thinking": str() as text}:
                self._say(Reasoning, index, text, parts)
            case {"type": "input_json_delta", "partial_json": str() as text}:
                self._arguments(index, text, parts)
            case {"type": "text_delta" | "thinking_delta" | "input_json_delta" as kind}:
                raise broken(f"a {kind} of it says nothing")
            # Signatures and citations have no part of ours, and others may come.

    def _say(self, kind: type[Chunk | Reasoning], index: int | None, text: str, parts: list[UpstreamEvent]) -> None:
        if text and (whole := self._half.whole(index, text)):
            parts.append(kind(whole))

    def _arguments(self, index: int | None, text: str, parts: list[UpstreamEvent]) -> None:
        if index not in self._blocks:
            raise broken("a tool's input came before its name")
        tool = self._blocks[index]
        if tool is not None and text:
            tool.input = None
            if whole := self._half.whole(index, text):
                parts.append(ToolCall(tool.number, None, None, whole))

    def _stop(self, index: int | None, parts: list[UpstreamEvent]) -> None:
        # Half a character that its block does not end is none.
        self._half.drop(index)
        tool = self._blocks.pop(index, None)
        if tool is not None and tool.input is not None:
            # A tool without parameters gets no pieces, or empty ones; its arguments are to be JSON all the same.
            parts.append(ToolCall(tool.number, None, None, spelled(tool.input)))

    def _reason(self, reason: JsonValue, parts: list[UpstreamEvent]) -> None:
        if isinstance(reason, str) and not self.finished:
            self.finished = True
            parts.append(Finished(REASONS.get(reason, reason)))

    def _figures(self, owner: JsonObject, parts: list[UpstreamEvent]) -> None:
        """Tell what was used until now; later figures are totals too, and stand in for the earlier of their name."""
        usage = object_of(owner.get("usage"))
        self._usage |= {name: value for name, value in usage.items() if value is not None}
        if usage:
            parts.append(_used(self._usage))


def _used(usage: JsonObject) -> Usage:
    """Give the figures; the API's `input_tokens` are without those of its cache ("Prompt caching")."""
    beside, read = count_of(usage.get("input_tokens")), count_of(usage.get("cache_read_input_tokens"))
    written = count_of(usage.get("cache_creation_input_tokens"))
    return Usage(
        None if beside is None else beside + (read or 0) + (written or 0),
        count_of(usage.get("output_tokens")),
        "exact",
        read,
        detail_of(usage, "output_tokens_details", "thinking_tokens"),
    )
