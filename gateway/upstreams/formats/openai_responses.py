"""OpenAI Responses, streamed: the wire format that OpenAI's reasoning models show their thinking in.

platform.openai.com/docs/api-reference/responses and …/responses-streaming; in their words a conversation is `input`, a
list of items, and an answer is a list of items too, told in events of which each says its `type`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Reasoning, Text, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors import broken, from_stream
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
"""Events that bring text: its kind, what it becomes, where it stands. A content part `x` is as `response.x.done`."""

_ARGUMENTS: Mapping[str, str] = {
    "response.function_call_arguments.delta": "delta",
    "response.function_call_arguments.done": "arguments",
    "response.custom_tool_call_input.delta": "delta",
    "response.custom_tool_call_input.done": "input",
}
_CALLS: Mapping[str, str] = {"function_call": "arguments", "custom_tool_call": "input"}

_REASONS: Mapping[str, str] = {"max_output_tokens": "length"}
"""Why a response is incomplete, as chat completions say it; `content_filter` is the same word in both."""

BREAK = "\n\n"
"""Between the parts of a reasoning summary: each is a paragraph, and none says so itself."""


class OpenAIResponsesFormat:
    """`POST {base_url}/responses`; see `Wire`.

    `summary` (auto, concise or detailed) asks for a summary of the reasoning, without which OpenAI shows none. It goes
    only with calls that name a `reasoning_effort`, as other models refuse it, and is not asked for unless set: OpenAI
    refuses it to organizations that it has not verified (litellm #16032).
    """

    def __init__(self, summary: Summary | None = None) -> None:
        self._summary = summary

    def endpoint(self, _call: UpstreamRequest) -> Endpoint:
        """Give where it is posted to, below the base URL."""
        return Endpoint(("responses",))

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Give the headers that carry the key."""
        return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}

    def body(self, call: UpstreamRequest) -> JsonObject:
        """Spell a call; see `Wire.body`."""
        return build_request(call, self._summary)

    def can_continue(self, _call: UpstreamRequest) -> bool:
        """Tell that a turn of the assistant's is never gone on with: it is answered."""
        return False

    def reader(self, api_key: SecretStr | None) -> "ResponsesReader":
        """Make a reader of one answer; the key is never to be shown."""
        return ResponsesReader(api_key)


