"""The output of a response, made of content of ours: which item a piece belongs to, and when an item ends. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import orjson
from pydantic import JsonValue

from gateway.dialects.openai_responses.conversation import HOSTED_CALLS
from gateway.dialects.openai_responses.ids import item_id
from gateway.dialects.openai_responses.output_items import (
    CallItem,
    ItemStatus,
    MessageItem,
    ReasoningItem,
    RefusalItem,
    TextItem,
)
from gateway.dialects.openai_responses.parts import annotation_of, logprobs_of
from gateway.dialects.openai_responses.tool_names import ToolName
from gateway.dialects.openai_responses.writer import EventWriter
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Event, Part, Reasoning, SignedReasoning, ToolCall
from gateway.upstreams.formats.json_values import object_of
from gateway.upstreams.formats.openai_responses_items import FORMAT
from gateway.upstreams.formats.sealed_reasoning import seal, seal_redacted


class Content:
    """Turns content into the events of items. `items` holds those that are complete, each encoded."""

    def __init__(self, generation_id: str, tools: Mapping[str, ToolName], writer: EventWriter) -> None:
        self.items: list[bytes] = []
        self.text: TextItem | None = None
        """The item that text of `text_kind` is a part of."""
        self.text_kind: type[Event] | None = None
        self.plain_kind: type[Event] | None = None
        """The same kind; None while the next piece of text needs more than its delta."""
        self._logprobs: Sequence[object] = ()
        """Log probabilities of the next piece of text."""
        self._refuses = False
        """The text is the model's refusal to answer."""
        self._generation_id = generation_id
        self._tools = tools
        self._writer = writer
        self._calls: dict[int, CallItem] = {}
        """Open calls by their index. They end together: pieces of parallel calls may alternate."""
        self._call_ids: set[str] = set()
        """Some servers give all calls of a function one id, by which no client can tell their results apart."""
        self._begun = 0

    def begin_revision(self) -> None:
        """End all items of a text that another one follows."""
        self.close(finished=False, drop_calls=True)
        self._refuses = False

    def add_notice(self, string: bytes) -> None:
        """Add a message of the gateway itself, as a JSON string."""
        self._refuses = False
        self._writer.add_delta(self._open_text(Chunk), string)
        self.close()

    def begin_after(self, count: int) -> None:
        """Number further items from `count` on: another attempt has brought those before."""
        self._begun = count

    def add(self, entry: Entry) -> None:
        """Add an entry of content."""
        kind = entry.kind
        if kind is Chunk or kind is Reasoning:
            self._add_text(entry, self._open_text(kind))
        elif kind is ToolCall:
            self._add_call(entry)
        else:
            self._add_other(entry.event)

    def close(self, *, finished: bool = True, drop_calls: bool = False) -> None:
        """End all items. `drop_calls`: a call that was not complete must not be carried out."""
        writer = self._writer
        status: ItemStatus = "completed" if finished else "incomplete"
        if self.text is not None:
            self._end_item(self.text, status)
        calls, self._calls = list(self._calls.values()), {}
        for call in [] if drop_calls else calls:
            is_last = call is calls[-1]
            self.items.append(call.close(writer, status if is_last else "completed"))
        for call in [] if drop_calls else calls:
            if (sealed := call.sealed_signature()) is not None:
                self._add_sealed(sealed)

    def _end_item(self, item: TextItem, status: ItemStatus) -> None:
        self.text = self.text_kind = self.plain_kind = None
        self.items.append(item.close(self._writer, status))

    def _next(self, prefix: str) -> tuple[str, int]:
        index = self._begun
        self._begun += 1
        return item_id(prefix, self._generation_id, index), index

    def _open_text(self, kind: type[Event]) -> TextItem:
        if self.text is None or kind is not self.text_kind:
            self.close()
            self.text, self.text_kind = (self._new_message() if kind is Chunk else self._new_reasoning()), kind
        if isinstance(self.text, ReasoningItem):
            self.text.begin_text(self._writer)
        self.plain_kind = kind
        return self.text

    def _new_message(self) -> MessageItem:
        return (RefusalItem if self._refuses else MessageItem)(*self._next("msg"), self._writer)

    def _new_reasoning(self) -> ReasoningItem:
        return ReasoningItem(*self._next("rs"), self._writer)

    def _add_text(self, entry: Entry, item: TextItem) -> None:
        tail = b""
        if self._logprobs and isinstance(item, MessageItem):
            tail, self._logprobs = item.add_logprobs(self._logprobs), ()
        for string in strings_of(entry):
            self._writer.add_delta(item, string, tail)
            tail = b""

    def _add_call(self, entry: Entry) -> None:
        event = entry.event
        if not isinstance(event, ToolCall):
            return
        call = self._calls.get(event.index)
        if event.id is not None or call is None:
            if self.text is not None:
                self._end_item(self.text, "completed")
            call = self._new_call(event)
        call.signature = event.signature or call.signature
        for string in strings_of(entry) if entry.ends else (orjson.dumps(event.arguments),):
            if string != b'""':
                call.add(string, self._writer)

    def _new_call(self, event: ToolCall) -> CallItem:
        name = event.name or ""
        tool = self._tools.get(name) or ToolName(name, None, custom=False)
        new_id, index = self._next("ctc" if tool.custom else "fc")
        call_id = event.id if event.id and event.id not in self._call_ids else new_id
        self._call_ids.add(call_id)
        call = CallItem(new_id, index, call_id, tool, self._writer)
        self._calls[event.index] = call
        return call

    def _add_other(self, event: Event) -> None:
        if isinstance(event, SignedReasoning):
            if event.content:
                item = self._open_text(Reasoning)
                self._writer.add_delta(item, orjson.dumps(event.content))
            self._add_sealed(seal({"format": event.format, "signature": event.signature}))
        elif isinstance(event, Part):
            self._add_part(event)

    def _add_sealed(self, encrypted: str) -> None:
        """End the open reasoning, or one without a text, with what only its provider can read."""
        if not isinstance(self.text, ReasoningItem):
            if self.text is not None:
                self._end_item(self.text, "completed")
            self.text, self.text_kind = self._new_reasoning(), Reasoning
        if isinstance(self.text, ReasoningItem):
            self.text.encrypted = encrypted
            self._end_item(self.text, "completed")

    def _add_part(self, part: Part) -> None:
        fields = part.fields
        match part.kind:
            case "redacted_reasoning":
                self._add_sealed(str(fields.get("data")) if fields.get("format") == FORMAT else seal_redacted(fields))
            case "server_tool":
                self._add_hosted(object_of(fields.get("block")))
            case "citation":
                self._annotate(fields)
            case "logprobs":
                self._logprobs, self.plain_kind = logprobs_of(fields.get("tokens")), None
            case "refusal":
                self._refuses = True
                if self.text_kind is Chunk and self.text is not None:
                    self._end_item(self.text, "completed")
            case "image" if isinstance(fields.get("data"), str):
                self._add_image(part)
            case "image" | "audio" | "file" if isinstance(fields.get("url"), str):
                item = self._open_text(Chunk)
                self._writer.add_delta(item, orjson.dumps(f"![{part.kind}]({fields['url']})"))

    def _annotate(self, citation: Mapping[str, JsonValue]) -> None:
        annotation = annotation_of(citation)
        if annotation is not None and isinstance(item := self._open_text(Chunk), MessageItem):
            item.annotate(annotation, self._writer)

    def _add_image(self, part: Part) -> None:
        self.close()
        new_id, index = self._next("ig")
        media_type = str(part.fields.get("media_type") or "image/png")
        item: JsonObject = {
            "id": new_id,
            "type": "image_generation_call",
            "status": "completed",
            "output_format": media_type.rpartition("/")[2],
            "result": part.fields["data"],
        }
        self._add_whole({**item, "status": "in_progress", "result": None}, item, index)

    def _add_hosted(self, item: JsonObject) -> None:
        """Add what a tool of a provider with this API did; that of another means nothing here."""
        if str(item.get("type")) in HOSTED_CALLS:
            self.close()
            self._add_whole(item, item, self._next("")[1])

    def _add_whole(self, begun: JsonObject, item: JsonObject, index: int) -> None:
        encoded = orjson.dumps(item)
        self._writer.add("response.output_item.added", {"output_index": index, "item": begun})
        self._writer.add("response.output_item.done", {"output_index": index, "item": orjson.Fragment(encoded)})
        self.items.append(encoded)


def strings_of(entry: Entry) -> Sequence[bytes]:
    """Return the JSON strings of an entry of text or arguments, one for each event that was joined."""
    if not entry.ends:
        return (entry.data[len(entry.head) - 1 : -1],)
    text = entry.text
    return [orjson.dumps(text[start:end]) for start, end in pairwise((0, *entry.ends))]
