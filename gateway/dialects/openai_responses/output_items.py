"""The items of an output while they are streamed: an announcement, deltas, and all of it again at the end. Pure.

Source: platform.openai.com/docs/api-reference/responses-streaming. The text of an item is never decoded: its pieces are
the JSON strings of the log, and joined as bytes (escape sequences never reach over the end of a string: RFC 8259, 7).
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import orjson

from gateway.dialects.openai_responses.tool_names import ToolName
from gateway.dialects.openai_responses.tools import INPUT
from gateway.dialects.openai_responses.writer import EventWriter
from gateway.upstreams.formats.sealed_reasoning import seal_call

TEXT_DELTA: Final = b"response.output_text.delta"
"""Name of the event of a piece of the answer's text, the most common one."""

ItemStatus = Literal["completed", "incomplete"]


def joined(pieces: Sequence[bytes]) -> bytes:
    """Return the JSON string of a text that came as several ones."""
    return b'"%b"' % b"".join([piece[1:-1] for piece in pieces])


class TextItem:
    """A message with one text, or reasoning with one summary.

    `delta_head` and `delta_tail` are the JSON of a delta's event around its number and its text.
    """

    index: int
    delta_name: bytes
    delta_head: bytes
    delta_middle: bytes
    delta_tail: bytes

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def close(self, writer: EventWriter, status: ItemStatus) -> bytes:
        """Add its last events, and return the JSON of the whole item."""
        raise NotImplementedError


