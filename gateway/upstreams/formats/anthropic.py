"""Anthropic's Messages API, streamed (docs.anthropic.com, "Messages" and "Streaming Messages"). Base URL: …/v1."""

from dataclasses import dataclass, field

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors.bodies import find_error
from gateway.upstreams.errors.failures import from_finish_reason, from_stream, truncated, unreadable
from gateway.upstreams.formats.anthropic_blocks import FORMAT, OtherBlock, citation_of
from gateway.upstreams.formats.anthropic_request import adapt_request, build_request, supports_prefill
from gateway.upstreams.formats.base import DONE
from gateway.upstreams.formats.call_ids import generate_call_id
from gateway.upstreams.formats.figures import merge_figures
from gateway.upstreams.formats.finish_reasons import ending_of, finish_reason
from gateway.upstreams.formats.json_values import (
    SurrogateJoiner,
    count_of,
    decode,
    detail_of,
    index_of,
    list_of,
    object_of,
    text_of,
    to_json,
)
from gateway.upstreams.formats.parts import unsupported_content
from gateway.upstreams.formats.response_facts import response_facts

VERSION = "2023-06-01"
"""Version of the API that this format is written for (docs.anthropic.com, "Versions")."""


_FACTS = ("stop_sequence", "stop_details", "container")
"""Fields of the delta with the stop reason that clients get, too."""


class AnthropicFormat:
    """`POST {base_url}/messages`; see `WireFormat`."""

    api = "anthropic"

    def endpoint(self, _request: UpstreamRequest) -> Endpoint:
        """See `WireFormat.endpoint`."""
        return Endpoint(("messages",))

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Return the headers of the key and of the API's version."""
        key = {} if api_key is None else {"x-api-key": api_key}
        return {**key, "anthropic-version": VERSION}

    def body(self, request: UpstreamRequest) -> JsonObject:
        """See `WireFormat.body`."""
        verbatim = request.verbatim_for(self.api)
        return build_request(request) if verbatim is None else adapt_request(verbatim.body, request)

    def can_continue(self, request: UpstreamRequest) -> bool:
        """Return True if the model supports prefill. White space at the end of the partial answer is lost."""
        return supports_prefill(request)

    def reader(self, api_key: SecretStr | None) -> "MessagesReader":
        """See `WireFormat.reader`."""
        return MessagesReader(api_key)


@dataclass(slots=True)
class _ToolUse:
    """A call of one of the client's tools. `input` is its complete input as JSON, unless that comes in pieces."""

    index: int
    input: str | None


