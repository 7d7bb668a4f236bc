"""The log of a generation as the events of a message (docs.anthropic.com, "Streaming Messages"). Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.dialects.anthropic.content import Content
from gateway.dialects.anthropic.errors import error_event
from gateway.dialects.anthropic.usage import final_usage
from gateway.dialects.anthropic.verbatim import DELTA_HEADS, VerbatimEvents
from gateway.dialects.anthropic.writer import DELTA, TEXT_END, EventWriter
from gateway.dialects.base import DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.ends import INTERRUPTED_TEXT, is_cut
from gateway.dialects.entries import CONTENT, TEXT_AT
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
    Verbatim,
)
from gateway.upstreams.formats.json_values import object_of, text_of

STOP_REASONS: Final[Mapping[str | None, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause_turn": "pause_turn",
}
"""Stop reasons by our finish reasons; any other is `end_turn`."""

_STOP_REASONS_OF_FAILURES: Final = {Code.CONTENT_FILTER: "refusal", Code.OUTPUT_LIMIT: "max_tokens"}

_FACTS: Final = ("stop_sequence", "stop_details", "container")
"""What a provider says of its response, and this API has a field for."""


class AnthropicProjection:
    """Turns a log into the events from `message_start` to `message_stop`; see `Projection`."""

    text_name = DELTA

    def __init__(self, start: DialectStart, identity: ResponseIdentity) -> None:
        self.is_cut = False
        thinking = object_of(start.call.body.get("thinking"))
        shows_thinking = text_of(thinking.get("type")) not in {None, "disabled"}
        self._writer = EventWriter(identity)
        self._content = Content(self._writer, shows_thinking=shows_thinking)
        self._verbatim = VerbatimEvents(self._writer)
        self._is_verbatim: bool | None = None
        """The events of the present attempt are passed on as they came; None: it has brought none."""

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        kind, verbatim = entry.kind, entry.verbatim
        if line := self.project_text(entry):
            return (ProjectedEvent(line, DELTA),)
        if verbatim is not None and self._is_verbatim is not False:
            return self._pass_on(verbatim)
        if self.is_cut or kind is Verbatim:
            return ()
        return self._project(entry)

    def project_text(self, entry: Entry) -> bytes:
        """See `TextProjection.project_text`. This runs for each chunk."""
        head, line = self._content.text_head, entry.verbatim
        if head and entry.kind is Chunk:
            # Its JSON string is copied as it is.
            return b"%b%b%b" % (head, entry.data[TEXT_AT:-1], TEXT_END)
        if line is None or not self._is_verbatim or self._verbatim.held or not self._writer.open or self.is_cut:
            return b""
        return line if line.startswith(DELTA_HEADS) and b"\n" not in line else b""

    def on_silence(self) -> Sequence[ProjectedEvent]:
        """Return an empty delta of the open block: older Claude Code counts nothing else as life."""
        return () if self.is_cut else self._writer.empty_delta()

    def _pass_on(self, lines: bytes) -> Sequence[ProjectedEvent]:
        if self.is_cut:
            return ()
        self._is_verbatim = True
        out: list[ProjectedEvent] = []
        for line in lines.split(b"\n"):
            if line:
                self._verbatim.add(line, out)
        return out

    def _project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        kind = entry.kind
        if kind in CONTENT:
            if self._is_verbatim:
                # It was in the event that an earlier entry has passed on.
                return ()
            self._is_verbatim = False
            self._content.add(entry)
        elif kind is Start:
            self._is_verbatim, self._content.text_head = None, b""
            self._verbatim.held.clear()
        elif isinstance(event := entry.other, Revision):
            self._revise(event)
        elif isinstance(event, Complete):
            return self._complete(event)
        elif isinstance(event, Interrupted):
            return self._interrupt(event.by, event.reason, event.usage)
        elif isinstance(event, Error):
            return self._fail(event)
        return self._writer.take()

    def _revise(self, event: Revision) -> None:
        """Begin a new text: after feedback in a new block. After a failure the response ends, so that clients retry."""
        self._content.begin_text()
        if event.reason == "feedback":
            self._verbatim.held.clear()
            self._writer.abandon_blocks()
        else:
            self.is_cut = self._writer.is_started

    def _complete(self, event: Complete) -> Sequence[ProjectedEvent]:
        if self._verbatim.has_end:
            return self._verbatim.end()
        self._writer.close_blocks()
        reason = "refusal" if self._content.refuses else STOP_REASONS.get(event.finish_reason, "end_turn")
        facts: JsonObject = {name: event.response[name] for name in _FACTS if name in event.response}
        if facts.get("stop_sequence") and reason == "end_turn":
            reason = "stop_sequence"
        self._writer.end_message(reason, final_usage(event.usage), _extra(event.usage), facts)
        return self._writer.take()

    def _interrupt(self, by: str, reason: str | None, usage: Usage | None) -> Sequence[ProjectedEvent]:
        """End the message as a normal one, so that no client asks again."""
        if self._verbatim.has_end:
            return self._verbatim.end()
        self._writer.abandon_blocks()
        if not self._writer.has_text:
            # Claude Code asks again for an answer without text.
            index = self._writer.enter("text")
            self._writer.text(index, INTERRUPTED_TEXT)
            self._writer.close(index)
        extra = _extra(usage, {"interrupted": {"by": by, "reason": reason}})
        self._writer.end_message("end_turn", final_usage(usage), extra)
        return self._writer.take()

    def _fail(self, event: Error) -> Sequence[ProjectedEvent]:
        code = Code(event.code)
        if self._verbatim.has_error:
            held, self._verbatim.held = self._verbatim.held, []
            return held
        if is_cut(event):
            self.is_cut = True
        elif code is Code.BUDGET_EXCEEDED:
            return self._interrupt("budget", event.message, event.usage)
        elif code in _STOP_REASONS_OF_FAILURES:
            self._writer.abandon_blocks()
            self._writer.end_message(_STOP_REASONS_OF_FAILURES[code], final_usage(event.usage), _extra(event.usage))
        else:
            self._writer.write(error_event(code, event.message))
        return self._writer.take()


def _extra(usage: Usage | None, fields: JsonObject | None = None) -> JsonObject:
    """Return what only we say, in a field of its own: who interrupted, and that the usage is an estimate."""
    estimated: JsonObject = {"usage": "estimated"} if usage is not None and usage.source == "estimated" else {}
    ours: JsonObject = {**(fields or {}), **estimated}
    return {"dualstream": ours} if ours else {}