class MessageItem(TextItem):
    """A message of the assistant, with one text."""

    delta_name = TEXT_DELTA
    delta_head = b'{"type":"%b","sequence_number":' % TEXT_DELTA
    delta_tail = b',"logprobs":[]}'

    def __init__(self, item_id: str, index: int, writer: EventWriter) -> None:
        super().__init__()
        self.index = index
        self._id = item_id
        self._annotations: list[object] = []
        self._logprobs: list[object] = []
        self._place: dict[str, object] = {"item_id": item_id, "output_index": index, "content_index": 0}
        self.delta_middle = b"," + orjson.dumps(self._place)[1:-1] + b',"delta":'
        item = {"id": item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        writer.add("response.output_item.added", {"output_index": index, "item": item})
        writer.add("response.content_part.added", {**self._place, "part": self._part("")})

    def _part(self, text: object) -> dict[str, object]:
        return {"type": "output_text", "annotations": self._annotations, "logprobs": self._logprobs, "text": text}

    def add_logprobs(self, tokens: Sequence[object]) -> bytes:
        """Add the log probabilities of the next piece of the text; return the end of its delta's event."""
        self._logprobs += tokens
        return b',"logprobs":%b}' % orjson.dumps(tokens)

    def annotate(self, annotation: Mapping[str, object], writer: EventWriter) -> None:
        """Add an annotation. Without a place of its own, it stands at the end of the text so far."""
        end = len(orjson.loads(joined(self.pieces)))
        places = {"start_index": end, "end_index": end} if annotation["type"] == "url_citation" else {}
        cited = {**places, **annotation}
        fields = {**self._place, "annotation_index": len(self._annotations), "annotation": cited}
        self._annotations.append(cited)
        writer.add("response.output_text.annotation.added", fields)

    def close(self, writer: EventWriter, status: ItemStatus) -> bytes:
        """See `TextItem.close`."""
        text = orjson.Fragment(joined(self.pieces))
        self._add_done(text, writer)
        part = self._part(text)
        writer.add("response.content_part.done", {**self._place, "part": part})
        item = {"id": self._id, "type": "message", "status": status, "role": "assistant", "content": [part]}
        return _done(item, self.index, writer)

    def _add_done(self, text: object, writer: EventWriter) -> None:
        writer.add("response.output_text.done", {**self._place, "text": text, "logprobs": self._logprobs})


class RefusalItem(MessageItem):
    """A message with which the model refuses to answer."""

    delta_name = b"response.refusal.delta"
    delta_head = b'{"type":"response.refusal.delta","sequence_number":'
    delta_tail = b"}"

    def _part(self, text: object) -> dict[str, object]:
        return {"type": "refusal", "refusal": text}

    def add_logprobs(self, _tokens: Sequence[object]) -> bytes:
        """Leave them out: the API has none for a refusal."""
        return self.delta_tail

    def _add_done(self, text: object, writer: EventWriter) -> None:
        writer.add("response.refusal.done", {**self._place, "refusal": text})


class ReasoningItem(TextItem):
    """The model's reasoning. It is shown as a summary, which is what clients display."""

    delta_name = b"response.reasoning_summary_text.delta"
    delta_head = b'{"type":"response.reasoning_summary_text.delta","sequence_number":'
    delta_tail = b"}"

    def __init__(self, item_id: str, index: int, writer: EventWriter) -> None:
        super().__init__()
        self.index = index
        self.encrypted: str | None = None
        """What only its provider can read, to be given back with it."""
        self._id = item_id
        self._place: dict[str, object] = {"item_id": item_id, "output_index": index, "summary_index": 0}
        self.delta_middle = b"," + orjson.dumps(self._place)[1:-1] + b',"delta":'
        self._has_part = False
        item = {"id": item_id, "type": "reasoning", "summary": []}
        writer.add("response.output_item.added", {"output_index": index, "item": item})

    def begin_text(self, writer: EventWriter) -> None:
        """Announce the summary, unless that has been done."""
        if not self._has_part:
            self._has_part = True
            part = {"type": "summary_text", "text": ""}
            writer.add("response.reasoning_summary_part.added", {**self._place, "part": part})

    def close(self, writer: EventWriter, _status: ItemStatus) -> bytes:
        """See `TextItem.close`."""
        summary: list[object] = []
        if self._has_part:
            text = orjson.Fragment(joined(self.pieces))
            summary = [{"type": "summary_text", "text": text}]
            writer.add("response.reasoning_summary_text.done", {**self._place, "text": text})
            writer.add("response.reasoning_summary_part.done", {**self._place, "part": summary[0]})
        item: dict[str, object] = {"id": self._id, "type": "reasoning", "summary": summary}
        if self.encrypted is not None:
            item["encrypted_content"] = self.encrypted
        return _done(item, self.index, writer)


class CallItem:
    """A call of a function, or of a custom tool."""

    _TYPES: Final = {False: ("function_call", "arguments"), True: ("custom_tool_call", "input")}

    def __init__(self, item_id: str, index: int, call_id: str, tool: ToolName, writer: EventWriter) -> None:
        self.index = index
        self.signature: str | None = None
        self.call_id = call_id
        self._pieces: list[bytes] = []
        self._custom = tool.custom
        self._type, self._field = self._TYPES[tool.custom]
        self._events = "response.custom_tool_call_input" if tool.custom else "response.function_call_arguments"
        self._place: dict[str, object] = {"item_id": item_id, "output_index": index}
        self._item: dict[str, object] = {
            "id": item_id,
            "type": self._type,
            "status": "in_progress",
            "call_id": call_id,
            **tool.fields(),
            self._field: "",
        }
        writer.add("response.output_item.added", {"output_index": index, "item": self._item})

    def add(self, string: bytes, writer: EventWriter) -> None:
        """Add a piece of the arguments, as a JSON string."""
        self._pieces.append(string)
        if not self._custom:
            writer.add(f"{self._events}.delta", {**self._place, "delta": orjson.Fragment(string)})

    def close(self, writer: EventWriter, status: ItemStatus) -> bytes:
        """See `TextItem.close`."""
        value: object = orjson.Fragment(joined(self._pieces))
        if self._custom:
            value = custom_input(orjson.loads(joined(self._pieces)))
            writer.add(f"{self._events}.delta", {**self._place, "delta": value})
        done = {**self._place, self._field: value}
        writer.add(f"{self._events}.done", done if self._custom else {**done, "name": self._item["name"]})
        return _done({**self._item, "status": status, self._field: value}, self.index, writer)

    def sealed_signature(self) -> str | None:
        """Return the thought signature of the call as `encrypted_content`; None if it has none."""
        return None if self.signature is None else seal_call(self.call_id, self.signature)


def custom_input(arguments: str) -> str:
    """Return the text of a custom tool's call from the arguments of the function that stands for it."""
    try:
        fields = orjson.loads(arguments)
    except ValueError:
        return arguments
    text = fields.get(INPUT) if isinstance(fields, dict) else None
    return text if isinstance(text, str) else arguments


def _done(item: Mapping[str, object], index: int, writer: EventWriter) -> bytes:
    encoded = orjson.dumps(item)
    writer.add("response.output_item.done", {"output_index": index, "item": orjson.Fragment(encoded)})
    return encoded
