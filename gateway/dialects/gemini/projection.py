"""The log of a generation as `GenerateContentResponse` objects.

Source: ai.google.dev/api/generate-content, "GenerateContentResponse". Function calls have no pieces there: a call is
sent when its arguments are complete.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

import orjson
from pydantic import JsonValue

from gateway.dialects.base import DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.ends import FINISH_OF_FAILURE, is_cut
from gateway.dialects.gemini.errors import refusal
from gateway.dialects.gemini.fields import Fields
from gateway.dialects.gemini.function_calls import FunctionCalls
from gateway.dialects.gemini.options import includes_thoughts
from gateway.dialects.gemini.parts import citation_chunk, media_part
from gateway.dialects.gemini.passed_on import responses_in
from gateway.dialects.gemini.thoughts import pack
from gateway.dialects.gemini.usage import usage_metadata
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import CODES, Code, Refused
from gateway.protocol.events import (
    TEXT_PREFIX,
    Chunk,
    Complete,
    Error,
    Interrupted,
    Part,
    Reasoning,
    Revision,
    SignedReasoning,
    Start,
    ToolCall,
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

_SEPARATOR: Final = "\n\n"
"""What stands between an answer and its revision."""

_TEXT: Final = len(TEXT_PREFIX[Chunk])
_REASONING: Final = len(TEXT_PREFIX[Reasoning])


class GeminiProjection:
    """Turns a log into responses; see `Projection`."""

    def __init__(self, start: DialectStart, identity: ResponseIdentity) -> None:
        self.is_cut = False
        self._identity: JsonObject = {"modelVersion": identity.model, "responseId": identity.generation_id}
        head = b'{"candidates":[{"content":{"parts":[{"text":'
        tail = b'}],"role":"model"},"index":0}],%b' % orjson.dumps(self._identity)[1:]
        self._text_prefix, self._text_suffix = head, tail
        self._thought_suffix = b',"thought":true' + tail
        self._includes_thoughts = includes_thoughts(Fields.of(start.call.body, ""))
        self._calls = FunctionCalls()
        self._details: list[JsonObject] = []
        """Signed or encrypted reasoning that no part carries yet."""
        self._thoughts = ""
        """Reasoning without a signature so far."""
        self._sources: list[JsonValue] = []
        self._is_plain = True
        """A text is projected without regard to anything else."""
        self._is_passed_on = False
        """The attempt is passed on as it came."""
        self._error: bytes | None = None
        """The provider's own error event; what becomes of it is known at the end."""
        self._has_content = self._is_revised = False

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        kind = entry.kind
        if kind is Chunk and self._is_plain and entry.verbatim is None:
            # The JSON string of the text is copied as it is.
            return (ProjectedEvent(self._text_prefix + entry.data[_TEXT:-1] + self._text_suffix),)
        if self.is_cut:
            return ()
        if entry.verbatim is not None:
            return self._pass_on(entry.verbatim)
        handle = self._HANDLERS.get(kind)
        return () if handle is None else handle(self, entry)

    def _start(self, _entry: Entry) -> Sequence[ProjectedEvent]:
        self._is_passed_on, self._error = False, None
        self._update()
        return ()

    def _update(self) -> None:
        self._is_plain = not (self._is_passed_on or self._is_revised or self._calls or self.is_cut)

    def _pass_on(self, lines: bytes) -> Sequence[ProjectedEvent]:
        """Return the provider's own responses."""
        self._is_passed_on, self._is_plain, self._has_content = True, False, True
        found = responses_in(lines)
        self._error = found.error or self._error
        return found.events

    def _revise(self, entry: Entry) -> Sequence[ProjectedEvent]:
        event = entry.event
        if isinstance(event, Revision) and event.reason == "failover":
            # What was sent can't be taken back.
            self.is_cut = True
        self._calls, self._details, self._thoughts = FunctionCalls(), [], ""
        self._is_revised = True
        self._update()
        return ()

    def _content(self, entry: Entry) -> Sequence[ProjectedEvent]:
        kind = entry.kind
        if self._is_passed_on:
            # The provider's own response said it.
            return ()
        if kind is ToolCall:
            self._calls.add(entry.event)
            self._update()
            return ()
        parts = self._complete_calls()
        if kind is Chunk:
            text = orjson.loads(entry.data[_TEXT:-1])
            parts.append({"text": _SEPARATOR + text if self._is_revised and self._has_content else text})
            self._is_revised = False
        elif kind is Reasoning or kind is SignedReasoning:
            parts += self._reasoning(entry)
        elif kind is Part:
            parts += self._part(entry)
        self._update()
        return (self._response(parts),) if parts else ()

    def _reasoning(self, entry: Entry) -> list[JsonObject]:
        event = entry.event
        if isinstance(event, SignedReasoning):
            text = self._thoughts + event.content
            self._thoughts = ""
            self._details.append(
                {"type": "reasoning.text", "text": text, "signature": event.signature, "format": event.format}
            )
            shown = event.content
        else:
            shown = orjson.loads(entry.data[_REASONING:-1])
            self._thoughts += shown
        return [{"text": shown, "thought": True}] if shown and self._includes_thoughts else []

    def _part(self, entry: Entry) -> list[JsonObject]:
        part = entry.event
        if not isinstance(part, Part):
            return []
        if part.kind == "citation":
            self._sources.append(citation_chunk(part))
        elif part.kind == "redacted_reasoning":
            self._details.append({"type": "reasoning.encrypted", **part.fields})
        elif (media := media_part(part)) is not None:
            return [media]
        return []

    def _complete_calls(self) -> list[JsonObject]:
        """Return the parts of the calls that are complete. The first one without a signature carries the reasoning."""
        parts = self._calls.complete()
        if self._details and (first := next((part for part in parts if "thoughtSignature" not in part), None)):
            first["thoughtSignature"] = self._take_details()
        return parts

    def _take_details(self) -> str:
        packed, self._details = pack(self._details), []
        return packed

    def _end(self, entry: Entry) -> Sequence[ProjectedEvent]:
        event = entry.event
        if isinstance(event, Error):
            return self._fail(event)
        if isinstance(event, Complete):
            if self._is_passed_on:
                return ()
            return self._finish(FINISH_REASONS.get(event.finish_reason or "stop", "OTHER"), event.usage)
        if isinstance(event, Interrupted):
            about = event.by if event.reason is None else f"{event.by}: {event.reason}"
            return self._finish("STOP", event.usage, f"Interrupted by {about}")
        return ()

    def _finish(self, reason: str, usage: Usage, message: str | None = None) -> Sequence[ProjectedEvent]:
        parts = self._complete_calls()
        if self._details:
            parts.append({"text": "", "thoughtSignature": self._take_details()})
        fields: JsonObject = {"finishReason": reason}
        if message is not None:
            fields["finishMessage"] = message
        if self._sources:
            fields["groundingMetadata"] = {"groundingChunks": self._sources}
        return (self._response(parts or [{"text": ""}], fields, {"usageMetadata": usage_metadata(usage)}),)

    def _fail(self, error: Error) -> Sequence[ProjectedEvent]:
        if self._error is not None:
            return (ProjectedEvent(self._error),)
        if is_cut(error):
            self.is_cut = True
            return ()
        if (reason := FINISH_OF_FAILURE.get(error.code)) is not None and error.usage is not None:
            return self._finish(FINISH_REASONS[reason], error.usage, error.message)
        code = Code(error.code)
        refused = Refused(code, error.message, status=CODES[code].status, retry_after_ms=error.retry_after_ms)
        return (ProjectedEvent(orjson.dumps(refusal(refused))),)

    def _response(
        self, parts: list[JsonObject], fields: JsonObject | None = None, others: JsonObject | None = None
    ) -> ProjectedEvent:
        self._has_content = True
        content: JsonObject = {"parts": [*parts], "role": "model"}
        candidate: JsonObject = {"content": content, **(fields or {}), "index": 0}
        return ProjectedEvent(orjson.dumps({"candidates": [candidate], **(others or {}), **self._identity}))

    _HANDLERS: ClassVar[Mapping[type, Callable[["GeminiProjection", Entry], Sequence[ProjectedEvent]]]] = {
        Start: _start,
        Revision: _revise,
        **dict.fromkeys((Chunk, Reasoning, SignedReasoning, ToolCall, Part), _content),
        **dict.fromkeys((Complete, Interrupted, Error), _end),
    }
