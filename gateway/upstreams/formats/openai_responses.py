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
from gateway.protocol.events import Chunk, Part, Reasoning, Text, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors.bodies import find_error
from gateway.upstreams.errors.failures import from_finish_reason, from_stream, truncated, unreadable
from gateway.upstreams.formats.finish_reasons import ending_of, finish_reason
from gateway.upstreams.formats.json_values import (
    SurrogateJoiner,
    count_of,
    decode,
    detail_of,
    list_of,
    object_of,
    text_of,
    to_json,
)
from gateway.upstreams.formats.openai_chat import DONE
from gateway.upstreams.formats.openai_responses_parts import PartKey, StreamedParts
from gateway.upstreams.formats.openai_responses_request import Summary, build_request
from gateway.upstreams.formats.parts import (
    citation_part,
    media_part,
    server_tool_part,
    unsupported_content,
)

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

_CALLS: Mapping[str, str] = {"function_call": "arguments", "custom_tool_call": "input"}
"""Types of items that are tool calls, and the field that holds their arguments."""

_ITEM_PARTS: Mapping[str, str] = {
    "output_text": "text",
    "text": "text",
    "refusal": "refusal",
    "output_audio": "transcript",
}
"""Names of the texts in the content of a message, by the type of the part."""

_CLIENT_CALLS = frozenset(
    {"computer_call", "local_shell_call", "shell_call", "apply_patch_call", "mcp_approval_request"}
)
"""Types of items that ask the client to do something for which our protocol has no event."""

_AUDIO = frozenset({"response.audio.delta", "response.output_audio.delta"})

