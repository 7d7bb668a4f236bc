"""The content of a log as events of messages. Pure.

A text of ours is one message of the assistant, calls included. A call closes the text, which continues under the same
id. Each span of reasoning is a message of its own, and so is the text after it.
"""

from typing import Final

import orjson

from gateway.dialects.ag_ui.calls import Calls
from gateway.dialects.ag_ui.writer import EventWriter
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.entries import REASONING_AT, TEXT_AT
from gateway.generation.event_log import Entry
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall
from gateway.upstreams.formats.sealed_reasoning import seal, seal_redacted

_EMPTY: Final = b'""'
_REASONING: Final = "REASONING_MESSAGE_CONTENT"


class Content:
    """Builds the events of content, and keeps what is open."""

    def __init__(self, writer: EventWriter) -> None:
        self.text_head = b""
        """JSON of the next delta of text, up to its text; b"" if no text is open."""
        self.has_messages = False
        """The client has messages of the present text."""
        self._writer = writer
        self._generation_id = writer.generation_id
        self._calls = Calls(writer)
        self._messages = 1
        self._is_begun = False
        """The present message of the assistant has content."""
        self._reasonings = 0
        """Number of spans of reasoning of the present text."""
        self._reasoning_id = ""
        """Id of the span of reasoning that is open; "" for none."""
        self._reasoning_head = b""

    @property
    def _message_id(self) -> str:
        return f"msg_{self._generation_id}_{self._messages}"

    def _span_id(self, number: int) -> str:
        return f"rs_{self._generation_id}_{number}"

    def begin_text(self) -> None:
        """Begin another text, in place of the present one. Everything must be closed.

        The ids of its spans of reasoning are used again: see `EventWriter.revised`.
        """
        self._begin_message()
        self._reasonings = 0
        self.has_messages = False
        self._calls.begin_text()

    def first_span(self) -> str:
        """Return the id of the first span of reasoning of the present text; "" without one."""
        return self._span_id(1) if self._reasonings else ""

    def _begin_message(self) -> None:
        self._messages += self._is_begun
        self._is_begun = False

    def add(self, entry: Entry) -> list[ProjectedEvent]:
        """Return the events of an entry of content."""
        if entry.kind is Chunk:
            return self._text(entry.data[TEXT_AT:-1])
        if entry.kind is Reasoning:
            return self._reasoning(entry.data[REASONING_AT:-1])
        if entry.kind is ToolCall:
            return self._call(entry)
        match entry.event:
            case SignedReasoning() as signed:
                return self._sign(signed)
            case Part() as part:
                return self._part(part)
        return []

    def close(self) -> list[ProjectedEvent]:
        """Return the ends of all that is open."""
        return [*self._close_reasoning(), *self._close_text(), *self._calls.end()]

    def pending_calls(self) -> list[str]:
        """Return the ids of the calls that the client has to answer."""
        return [*self._calls.complete_ids()]

    def _text(self, string: bytes) -> list[ProjectedEvent]:
        if string == _EMPTY:
            # Clients before 1.0 refuse an empty delta.
            return []
        events: list[ProjectedEvent] = []
        if not self.text_head:
            events += [*self._close_reasoning(), *self._calls.end_complete()]
            events.append(self._writer.text_start(self._message_id))
            self.text_head = self._writer.text_head("TEXT_MESSAGE_CONTENT", "messageId", self._message_id)
            self.has_messages = self._is_begun = True
        events.append(ProjectedEvent(self.text_head + string + b"}"))
        return events

    def _close_text(self) -> list[ProjectedEvent]:
        if not self.text_head:
            return []
        self.text_head = b""
        return [self._writer.text_end(self._message_id)]

    def _reasoning(self, string: bytes) -> list[ProjectedEvent]:
        if string == _EMPTY:
            return []
        return [*self._open_reasoning(), ProjectedEvent(self._reasoning_head + string + b"}")]

    def _open_reasoning(self) -> list[ProjectedEvent]:
        if self._reasoning_id:
            return []
        self._reasonings += 1
        self.has_messages = True
        self._reasoning_id = self._span_id(self._reasonings)
        self._reasoning_head = self._writer.text_head(_REASONING, "messageId", self._reasoning_id)
        closing = [*self._close_text(), *self._calls.end_complete()]
        # TanStack's client would show the text before it once more, in front of the one after it.
        self._begin_message()
        return [*closing, *self._writer.reasoning_start(self._reasoning_id)]

    def _close_reasoning(self) -> list[ProjectedEvent]:
        closed, self._reasoning_id = self._reasoning_id, ""
        return [*self._writer.reasoning_end(closed)] if closed else []

    def _sign(self, signed: SignedReasoning) -> list[ProjectedEvent]:
        """Return the signature of the reasoning before it, which ends it."""
        events = self._open_reasoning()
        if signed.content:
            events += self._reasoning(orjson.dumps(signed.content))
        value = seal({"format": signed.format, "signature": signed.signature})
        events.append(self._writer.encrypted_value("message", self._reasoning_id, value))
        return [*events, *self._close_reasoning()]

    def _call(self, entry: Entry) -> list[ProjectedEvent]:
        events = [*self._close_reasoning(), *self._close_text()]
        head = entry.head
        if head and (index := _call_index(head)) is not None:
            return [*events, *self._calls.add_arguments(index, entry.data[len(head) : -2])]
        if isinstance(call := entry.event, ToolCall):
            self.has_messages = self._is_begun = True
            events += self._calls.add(call, self._message_id)
        return events

    def _part(self, part: Part) -> list[ProjectedEvent]:
        """Return the event of a part: reasoning that can't be read is a span of its own, the rest an event of ours."""
        if part.kind != "redacted_reasoning":
            return [self._writer.custom(part.kind, part.fields)]
        events = [*self._close_reasoning(), *self._open_reasoning()]
        value = seal_redacted(part.fields)
        events.append(self._writer.encrypted_value("message", self._reasoning_id, value))
        return [*events, *self._close_reasoning()]


def _call_index(head: bytes) -> int | None:
    """Return the index of the call that a piece of arguments belongs to, from the JSON before it."""
    digits = head.partition(b'"index":')[2].partition(b",")[0]
    return int(digits) if digits.isdigit() else None