@dataclass(slots=True)
class ResponsesReader:
    """Reads the events of a response; see `Reader`.

    Text of a kind, and the arguments of a call, are taken from the first type of event that brings them: deltas, or
    where a server sends none, what is whole. Their item would tell more exactly what is known already, but servers
    name and number items as they like: llama.cpp not at all, litellm (#36375) anew with each delta.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _source: dict[str, str] = field(default_factory=dict)
    _half: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _index: dict[str | int, int] = field(default_factory=dict)
    _calls: int = 0

    @property
    def is_stateless(self) -> bool:
        """Tell whether the next event means by itself what it says."""
        return not (self.finished or self._half)

    def new(self) -> "ResponsesReader":
        """Make one that has read nothing."""
        return ResponsesReader()

    def read(self, data: bytes, parts: list[UpstreamEvent]) -> None:
        """Add the parts of one event."""
        if data == DONE:
            # Some servers add it out of habit. It is no end mark: those of this API say how the response ended.
            return
        event = decode(data)
        kind = text_of(event.get("type")) or ""
        if kind in _TEXTS:
            self._piece(_TEXTS[kind], kind, event, parts)
        elif kind in _ARGUMENTS:
            self._arguments(self._call_of(event), kind, event.get(_ARGUMENTS[kind]), parts)
        elif kind in {ADDED, ITEM_DONE}:
            self._item(kind, object_of(event.get("item")), event.get("output_index"), parts)
        elif kind == SUMMARY_PART_ADDED and "summary" in self._source:
            parts.append(Reasoning(BREAK))
        elif kind in {COMPLETED, INCOMPLETE, FAILED}:
            self._end(kind, object_of(event.get("response")), parts)
        elif kind == "error" or (not kind and event.get("error")):
            # Documented flat, sent with an object `error` (openai-dotnet #881).
            raise from_stream(event.get("error") or event, self.api_key)

    def _piece(
        self, what: tuple[str, type[Text], str], source: str, holder: JsonObject, parts: list[UpstreamEvent]
    ) -> None:
        name, make, key = what
        if text := self._new(name, source, holder.get(key)):
            parts.append(make(text))

    def _new(self, name: str, source: str, value: JsonValue) -> str:
        """Give what a text brings; "" if events of another type bring it already."""
        if not value:
            return ""
        if not isinstance(value, str):
            raise broken("a text of it is something else")
        return self._half.whole(name, value) if self._source.setdefault(name, source) == source else ""

    def _item(self, source: str, item: JsonObject, place: JsonValue, parts: list[UpstreamEvent]) -> None:
        kind = text_of(item.get("type")) or ""
        if kind in _CALLS:
            index = self._call(item, place, parts)
            if source != ADDED:
                self._arguments(index, source, item.get(_CALLS[kind]), parts)
        elif source != ADDED:
            summary = [text for part in _objects(item.get("summary")) if (text := text_of(part.get("text")))]
            self._piece(("summary", Reasoning, "text"), source, {"text": BREAK.join(summary)}, parts)
            for part in _objects(item.get("content")):
                if what := _TEXTS.get(f"response.{part.get('type')}.done"):
                    self._piece(what, source, part, parts)

    def _call(self, item: JsonObject, place: JsonValue, parts: list[UpstreamEvent]) -> int:
        """Give the index of a call among the calls; one that is not known begins."""
        call_id = text_of(item.get("call_id")) or text_of(item.get("id"))
        if call_id is None:
            raise broken("a tool call of it has no id")
        index = self._index.get(call_id)
        if index is None:
            index = self._calls
            self._calls += 1
            parts.append(ToolCall(index, call_id, text_of(item.get("name")), ""))
        for key in (call_id, item.get("id"), place):
            if isinstance(key, str | int):
                self._index[key] = index
        return index

    def _call_of(self, event: JsonObject) -> int:
        """Give the index of the call that arguments belong to: by the item's id, its place, or else the last one's."""
        for key in (event.get("item_id"), event.get("output_index")):
            if isinstance(key, str | int) and key in self._index:
                return self._index[key]
        if not self._calls:
            raise broken("arguments of it belong to no tool call")
        return self._calls - 1

    def _arguments(self, index: int, source: str, value: JsonValue, parts: list[UpstreamEvent]) -> None:
        if text := self._new(f"tool {index}", source, value):
            parts.append(ToolCall(index, None, None, text))

    def _end(self, kind: str, response: JsonObject, parts: list[UpstreamEvent]) -> None:
        if not self._source:
            # A server that tells it all at the end.
            for place, item in enumerate(_objects(response.get("output"))):
                self._item(kind, item, place, parts)
        if kind != FAILED:
            self.finished = self.done = True
            parts.append(Finished(self._reason(kind, response)))
        usage = response.get("usage")
        if isinstance(usage, dict):
            parts.append(_usage(usage))
        if kind == FAILED:
            raise from_stream(response.get("error"), self.api_key)

    def _reason(self, kind: str, response: JsonObject) -> str | None:
        reason = text_of(object_of(response.get("incomplete_details")).get("reason"))
        if reason is None and kind == COMPLETED:
            return "tool_calls" if self._calls else "stop"
        return _REASONS.get(reason, reason) if reason else None


def _objects(value: JsonValue) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _usage(usage: JsonObject) -> Usage:
    return Usage(
        count_of(usage.get("input_tokens")),
        count_of(usage.get("output_tokens")),
        "exact",
        detail_of(usage, "input_tokens_details", "cached_tokens"),
        detail_of(usage, "output_tokens_details", "reasoning_tokens"),
    )