FORMAT = "openai-responses"
"""Name of this format in redacted reasoning."""

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

    `StreamedParts` tells texts from their repetitions. For the arguments of each call, the first type of event that
    contains them is their source; all other types are ignored.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _texts: StreamedParts = field(default_factory=StreamedParts)
    _sources: dict[int, str] = field(default_factory=dict)
    """Type of the event that the arguments of a call are taken from, by its index."""
    _surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _call_indexes: dict[str | int, int] = field(default_factory=dict)
    """Index of a call by its call id, its item's id, and its `output_index`."""
    _call_types: list[str] = field(default_factory=list)
    _items: Counter[str] = field(default_factory=Counter)
    """Number of items without text that have come, by their type."""
    _cited: set[str] = field(default_factory=set)

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
            self._append_arguments(self._call_index(event), kind, event.get(_ARGUMENTS[kind]), events)
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
        text, key = self._text(event.get(field_name)), PartKey.of(event)
        if not text:
            return
        if kind.endswith(".delta"):
            self._texts.add_delta(name, key)
        elif not self._texts.add_whole(name, key):
            return
        if complete := self._surrogates.join(name, text):
            events.append(event_type(complete))

    def _text(self, value: JsonValue) -> str:
        if value and not isinstance(value, str):
            raise unreadable("a text is not a string")
        return value if isinstance(value, str) else ""

    def _read_item(self, source: str, item: JsonObject, output_index: JsonValue, events: list[UpstreamEvent]) -> None:
        kind = text_of(item.get("type")) or ""
        if kind in _CALLS:
            index = self._register_call(kind, item, output_index, events)
            # An item is added without its arguments, which follow; if a server sends them, `done` repeats them.
            if source != ADDED:
                self._append_arguments(index, source, item.get(_CALLS[kind]), events)
                self._end_call(index, events)
        elif source == ADDED:
            return
        elif kind in {"message", "reasoning", ""}:
            self._read_texts(source, item, PartKey.of_item(item, output_index), events)
        elif self._is_new(source, kind):
            events.append(_part_of_item(kind, item))

    def _is_new(self, source: str, kind: str) -> bool:
        """Return True if an item without text has not come before; the whole response repeats all in their order."""
        if source == ITEM_DONE:
            self._items[kind] += 1
            return True
        self._items[kind] -= 1
        return self._items[kind] < 0

    def _read_texts(self, source: str, item: JsonObject, key: PartKey, events: list[UpstreamEvent]) -> None:
        """Append the texts of a complete message or reasoning that have not come before, and what belongs to them."""
        content = [part for part in list_of(item.get("content")) if isinstance(part, dict)]
        texts: dict[str, list[str]] = {"summary": [], "reasoning": [], "text": [], "refusal": [], "transcript": []}
        texts["summary"] = [text for part in _objects(item.get("summary")) if (text := text_of(part.get("text")))]
        for part in content:
            name = _part_name(part)
            text = text_of(part.get("refusal") or part.get("transcript") or part.get("text"))
            if name is not None and text:
                texts[name].append(text)
        for name, parts in texts.items():
            self._append_new(source, name, parts, key, events)
        for part in content:
            for annotation in _objects(part.get("annotations")):
                self._append_citation(annotation, events)
            if (media := _media_of(part)) and self._is_new(source, str(part.get("type"))):
                events.append(media)
        encrypted = text_of(item.get("encrypted_content"))
        if encrypted and self._is_new(source, "encrypted_content"):
            events.append(Part("redacted_reasoning", {"data": encrypted, "format": FORMAT}))

    def _append_new(self, source: str, name: str, parts: list[str], key: PartKey, events: list[UpstreamEvent]) -> None:
        texts = self._texts
        come = texts.close_item(name, key) if source == ITEM_DONE else texts.take_delivered(name, len(parts))
        new = parts[come:]
        if not new:
            return
        separator = PARAGRAPH_BREAK if name == "summary" else ""
        begun = separator if name in texts else ""
        event_type = Reasoning if name in {"summary", "reasoning"} else Chunk
        events.append(event_type(begun + separator.join(new)))
        texts.deliver(name, len(new) if source == ITEM_DONE else 0)

    def _append_citation(self, annotation: JsonObject, events: list[UpstreamEvent]) -> None:
        url, title = annotation.get("url"), annotation.get("title") or annotation.get("filename")
        name = f"{url} {title or annotation.get('file_id')}"
        if name not in self._cited and name != "None None":
            self._cited.add(name)
            events.append(citation_part(url, title or annotation.get("file_id"), annotation.get("text")))

    def _register_call(self, kind: str, item: JsonObject, output_index: JsonValue, events: list[UpstreamEvent]) -> int:
        """Return the index of a call among the calls; append the beginning of a new one."""
        call_id = text_of(item.get("call_id")) or text_of(item.get("id"))
        if not call_id:
            raise unreadable("a tool call has no id")
        index = self._call_indexes.get(call_id)
        if index is None:
            index = len(self._call_types)
            self._call_types.append(kind)
            events.append(ToolCall(index, call_id, text_of(item.get("name")) or None, ""))
        for key in (call_id, item.get("id"), output_index):
            if isinstance(key, str | int):
                self._call_indexes[key] = index
        return index

    def _call_index(self, event: JsonObject) -> int:
        """Return the index of the call that arguments belong to: by the item's id, its place, or else the last call."""
        for key in (event.get("item_id"), event.get("output_index")):
            if isinstance(key, str | int) and key in self._call_indexes:
                return self._call_indexes[key]
        if not self._call_types:
            raise unreadable("arguments belong to no tool call")
        return len(self._call_types) - 1

    def _append_arguments(self, index: int, source: str, value: JsonValue, events: list[UpstreamEvent]) -> None:
        # Some servers send the complete arguments as an object, in place of its JSON text.
        text = to_json(value) if isinstance(value, dict) else self._text(value)
        is_source = text and self._sources.setdefault(index, source) == source
        if is_source and (complete := self._surrogates.join(index, text)):
            events.append(ToolCall(index, None, None, complete))

    def _end_call(self, index: int, events: list[UpstreamEvent]) -> None:
        """Append the arguments of a call without any: they must be JSON. The input of a custom tool is any text."""
        if index not in self._sources and self._call_types[index] == "function_call":
            self._append_arguments(index, "none", "{}", events)

    def _end(self, status: str, response: JsonObject, event: JsonObject, events: list[UpstreamEvent]) -> None:
        for output_index, item in enumerate(_objects(response.get("output"))):
            self._read_item(RESPONSE, item, output_index, events)
        for index in range(len(self._call_types)):
            self._end_call(index, events)
        failure = self._failure(text_of(response.get("status")) or status, response, event)
        if failure is None:
            self.finished = self.done = True
            events.append(Finished(self._finish_reason(status, response)))
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
        return finish_reason(ending.reason if ending else None, called=bool(self._call_types))


def _part_name(part: JsonObject) -> str | None:
    """Return the name of the text in a part of a message or of reasoning.

    Raises:
        Failed: `unsupported_content`, if it is a part of an unknown kind, and not empty.
    """
    kind = text_of(part.get("type"))
    if kind is None or _media_of(part):
        return _ITEM_PARTS.get(kind or "")
    if kind in {"reasoning_text", "summary_text"}:
        return "reasoning"
    if kind not in _ITEM_PARTS:
        raise unsupported_content(kind)
    return _ITEM_PARTS[kind]


def _media_of(part: JsonObject) -> Part | None:
    """Return the audio or the image in a part of a message."""
    match part:
        case {"type": "output_audio", "data": str() as data}:
            return media_part(None, data=data, kind="audio")
        case {"type": "output_image" | "image", **fields}:
            return media_part(None, url=fields.get("image_url") or fields.get("url"), kind="image")
    return None


def _part_of_item(kind: str, item: JsonObject) -> Part:
    """Return an item that is neither text nor a call for the client.

    Raises:
        Failed: `unsupported_content`, if the client would have to act.
    """
    if kind in _CLIENT_CALLS:
        raise unsupported_content(kind)
    if kind == "image_generation_call":
        image = media_part(f"image/{item.get('output_format') or 'png'}", data=item.get("result"))
        if image is not None:
            return image
    return server_tool_part(text_of(item.get("name")) or kind, item)


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in list_of(value) if isinstance(item, dict)]


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
