"""OpenAI's Responses API, streamed: the API in which OpenAI's reasoning models show their reasoning.

Sources: platform.openai.com/docs/api-reference/responses and …/responses-streaming. There, a conversation is `input`, a
list of items. A response is a list of items, too, streamed as events that each name their `type`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Reasoning, Text, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors import from_stream, truncated, unreadable
from gateway.upstreams.formats.json_values import SurrogateJoiner, count_of, decode, detail_of, object_of, text_of
from gateway.upstreams.formats.openai_chat import DONE
from gateway.upstreams.formats.openai_responses_request import Summary, build_request

ADDED = "response.output_item.added"
ITEM_DONE = "response.output_item.done"
SUMMARY_PART_ADDED = "response.reasoning_summary_part.added"
COMPLETED, INCOMPLETE, FAILED = "response.completed", "response.incomplete", "response.failed"

_TEXTS: Mapping[str, tuple[str, type[Text], str]] = {
    "response.output_text.delta": ("text", Chunk, "delta"),
    "response.output_text.done": ("text", Chunk, "text"),
    "response.refusal.delta": ("refusal", Chunk, "delta"),
    "response.refusal.done": ("refusal", Chunk, "refusal"),
    "response.reasoning_text.delta": ("reasoning", Reasoning, "delta"),
    "response.reasoning_text.done": ("reasoning", Reasoning, "text"),
    "response.reasoning_summary_text.delta": ("summary", Reasoning, "delta"),
    "response.reasoning_summary_text.done": ("summary", Reasoning, "text"),
}
"""Types of events with text: the name of the text, the type of our event, the field that holds the text.

A content part of type `x` has the same fields as the event `response.x.done`.
"""

_ARGUMENTS: Mapping[str, str] = {
    "response.function_call_arguments.delta": "delta",
    "response.function_call_arguments.done": "arguments",
    "response.custom_tool_call_input.delta": "delta",
    "response.custom_tool_call_input.done": "input",
}
"""Types of events with a tool call's arguments, and the field that holds them."""

_CALLS: Mapping[str, str] = {"function_call": "arguments", "custom_tool_call": "input"}
"""Types of items that are tool calls, and the field that holds their arguments."""

_FINISH_REASONS: Mapping[str, str] = {"max_output_tokens": "length"}
"""Finish reason of chat completions by the reason of an incomplete response; `content_filter` is the same in both."""

PARAGRAPH_BREAK = "\n\n"
"""Text between the parts of a reasoning summary: each is a paragraph, but contains no line end."""


class OpenAIResponsesFormat:
    """`POST {base_url}/responses`; see `WireFormat`.

    `summary` (auto, concise or detailed) requests a summary of the reasoning, without which OpenAI shows none. It is
    sent only with requests that set `reasoning_effort`, because other models refuse it. It is off by default, because
    OpenAI refuses it to organizations that it has not verified (litellm #16032).
    """

    def __init__(self, summary: Summary | None = None) -> None:
        self._summary = summary

    def endpoint(self, _request: UpstreamRequest) -> Endpoint:
        """See `WireFormat.endpoint`."""
        return Endpoint(("responses",))

    def headers(self, api_key: str | None) -> dict[str, str]:
        """See `WireFormat.headers`."""
        return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}

    def body(self, request: UpstreamRequest) -> JsonObject:
        """See `WireFormat.body`."""
        return build_request(request, self._summary)

    def can_continue(self, _request: UpstreamRequest) -> bool:
        """Return False: a last message of the assistant is answered, never continued."""
        return False

    def reader(self, api_key: SecretStr | None) -> "ResponsesReader":
        """See `WireFormat.reader`."""
        return ResponsesReader(api_key)


