"""The log of a generation as the events of a message (docs.anthropic.com, "Streaming Messages")."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.dialects.anthropic.calls import Calls
from gateway.dialects.anthropic.errors import error_event
from gateway.dialects.anthropic.parts import signature_of, write_part
from gateway.dialects.anthropic.usage import final_usage
from gateway.dialects.anthropic.verbatim import DELTA_HEADS, VerbatimEvents
from gateway.dialects.anthropic.writer import DELTA, TEXT_END, EventWriter
from gateway.dialects.base import DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.ends import is_cut
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
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

INTERRUPTED: Final = b'"[The answer was interrupted.]"'
"""JSON of the text of an answer that was interrupted before its first text."""

_FACTS: Final = ("stop_sequence", "stop_details", "container")
"""What a provider says of its response, and this API has a field for."""

_LOGPROBS: Final = b'{"type":"part","kind":"logprobs"'

_REDACTED: Final = b'{"type":"part","kind":"redacted_reasoning"'

_TEXT_START: Final = len(TEXT_PREFIX[Chunk])
_REASONING_START: Final = len(TEXT_PREFIX[Reasoning])


class AnthropicProjection:
    """Turns a log into the events from `message_start` to `message_stop`; see `Projection`."""

    def __init__(self, start: DialectStart, identity: ResponseIdentity) -> None:
        self.is_cut = False
        self._streams = start.stream
        thinking = object_of(start.call.body.get("thinking"))
        self._shows_thinking = text_of(thinking.get("type")) not in {None, "disabled"}
        """Programs that did not ask for thinking take the first block for the text."""
        self._identity = identity
        self._reset()

    def _reset(self) -> None:
        self._writer = EventWriter(self._identity)
        self._calls = Calls(self._writer)
        self._verbatim = VerbatimEvents(self._writer)
        self._is_verbatim: bool | None = None
        """The events of the present attempt are passed on as they came; None: it has brought none."""
        self._text_head = b""
        """JSON of the next delta of text, up to its text; b"" if no block of text is open, or it is not ours."""
        self._refuses = False
        """The text is the model's refusal to answer."""

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        kind, verbatim = entry.kind, entry.verbatim
        if kind is Chunk and self._text_head:
            # The path of most text: its JSON string is copied as it is.
            return (ProjectedEvent(self._text_head + entry.data[_TEXT_START:-1] + TEXT_END, DELTA),)
        if verbatim is not None and self._is_verbatim is not False:
            return self._pass_on(verbatim)
        if self.is_cut or kind is Verbatim:
            return ()
        return self._project(entry)

    def on_silence(self) -> Sequence[ProjectedEvent]:
        """Return an empty delta of the open block: older Claude Code counts nothing else as life."""
        return () if self.is_cut else self._writer.empty_delta()

    def _pass_on(self, lines: bytes) -> Sequence[ProjectedEvent]:
        verbatim = self._verbatim
        if self._is_verbatim and not verbatim.held and lines.startswith(DELTA_HEADS) and b"\n" not in lines:
            return (ProjectedEvent(lines, DELTA),)
        if self.is_cut:
            return ()
        self._is_verbatim = True
        out: list[ProjectedEvent] = []
        for line in lines.split(b"\n"):
            if line:
                verbatim.add(line, out)
        return out

    def _project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        kind = entry.kind
        if kind in _CONTENT:
            if self._is_verbatim:
                # It was in the event that an earlier entry has passed on.
                return ()
            self._is_verbatim = False
            self._write(entry)
        elif kind is Start:
            self._is_verbatim, self._text_head = None, b""
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

    def _write(self, entry: Entry) -> None:
        """Write content."""
        kind, writer = entry.kind, self._writer
        self._text_head = b""
        if kind is ToolCall:
            head = entry.head
            if head and (index := _call_index(head)) is not None:
                self._calls.add_arguments(index, entry.data[len(head) : -2])
            elif isinstance(call := entry.event, ToolCall):
                self._calls.add(call)
            return
        if kind is Part and entry.data.startswith(_LOGPROBS):
            # This API has none.
            return
        if not self._shows_thinking and _is_thinking(entry):
            writer.start_message()
            return
        self._calls.forget()
        if kind is Chunk:
            index = writer.enter("text")
            writer.text(index, entry.data[_TEXT_START:-1])
            self._text_head = writer.text_head(index)
        elif kind is Reasoning:
            writer.text(writer.enter("thinking"), entry.data[_REASONING_START:-1])
        elif isinstance(event := entry.event, SignedReasoning):
            self._sign(event)
        elif isinstance(event, Part):
            self._refuses = self._refuses or event.kind == "refusal"
            write_part(writer, event)

    def _sign(self, event: SignedReasoning) -> None:
        """Write the signature of the thinking before it, which ends its block."""
        index = self._writer.enter("thinking")
        if event.content:
            self._writer.delta(index, {"type": "thinking_delta", "thinking": event.content})
        signature = signature_of(event.signature, event.format)
        self._writer.delta(index, {"type": "signature_delta", "signature": signature})
        self._writer.close(index)

    def _revise(self, event: Revision) -> None:
        """Begin a new text: after feedback in a new block. After a failure the response ends, so that clients retry."""
        self._text_head, self._refuses = b"", False
        self._calls.forget()
        if event.reason == "feedback":
            self._verbatim.held.clear()
            self._writer.abandon_blocks()
        elif not self._streams:
            self._reset()
        else:
            self.is_cut = self._writer.is_started

    def _complete(self, event: Complete) -> Sequence[ProjectedEvent]:
        if self._verbatim.has_end:
            return self._verbatim.end()
        self._writer.close_blocks()
        reason = "refusal" if self._refuses else STOP_REASONS.get(event.finish_reason, "end_turn")
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
            self._writer.text(index, INTERRUPTED)
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


def _is_thinking(entry: Entry) -> bool:
    """Return True for reasoning in any form."""
    return entry.kind in {Reasoning, SignedReasoning} or (entry.kind is Part and entry.data.startswith(_REDACTED))


_CONTENT: Final = frozenset({Chunk, Reasoning, SignedReasoning, ToolCall, Part})


def _call_index(head: bytes) -> int | None:
    """Return the index of the call that a piece of arguments belongs to, from the JSON before it."""
    digits = head.partition(b'"index":')[2].partition(b",")[0]
    return int(digits) if digits.isdigit() else None


def _extra(usage: Usage | None, fields: JsonObject | None = None) -> JsonObject:
    """Return what only we say, in a field of its own: who interrupted, and that the usage is an estimate."""
    estimated: JsonObject = {"usage": "estimated"} if usage is not None and usage.source == "estimated" else {}
    ours: JsonObject = {**(fields or {}), **estimated}
    return {"dualstream": ours} if ours else {}
