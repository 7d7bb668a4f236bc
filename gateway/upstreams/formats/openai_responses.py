"""OpenAI's Responses API, streamed: the API in which OpenAI's reasoning models show their reasoning.

Sources: platform.openai.com/docs/api-reference/responses and …/responses-streaming. There, a conversation is `input`, a
list of items. A response is a list of items, too, streamed as events that each name their `type`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Failed
from gateway.protocol.events import Chunk, Part, Reasoning, Text, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors.bodies import find_error
from gateway.upstreams.errors.failures import from_finish_reason, from_stream, truncated
from gateway.upstreams.formats.base import DONE
from gateway.upstreams.formats.finish_reasons import ending_of, finish_reason
from gateway.upstreams.formats.json_values import (
    SurrogateJoiner,
    count_of,
    decode,
    detail_of,
    object_of,
    objects_of,
    text_of,
)
from gateway.upstreams.formats.logprobs import openai_logprobs
from gateway.upstreams.formats.openai_responses_calls import CALLS, StreamedCalls, require_text
from gateway.upstreams.formats.openai_responses_items import FORMAT, logprobs_of, media_of, part_of_item, texts_of
from gateway.upstreams.formats.openai_responses_request import Summary, adapt_request, build_request
from gateway.upstreams.formats.openai_responses_texts import StreamedTexts, TextKey
from gateway.upstreams.formats.parts import REFUSAL, citation_part, unsupported_content
from gateway.upstreams.formats.response_facts import response_facts

ADDED = "response.output_item.added"
ITEM_DONE = "response.output_item.done"
ANNOTATION_ADDED = "response.output_text.annotation.added"
RESPONSE = "response"
"""Stands for the types of the last events, which repeat all items."""

SUMMARY_PART_ADDED = "response.reasoning_summary_part.added"
ENDS: Mapping[str, str] = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
    "response.canceled": "cancelled",
    # The last event of the Realtime API, which some servers send here, too. Its status says how the response ended.
    "response.done": "completed",
}
"""Types of last events, and the status of a response that has none."""

_TEXTS: Mapping[str, tuple[str, type[Text], str]] = {
    "response.output_text.delta": ("text", Chunk, "delta"),
    "response.output_text.done": ("text", Chunk, "text"),
    "response.refusal.delta": ("refusal", Chunk, "delta"),
    "response.refusal.done": ("refusal", Chunk, "refusal"),
    "response.reasoning_text.delta": ("reasoning", Reasoning, "delta"),
    "response.reasoning_text.done": ("reasoning", Reasoning, "text"),
    # OpenRouter.
    "response.reasoning.delta": ("reasoning", Reasoning, "delta"),
    "response.reasoning.done": ("reasoning", Reasoning, "text"),
    "response.audio.transcript.delta": ("transcript", Chunk, "delta"),
    "response.audio.transcript.done": ("transcript", Chunk, "transcript"),
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

_AUDIO = frozenset({"response.audio.delta", "response.output_audio.delta"})

PARAGRAPH_BREAK = "\n\n"
"""Text between the parts of a reasoning summary: each is a paragraph, but contains no line end."""


class OpenAIResponsesFormat:
    """`POST {base_url}/responses`; see `WireFormat`.

    `summary` (auto, concise or detailed) requests a summary of the reasoning, without which OpenAI shows none. It is
    sent only with requests that set `reasoning_effort`, because other models refuse it. It is off by default, because
    OpenAI refuses it to organizations that it has not verified (litellm #16032).
    """

    api = "openai-responses"

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
        verbatim = request.verbatim_for(self.api)
        if verbatim is not None:
            return adapt_request(verbatim.body, request)
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

    `StreamedTexts` tells texts from their repetitions, `StreamedCalls` the arguments of calls.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _texts: StreamedTexts = field(default_factory=StreamedTexts)
    _surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _calls: StreamedCalls = field(init=False)
    _items: Counter[str] = field(default_factory=Counter)
    """Number of items without text that have come, by their type."""
    _cited: set[str] = field(default_factory=set)
    _refuses: bool = False
    """The model has begun to refuse."""

    def __post_init__(self) -> None:
        self._calls = StreamedCalls(self._surrogates)

    @property
    def is_stateless(self) -> bool:
        """See `EventReader.is_stateless`."""
        return not (self.finished or self._surrogates or self._texts.at_boundary)

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
            self._append_text(kind, event, events)
        elif kind in _ARGUMENTS:
            self._calls.append_arguments(self._calls.find(event), kind, event.get(_ARGUMENTS[kind]), events)
        elif kind in {ADDED, ITEM_DONE}:
            self._read_item(kind, object_of(event.get("item")), event.get("output_index"), events)
        elif kind == SUMMARY_PART_ADDED and "summary" in self._texts:
            events.append(Reasoning(PARAGRAPH_BREAK))
        elif kind == ANNOTATION_ADDED:
            self._append_citation(object_of(event.get("annotation")), events)
        elif kind in ENDS:
            self._end(ENDS[kind], object_of(event.get("response")), event, events)
        else:
            self._read_other(kind, event, events)

    def _read_other(self, kind: str, event: JsonObject, events: list[UpstreamEvent]) -> None:
        # The documentation shows the fields of an error in the event itself; servers send an object `error`
        # (openai-dotnet #881).
        if kind == "error" or event.get("error") or (not kind and find_error(event) is not None):
            raise from_stream(event, self.api_key)
        if not kind and event.get("object") == "response":
            # A server that does not stream: the whole response in one event.
            self._end("completed", event, event, events)
        elif kind in _AUDIO:
            raise unsupported_content("audio")

    def end(self) -> list[UpstreamEvent]:
        """See `EventReader.end`."""
        if not self.finished:
            raise truncated()
        return []

    def _append_text(self, kind: str, event: JsonObject, events: list[UpstreamEvent]) -> None:
        name, event_type, field_name = _TEXTS[kind]
        text, key = require_text(event.get(field_name)), TextKey.of(event)
        if not text:
            return
        if kind.endswith(".delta"):
            self._texts.add_delta(name, key)
        elif not self._texts.add_whole(name, key):
            return
        self._announce(name, event.get("logprobs"), events)
        if complete := self._surrogates.join(name, text):
            events.append(event_type(complete))

    def _announce(self, name: str, logprobs: JsonValue, events: list[UpstreamEvent]) -> None:
        """Append what is to be known of a text before it: that it refuses, and its log probabilities."""
        if name == "refusal" and not self._refuses:
            self._refuses = True
            events.append(REFUSAL)
        if logprobs and (part := openai_logprobs(logprobs)):
            events.append(part)

    def _read_item(self, source: str, item: JsonObject, output_index: JsonValue, events: list[UpstreamEvent]) -> None:
        kind = text_of(item.get("type")) or ""
        if kind in CALLS:
            index = self._calls.begin(kind, item, output_index, events)
            # An item is added without its arguments, which follow; if a server sends them, `done` repeats them.
            if source != ADDED:
                self._calls.append_arguments(index, source, item.get(CALLS[kind]), events)
                self._calls.end(index, events)
        elif source == ADDED:
            return
        elif kind in {"message", "reasoning", ""}:
            self._read_texts(source, item, TextKey.of_item(item, output_index), events)
        elif self._is_new(source, kind):
            events.append(part_of_item(kind, item))

    def _is_new(self, source: str, kind: str) -> bool:
        """Return True if an item without text has not come before; the whole response repeats all in their order."""
        if source == ITEM_DONE:
            self._items[kind] += 1
            return True
        self._items[kind] -= 1
        return self._items[kind] < 0

    def _read_texts(self, source: str, item: JsonObject, key: TextKey, events: list[UpstreamEvent]) -> None:
        """Append the texts of a complete message or reasoning that have not come before, and what belongs to them."""
        for name, parts in texts_of(item).items():
            self._append_new(source, name, parts, key, item, events)
        for part in objects_of(item.get("content")):
            for annotation in objects_of(part.get("annotations")):
                self._append_citation(annotation, events)
            if (media := media_of(part)) and self._is_new(source, str(part.get("type"))):
                events.append(media)
        encrypted = text_of(item.get("encrypted_content"))
        if encrypted and self._is_new(source, "encrypted_content"):
            events.append(Part("redacted_reasoning", {"data": encrypted, "format": FORMAT}))

    def _append_new(
        self, source: str, name: str, parts: list[str], key: TextKey, item: JsonObject, events: list[UpstreamEvent]
    ) -> None:
        texts = self._texts
        come = texts.close_item(name, key) if source == ITEM_DONE else texts.take_delivered(name, len(parts))
        new = parts[come:]
        if not new:
            return
        separator = PARAGRAPH_BREAK if name == "summary" else ""
        begun = separator if name in texts else ""
        event_type = Reasoning if name in {"summary", "reasoning"} else Chunk
        self._announce(name, logprobs_of(item, come) if name == "text" else None, events)
        events.append(event_type(begun + separator.join(new)))
        texts.deliver(name, len(new) if source == ITEM_DONE else 0)

    def _append_citation(self, annotation: JsonObject, events: list[UpstreamEvent]) -> None:
        url, title = annotation.get("url"), annotation.get("title") or annotation.get("filename")
        name = f"{url} {title or annotation.get('file_id')}"
        if name not in self._cited and name != "None None":
            self._cited.add(name)
            title, text = title or annotation.get("file_id"), annotation.get("text")
            events.append(citation_part(url, title, text, source=annotation, wire_format=FORMAT))

    def _end(self, status: str, response: JsonObject, event: JsonObject, events: list[UpstreamEvent]) -> None:
        for output_index, item in enumerate(objects_of(response.get("output"))):
            self._read_item(RESPONSE, item, output_index, events)
        for index in range(len(self._calls)):
            self._calls.end(index, events)
        failure = self._failure(text_of(response.get("status")) or status, response, event)
        if failure is None:
            self.finished = self.done = True
            facts = response_facts({"service_tier": text_of(response.get("service_tier"))})
            events.append(Finished(self._finish_reason(status, response), facts))
        if usage := object_of(response.get("usage")) or object_of(event.get("usage")):
            events.append(_usage(usage))
        if failure is not None:
            raise failure

    def _failure(self, status: str, response: JsonObject, event: JsonObject) -> Failed | None:
        """Return the failure that the status of a response stands for, if it does."""
        error = response.get("error") or event.get("error")
        if error or status == "failed":
            return from_stream(error, self.api_key)
        ending = ending_of(status)
        if ending is not None and ending.code is not None:
            return from_finish_reason(ending.code, status)
        # In the event `response.completed`, some servers repeat the status of their first event.
        if status in {"in_progress", "queued"} and event.get("type") == "response.done":
            return truncated()
        return None

    def _finish_reason(self, status: str, response: JsonObject) -> str | None:
        reason = text_of(object_of(response.get("incomplete_details")).get("reason"))
        if not reason:
            is_incomplete = status == "incomplete" or response.get("status") == "incomplete"
            reason = "incomplete" if is_incomplete else "completed"
        ending = ending_of(reason)
        return finish_reason(ending.reason if ending else None, called=len(self._calls) > 0)


def _usage(usage: JsonObject) -> Usage:
    return Usage(
        # No prompt has 0 tokens: a server that says so does not know.
        count_of(usage.get("input_tokens")) or None,
        count_of(usage.get("output_tokens")),
        "exact",
        detail_of(usage, "input_tokens_details", "cached_tokens"),
        detail_of(usage, "output_tokens_details", "reasoning_tokens"),
        detail_of(usage, "input_tokens_details", "cache_write_tokens"),
    )