@dataclass(slots=True)
class ResponsesReader:
    """Reads the events of a response; see `EventReader`.

    The same text is streamed several times: as deltas, then complete in a `done` event, in its item, and in the
    response. For each text, and for the arguments of each call, the first type of event that contains it is its source;
    all other types are ignored. The ids of items would tell repetitions more exactly, but servers do not agree on them:
    llama.cpp sends none, litellm (#36375) a new one with each delta.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _sources: dict[str, str] = field(default_factory=dict)
    """Type of the event that a text is taken from, by the name of the text."""
    _surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _call_indexes: dict[str | int, int] = field(default_factory=dict)
    """Index of a call by its call id, its item's id, and its `output_index`."""
    _call_count: int = 0

    @property
    def is_stateless(self) -> bool:
        """See `EventReader.is_stateless`."""
        return not (self.finished or self._surrogates)

    def new(self) -> "ResponsesReader":
        """See `EventReader.new`."""
        return ResponsesReader()

    def read(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """See `EventReader.read`."""
        if data == DONE:
            # Some servers add it, as in chat completions. It is no end mark: that of this API says how the response
            # ended.
            return
        event = decode(data)
        kind = text_of(event.get("type")) or ""
        if kind in _TEXTS:
            self._append_text(_TEXTS[kind], kind, event, events)
        elif kind in _ARGUMENTS:
            self._append_arguments(self._call_index(event), kind, event.get(_ARGUMENTS[kind]), events)
        elif kind in {ADDED, ITEM_DONE}:
            self._read_item(kind, object_of(event.get("item")), event.get("output_index"), events)
        elif kind == SUMMARY_PART_ADDED and "summary" in self._sources:
            events.append(Reasoning(PARAGRAPH_BREAK))
        elif kind in {COMPLETED, INCOMPLETE, FAILED}:
            self._end(kind, object_of(event.get("response")), events)
        elif kind == "error" or (not kind and event.get("error")):
            # The documentation shows its fields in the event itself; servers send an object `error`
            # (openai-dotnet #881).
            raise from_stream(event.get("error") or event, self.api_key)

    def end(self) -> list[UpstreamEvent]:
        """See `EventReader.end`."""
        if not self.finished:
            raise truncated()
        return []

    def _append_text(
        self, spec: tuple[str, type[Text], str], source: str, holder: JsonObject, events: list[UpstreamEvent]
    ) -> None:
        name, event_type, key = spec
        if text := self._new_text(name, source, holder.get(key)):
            events.append(event_type(text))

    def _new_text(self, name: str, source: str, value: JsonValue) -> str:
        """Return the text of a value; "" if the text `name` has another source."""
        if not value:
            return ""
        if not isinstance(value, str):
            raise unreadable("a text is not a string")
        return self._surrogates.join(name, value) if self._sources.setdefault(name, source) == source else ""

    def _read_item(self, source: str, item: JsonObject, output_index: JsonValue, events: list[UpstreamEvent]) -> None:
        kind = text_of(item.get("type")) or ""
        if kind in _CALLS:
            index = self._register_call(item, output_index, events)
            # An item is added without its arguments, which follow; if a server sends them, `done` repeats them.
            if source != ADDED:
                self._append_arguments(index, source, item.get(_CALLS[kind]), events)
        elif source != ADDED:
            summary = [text for part in _objects(item.get("summary")) if (text := text_of(part.get("text")))]
            holder: JsonObject = {"text": PARAGRAPH_BREAK.join(summary)}
            self._append_text(("summary", Reasoning, "text"), source, holder, events)
            for part in _objects(item.get("content")):
                if spec := _TEXTS.get(f"response.{part.get('type')}.done"):
                    self._append_text(spec, source, part, events)

    def _register_call(self, item: JsonObject, output_index: JsonValue, events: list[UpstreamEvent]) -> int:
        """Return the index of a call among the calls; append the beginning of a new one."""
        call_id = text_of(item.get("call_id")) or text_of(item.get("id"))
        if call_id is None:
            raise unreadable("a tool call has no id")
        index = self._call_indexes.get(call_id)
        if index is None:
            index = self._call_count
            self._call_count += 1
            events.append(ToolCall(index, call_id, text_of(item.get("name")), ""))
        for key in (call_id, item.get("id"), output_index):
            if isinstance(key, str | int):
                self._call_indexes[key] = index
        return index

    def _call_index(self, event: JsonObject) -> int:
        """Return the index of the call that arguments belong to: by the item's id, its place, or else the last call."""
        for key in (event.get("item_id"), event.get("output_index")):
            if isinstance(key, str | int) and key in self._call_indexes:
                return self._call_indexes[key]
        if not self._call_count:
            raise unreadable("arguments belong to no tool call")
        return self._call_count - 1

    def _append_arguments(self, index: int, source: str, value: JsonValue, events: list[UpstreamEvent]) -> None:
        if text := self._new_text(f"tool {index}", source, value):
            events.append(ToolCall(index, None, None, text))

    def _end(self, kind: str, response: JsonObject, events: list[UpstreamEvent]) -> None:
        if not self._sources:
            # A server that sends the whole content in its last event alone.
            for output_index, item in enumerate(_objects(response.get("output"))):
                self._read_item(kind, item, output_index, events)
        if kind != FAILED:
            self.finished = self.done = True
            events.append(Finished(self._finish_reason(kind, response)))
        usage = response.get("usage")
        if isinstance(usage, dict):
            events.append(_usage(usage))
        if kind == FAILED:
            raise from_stream(response.get("error"), self.api_key)

    def _finish_reason(self, kind: str, response: JsonObject) -> str | None:
        reason = text_of(object_of(response.get("incomplete_details")).get("reason"))
        if reason is None and kind == COMPLETED:
            return "tool_calls" if self._call_count else "stop"
        return _FINISH_REASONS.get(reason, reason) if reason else None


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _usage(usage: JsonObject) -> Usage:
    return Usage(
        count_of(usage.get("input_tokens")),
        count_of(usage.get("output_tokens")),
        "exact",
        detail_of(usage, "input_tokens_details", "cached_tokens"),
        detail_of(usage, "output_tokens_details", "reasoning_tokens"),
    )
