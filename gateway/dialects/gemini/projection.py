"""The log of a generation as `GenerateContentResponse` objects. Pure.

Source: ai.google.dev/api/generate-content, "GenerateContentResponse".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

import orjson

from gateway.dialects.base import DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.ends import FINISH_OF_FAILURE, is_cut, refusal_of
from gateway.dialects.entries import CONTENT, TEXT_AT
from gateway.dialects.gemini.content import Content
from gateway.dialects.gemini.errors import refusal
from gateway.dialects.gemini.fields import Fields
from gateway.dialects.gemini.options import includes_thoughts
from gateway.dialects.gemini.usage import usage_metadata
from gateway.dialects.gemini.verbatim import responses_in
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from gateway.protocol.events import (
    Chunk,
    Complete,
    Error,
    Interrupted,
    Revision,
    Start,
    Usage,
)

FINISH_REASONS: Final = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "pause_turn": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}
"""Google's finish reasons by ours; any other becomes OTHER."""

_SEPARATOR: Final[JsonObject] = {"text": "\n\n"}
"""What stands between an answer and its revision."""

_THEIR_CONTENT: Final = b'{"candidates"'


class GeminiProjection:
    """Turns a log into responses; see `Projection`."""

    def __init__(self, start: DialectStart, identity: ResponseIdentity) -> None:
        self.is_cut = False
        self._identity: JsonObject = {"modelVersion": identity.model, "responseId": identity.generation_id}
        self._text_prefix = b'{"candidates":[{"content":{"parts":[{"text":'
        self._text_suffix = b'}],"role":"model"},"index":0}],%b' % orjson.dumps(self._identity)[1:]
        self._includes_thoughts = includes_thoughts(Fields.of(start.call.body, ""))
        self._content = self._new_content()
        self._is_plain = True
        """A text is projected without regard to anything else."""
        self._is_verbatim = False
        """The attempt is passed on as it came."""
        self._error: bytes | None = None
        """The provider's own error event; what becomes of it is known at the end."""
        self._has_content = self._is_revised = False

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        if entry.kind is Chunk and self._is_plain and entry.verbatim is None:
            self._has_content = True
            # The JSON string of the text is copied as it is.
            return (ProjectedEvent(self._text_prefix + entry.data[TEXT_AT:-1] + self._text_suffix),)
        if self.is_cut:
            return ()
        if entry.verbatim is not None:
            return self._pass_on(entry.verbatim)
        handle = self._HANDLERS.get(entry.kind)
        return () if handle is None else handle(self, entry)

    def _new_content(self) -> Content:
        return Content(includes_thoughts=self._includes_thoughts)

    def _update(self) -> None:
        self._is_plain = not (self._is_verbatim or self._is_revised or self._content or self.is_cut)

    def _pass_on(self, lines: bytes) -> Sequence[ProjectedEvent]:
        """Return the provider's own responses."""
        self._is_verbatim, self._is_plain, self._has_content = True, False, True
        if lines.startswith(_THEIR_CONTENT) and b"\n" not in lines:
            # By far the most common case: one response with content.
            return (ProjectedEvent(lines),)
        found = responses_in(lines)
        self._error = found.error or self._error
        return found.events

    def _start(self, _entry: Entry) -> Sequence[ProjectedEvent]:
        self._is_verbatim, self._error = False, None
        self._update()
        return ()

    def _revise(self, entry: Entry) -> Sequence[ProjectedEvent]:
        event = entry.event
        # After a failover, what was sent can't be taken back.
        self.is_cut = isinstance(event, Revision) and event.reason == "failover" and self._has_content
        self._content, self._is_revised = self._new_content(), self._has_content
        self._update()
        return ()

    def _project_content(self, entry: Entry) -> Sequence[ProjectedEvent]:
        if self._is_verbatim:
            # The provider's own response said it.
            return ()
        parts = self._content.add(entry)
        if parts and self._is_revised:
            parts, self._is_revised = [_SEPARATOR, *parts], False
        fields = self._content.take_fields() if parts else {}
        self._update()
        return (self._response(parts, fields),) if parts else ()

    def _complete(self, entry: Entry) -> Sequence[ProjectedEvent]:
        event = entry.event
        if self._is_verbatim or not isinstance(event, Complete):
            return ()
        return self._finish(FINISH_REASONS.get(event.finish_reason or "stop", "OTHER"), event.usage)

    def _interrupt(self, entry: Entry) -> Sequence[ProjectedEvent]:
        event = entry.event
        if not isinstance(event, Interrupted):
            return ()
        by = event.by if event.reason is None else f"{event.by}: {event.reason}"
        return self._finish("STOP", event.usage, f"Interrupted by {by}")

    def _fail(self, entry: Entry) -> Sequence[ProjectedEvent]:
        event = entry.event
        if not isinstance(event, Error):
            return ()
        if self._error is not None:
            return (ProjectedEvent(self._error),)
        if is_cut(event):
            self.is_cut = True
            return ()
        if event.code == Code.CONTENT_FILTER and not self._has_content:
            return (self._blocked(event),)
        if (reason := FINISH_OF_FAILURE.get(event.code)) is not None:
            return self._finish(FINISH_REASONS[reason], event.usage, event.message)
        return (ProjectedEvent(orjson.dumps(refusal(refusal_of(event)))),)

    def _finish(self, reason: str, usage: Usage | None, message: str | None = None) -> Sequence[ProjectedEvent]:
        parts, fields = self._content.finish(), self._content.take_fields()
        fields["finishReason"] = reason
        if message is not None:
            fields["finishMessage"] = message
        others: JsonObject = {} if usage is None else {"usageMetadata": usage_metadata(usage)}
        return (self._response(parts or [{"text": ""}], fields, others),)

    def _blocked(self, error: Error) -> ProjectedEvent:
        """Return the response to a prompt that the provider blocked. Why is not known in the words of this API."""
        blocked: JsonObject = {"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": error.message}}
        if error.usage is not None:
            blocked["usageMetadata"] = usage_metadata(error.usage)
        return ProjectedEvent(orjson.dumps({**blocked, **self._identity}))

    def _response(
        self, parts: Sequence[JsonObject], fields: JsonObject, others: JsonObject | None = None
    ) -> ProjectedEvent:
        self._has_content = True
        content: JsonObject = {"parts": [*parts], "role": "model"}
        candidate: JsonObject = {"content": content, **fields, "index": 0}
        return ProjectedEvent(orjson.dumps({"candidates": [candidate], **(others or {}), **self._identity}))

    _HANDLERS: ClassVar[Mapping[type, Callable[["GeminiProjection", Entry], Sequence[ProjectedEvent]]]] = {
        Start: _start,
        Revision: _revise,
        **dict.fromkeys(CONTENT, _project_content),
        Complete: _complete,
        Interrupted: _interrupt,
        Error: _fail,
    }
