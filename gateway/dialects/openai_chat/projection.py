"""The log of a generation as chunks of a chat completion. Pure."""

from collections.abc import Sequence
from typing import Final

import orjson

from gateway.dialects.base import DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.ends import FINISH_OF_FAILURE, is_cut, refusal_of
from gateway.dialects.entries import CONTENT, TEXT_AT
from gateway.dialects.openai_chat.content import Content
from gateway.dialects.openai_chat.errors import error_object
from gateway.dialects.openai_chat.request import wants_usage
from gateway.dialects.openai_chat.verbatim import VerbatimEvents
from gateway.dialects.openai_chat.writer import DONE, EventWriter, response_fields
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import (
    Chunk,
    Complete,
    Error,
    Event,
    Interrupted,
    Part,
    Reasoning,
    Revision,
    SignedReasoning,
    Start,
    ToolCall,
    Usage,
)

_REVISED: Final = "\n\n"
"""Stands between a text and the one with which feedback replaced it."""


class OpenAIChatProjection:
    """Turns a log into `chat.completion.chunk` objects; see `Projection`.

    An attempt with data of the provider is passed on as it came; any other is built from its events.
    """

    text_name = b""

    def __init__(self, start: DialectStart, identity: ResponseIdentity) -> None:
        self.is_cut = False
        self._with_usage = wants_usage(start)
        self._chunks = EventWriter(identity, usage=self._with_usage)
        self._content = Content(start, self._chunks)
        self._verbatim = VerbatimEvents(usage=self._with_usage)
        self._is_verbatim = False
        """The current attempt is passed on as it came."""
        self._is_open = self._has_text = False

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        if lines := self.project_text(entry):
            return [ProjectedEvent(line) for line in lines.split(b"\n")]
        if entry.verbatim is not None and not self.is_cut:
            return self._pass_on(entry)
        if self.is_cut or (self._is_verbatim and entry.kind in CONTENT):
            # In an attempt that is passed on, it is more of what was passed on already.
            return ()
        if entry.kind in CONTENT:
            return self._project_content(entry)
        return self._project_event(entry.event)

    def project_text(self, entry: Entry) -> bytes:
        """See `TextProjection.project_text`. This runs for each chunk."""
        if entry.kind is not Chunk:
            return b""
        if entry.verbatim is None:
            content = self._content
            # The JSON string of the text is copied as it is.
            return content.prefix + entry.data[TEXT_AT:-1] + self._chunks.suffix if content.continues_text else b""
        if self._has_text and self._is_verbatim and not self.is_cut:
            return self._verbatim.plain_text(entry.verbatim, entry.data[TEXT_AT:-1])
        return b""

    def _project_event(self, event: Event) -> Sequence[ProjectedEvent]:
        """Return the chunks of an event that is no content."""
        match event:
            case Start():
                self._is_verbatim = self._content.continues_text = False
            case Revision():
                return self._revise(event)
            case Complete():
                reason = self._content.finish_reason(event.finish_reason)
                return self._end(reason, event.usage, response_fields(event.response))
            case Interrupted():
                return self._interrupt(event.by, event.reason, event.usage)
            case Error():
                return self._fail(event)
        return ()

    def _pass_on(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """Return the provider's own chunks."""
        self._is_verbatim, self._content.continues_text = True, False
        if entry.kind is ToolCall and isinstance(call := entry.event, ToolCall):
            self._content.count_call(call)
        self._has_text = self._has_text or entry.kind is Chunk
        return self._verbatim.pass_on(entry)

    def _project_content(self, entry: Entry) -> Sequence[ProjectedEvent]:
        if entry.kind is Chunk:
            self._has_text = True
            return [*self._open(), *self._content.text(entry.data)]
        if entry.kind is Reasoning:
            return [*self._open(), *self._content.reasoning(entry.data)]
        events: list[ProjectedEvent] = []
        match entry.event:
            case SignedReasoning() as signed:
                events = self._content.signature(signed)
            case ToolCall() as call:
                events = self._content.tool_call(call)
            case Part() as part:
                events = self._content.part(part)
        return [*self._open(), *events] if events else ()

    def _open(self) -> Sequence[ProjectedEvent]:
        """Return the chunk that stands before the first content, unless the provider's own chunks have begun."""
        if self._is_open:
            return ()
        self._is_open = True
        if begun := self._verbatim.last_chunk():
            self._chunks.continue_response(begun)
            return ()
        return (self._chunks.role(),)

    def _revise(self, revision: Revision) -> Sequence[ProjectedEvent]:
        """Begin another text. After a failure it replaces what clients have, which a stream of chunks can't express."""
        self.is_cut = revision.reason == "failover"
        self._is_verbatim = False
        self._content.begin_text(_REVISED if self._has_text else "")
        return ()

    def _end(self, reason: str, usage: Usage | None, further: JsonObject) -> Sequence[ProjectedEvent]:
        events: list[ProjectedEvent] = []
        if not (self._is_verbatim and self._verbatim.has_finish_reason):
            # Before the chunk is built: it may have to continue those of the provider.
            events += self._open()
            events.append(self._chunks.delta({}, reason, self._content.take_logprobs(), further))
        if usage is not None and self._with_usage and not (self._is_verbatim and self._verbatim.has_usage):
            self._open()
            events.append(self._chunks.usage(usage))
        return [*events, DONE]

    def _interrupt(self, by: str, reason: str | None, usage: Usage | None) -> Sequence[ProjectedEvent]:
        """End the response as a normal one: this API has no other end that its clients do not retry."""
        return self._end("stop", usage, {"dualstream": {"interrupted": {"by": by, "reason": reason}}})

    def _fail(self, end: Error) -> Sequence[ProjectedEvent]:
        if is_cut(end):
            self.is_cut = True
            return ()
        if (reason := FINISH_OF_FAILURE.get(end.code)) is not None:
            return self._end(reason, end.usage, {"dualstream": {"code": end.code, "reason": end.message}})
        error = error_object(refusal_of(end))
        return (ProjectedEvent(orjson.dumps({"error": error})), DONE)