@dataclass(slots=True)
class MessagesReader:
    """Reads the events from `message_start` to `message_stop`; see `EventReader`.

    The data of each event repeats its type, so the stream's `event:` lines are not needed. Blocks are identified by
    their index, because they may overlap: llama.cpp ends none of them before the last one has begun. What comes between
    the stop reason and `message_stop` counts, too, and takes the reason back: some servers send one early.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _blocks: dict[int | None, _ToolUse | OtherBlock] = field(default_factory=dict)
    """Open blocks that are not text, by index."""
    _server_tools: dict[str, str] = field(default_factory=dict)
    """Names of the tools that the provider ran, by the ids of their calls."""
    _tool_count: int = 0
    _has_content: bool = False
    _has_output: bool = False
    _unknown: str | None = None
    """Type of the first delta that may have brought content that is not known here."""
    _reason: str | None = None
    _was_early: bool = False
    """Content came after a reason: reasons of this server are no end mark."""
    _message_id: str = ""
    _facts: JsonObject = field(default_factory=dict)
    """What the provider says of its response, unchecked."""
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
        if data == DONE:
            # Some servers add it, as in chat completions. It is no end mark: that of this API has a stop reason.
            return
        event = decode(data)
        match event.get("type"):
            case "content_block_start" | "content_block_delta" | "content_block_stop" as kind:
                before = len(events)
                self._read_block(kind, event, events)
                if len(events) > before:
                    self._has_output = True
                    if self.finished:
                        self.finished, self._was_early = False, True
            case "message_start":
                message = object_of(event.get("message"))
                self._facts = {"service_tier": object_of(message.get("usage")).get("service_tier")}
                self._read_content(message, events)
                self._read_usage(message, events)
            case "message_delta":
                self._finish(object_of(event.get("delta")), event, events)
            case "message_stop":
                self._stop(events)
            case "message":
                # A server that does not stream: the whole message in one event.
                self._read_content(event, events)
                self._finish(event, event, events)
                self._stop(events)
            case kind:
                self._read_other(kind, event)

    def _read_other(self, kind: JsonValue, event: JsonObject) -> None:
        """Raise if it is an error. Any other event is `ping`, or of a type added later, which clients must ignore.

        Source: "Streaming Messages", "Other events".
        """
        # llama.cpp sends errors as OpenAI does, without a type.
        if kind == "error" or (kind != "ping" and event.get("error")):
            raise from_stream(event, self.api_key)
        if not isinstance(kind, str) and find_error(event) is not None:
            raise from_stream(event, self.api_key)
        if "choices" in event or "candidates" in event:
            raise unreadable("it has another API than Anthropic's")

    def end(self) -> list[UpstreamEvent]:
        """See `EventReader.end`."""
        if self.finished:
            return []
        if self._reason is None:
            raise truncated()
        events: list[UpstreamEvent] = []
        self._end_late(events)
        return events

    def _read_content(self, message: JsonObject, events: list[UpstreamEvent]) -> None:
        """Read the content of a message: some servers put it into `message_start`, and do not stream it."""
        self._message_id = text_of(message.get("id")) or ""
        content = message.get("content")
        # A text alone, as in requests.
        blocks: list[JsonValue] = [{"type": "text", "text": content}] if isinstance(content, str) else list_of(content)
        for index, block in enumerate(blocks):
            self._start_block(-1 - index, object_of(block), events)
            self._stop_block(-1 - index, events)

    def _read_block(self, kind: str, event: JsonObject, events: list[UpstreamEvent]) -> None:
        self._has_content, index = True, index_of(event.get("index"))
        if kind == "content_block_delta":
            self._read_delta(index, object_of(event.get("delta")), events)
        elif kind == "content_block_start":
            self._start_block(index, object_of(event.get("content_block")), events)
        else:
            self._stop_block(index, events)

    def _start_block(self, index: int | None, block: JsonObject, events: list[UpstreamEvent]) -> None:
        # Some servers use one index for all blocks, and end none of them.
        self._stop_block(index, events)
        match block.get("type"):
            case "text":
                self._append_text(Chunk, index, text_of(block.get("text")) or "", events)
                events += map(citation_of, list_of(block.get("citations")))
            case "thinking":
                self._append_text(Reasoning, index, text_of(block.get("thinking")) or "", events)
                _append_signature(block.get("signature"), events)
            case "redacted_thinking":
                events.append(Part("redacted_reasoning", {"data": text_of(block.get("data")), "format": FORMAT}))
            case "tool_use":
                events.append(self._start_tool(index, block))
            case str():
                self._blocks[index] = OtherBlock(block)

    def _start_tool(self, index: int | None, block: JsonObject) -> ToolCall:
        number, given = self._tool_count, block.get("input")
        self._tool_count += 1
        self._blocks[index] = _ToolUse(number, text_of(given) or to_json(object_of(given)))
        call_id = text_of(block.get("id")) or generate_call_id(self._message_id, number)
        return ToolCall(number, call_id, text_of(block.get("name")) or None, "")

    def _read_delta(self, index: int | None, delta: JsonObject, events: list[UpstreamEvent]) -> None:
        match delta:
            case {"text": str() as text} if delta.get("type", "text_delta") == "text_delta":
                self._append_text(Chunk, index, text, events)
            case {"type": "thinking_delta", "thinking": str() as text}:
                self._append_text(Reasoning, index, text, events)
            case {"type": "input_json_delta", "partial_json": str() as text}:
                self._append_arguments(index, text, events)
            case {"type": "text_delta" | "thinking_delta" | "input_json_delta" as kind}:
                raise unreadable(f"a {kind} has no text")
            case {"type": "signature_delta", "signature": signature}:
                _append_signature(signature, events)
            case {"type": "citations_delta", "citation": citation}:
                events.append(citation_of(citation))
            case _ if isinstance(other := self._blocks.get(index), OtherBlock):
                other.add(delta)
            case _ if delta and self._unknown is None:
                self._unknown = str(delta.get("type"))

    def _append_text(
        self, kind: type[Chunk | Reasoning], index: int | None, text: str, events: list[UpstreamEvent]
    ) -> None:
        if text and (complete := self._surrogates.join(index, text)):
            events.append(kind(complete))

    def _append_arguments(self, index: int | None, text: str, events: list[UpstreamEvent]) -> None:
        block = self._blocks.get(index)
        if block is None:
            raise unreadable("the input of a tool came before its name")
        if isinstance(block, OtherBlock):
            block.add_input(text)
        elif text:
            block.input = None
            if complete := self._surrogates.join(index, text):
                events.append(ToolCall(block.index, None, None, complete))

    def _stop_block(self, index: int | None, events: list[UpstreamEvent]) -> None:
        self._surrogates.discard(index)
        block = self._blocks.pop(index, None)
        if isinstance(block, OtherBlock):
            events.append(block.part(self._server_tools))
        elif block is not None and block.input is not None:
            # A tool without parameters gets no pieces of input, or empty ones. Its arguments must be JSON all the same.
            events.append(ToolCall(block.index, None, None, block.input))

    def _finish(self, delta: JsonObject, owner: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append the end mark if a stop reason has come, and the usage so far.

        Raises:
            Failed: the reason means a failure.
        """
        reason = delta.get("stop_reason")
        ending = ending_of(reason) if isinstance(reason, str) else None
        if ending is not None and ending.code is None:
            self._reason = ending.reason
            tier = object_of(owner.get("usage")).get("service_tier")
            self._facts |= {name: delta.get(name) for name in _FACTS} | ({"service_tier": tier} if tier else {})
            if not self._was_early:
                self._append_end(ending.reason, events)
        self._read_usage(owner, events)
        if ending is not None and ending.code is not None:
            raise from_finish_reason(ending.code, str(reason))

    def _stop(self, events: list[UpstreamEvent]) -> None:
        if not self.finished:
            if not (self._has_content or events or self._usage):
                raise truncated()
            self._end_late(events)
        self.done = True

    def _end_late(self, events: list[UpstreamEvent]) -> None:
        """Append the end mark at the end of the stream, and the figures behind it: before it they are unfinished."""
        self._append_end(self._reason, events)
        figures = _usage(self._usage)
        if self._was_early and figures.output_tokens:
            events.append(figures)

    def _append_end(self, reason: str | None, events: list[UpstreamEvent]) -> None:
        """Append the end mark, after blocks that the server did not end."""
        before = len(events)
        for index in list(self._blocks):
            self._stop_block(index, events)
        self._has_output = self._has_output or len(events) > before
        if self._unknown is not None and not self._has_output:
            raise unsupported_content(self._unknown)
        self.finished = True
        facts = response_facts(self._facts)
        events.append(Finished(finish_reason(reason, called=self._tool_count > 0), facts))

    def _read_usage(self, owner: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append the usage so far. Figures are totals: a later one replaces the earlier one of the same name."""
        if usage := object_of(owner.get("usage")):
            self._usage = merge_figures(self._usage, usage)
            events.append(_usage(self._usage))


def _append_signature(value: JsonValue, events: list[UpstreamEvent]) -> None:
    if signature := text_of(value):
        events.append(SignedReasoning("", signature, FORMAT))


def _usage(usage: JsonObject) -> Usage:
    """Convert usage figures. The API's `input_tokens` exclude what it read from and wrote to its cache.

    Source: docs.anthropic.com, "Prompt caching". What is written is also listed by how long it is kept.
    """
    uncached, read = count_of(usage.get("input_tokens")), count_of(usage.get("cache_read_input_tokens"))
    kept = {name: count_of(value) or 0 for name, value in object_of(usage.get("cache_creation")).items()}
    written = count_of(usage.get("cache_creation_input_tokens")) or (sum(kept.values()) if kept else None)
    if written is None:
        written = count_of(usage.get("cache_creation_input_tokens"))
    # No prompt has 0 tokens: a server that says so does not know.
    total = (uncached or 0) + (read or 0) + (written or 0) or None
    return Usage(
        None if uncached is None else total,
        count_of(usage.get("output_tokens")),
        "exact",
        read,
        detail_of(usage, "output_tokens_details", "thinking_tokens"),
        written,
        kept.get("ephemeral_1h_input_tokens"),
    )
