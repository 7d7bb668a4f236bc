"""The log of a generation as the events of a run. Pure."""

from collections.abc import Sequence
from typing import Final

from gateway.dialects.ag_ui.content import Content
from gateway.dialects.ag_ui.writer import EventWriter
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.ends import is_cut
from gateway.dialects.entries import CONTENT, TEXT_AT
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Interrupted,
    Queued,
    Retry,
    Revision,
    Start,
    Usage,
    Verbatim,
)

_FINISH_REASONS: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})


class AgUiProjection:
    """Turns a log into the events of a run; see `Projection`. What is open is closed before the run ends.

    With `cuts`, a lost connection of the provider is one to the client; else it is an error. A client that comes back
    by itself must not be cut: it would come back to the same end.
    """

    text_name = b""

    def __init__(self, writer: EventWriter, *, cuts: bool) -> None:
        self.is_cut = False
        self._cuts = cuts
        self._writer = writer
        self._content = Content(writer)

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        if line := self.project_text(entry):
            return [ProjectedEvent(line)]
        if self.is_cut or entry.kind is Verbatim:
            return ()
        return self._content.add(entry) if entry.kind in CONTENT else self._project_event(entry.event)

    def project_text(self, entry: Entry) -> bytes:
        """See `TextProjection.project_text`. This runs for each chunk."""
        head = self._content.text_head
        if entry.kind is not Chunk or not head or entry.data[TEXT_AT:-1] == b'""':
            return b""
        # The JSON string of the text is copied as it is.
        return head + entry.data[TEXT_AT:]

    def _project_event(self, event: Event) -> Sequence[ProjectedEvent]:
        """Return the events of an entry that is no content."""
        match event:
            case Accepted():
                return (self._writer.run_started(),)
            case Start():
                self._writer.provider, self._writer.upstream_model = event.provider, event.upstream_model
                return ()
            case Revision():
                return self._revise(event)
            case Complete() | Interrupted() | Error():
                return self._end(event)
        return self._announce(event)

    def _announce(self, event: Event) -> Sequence[ProjectedEvent]:
        """Return what the protocol has no word for, and what a user may want to see."""
        match event:
            case Queued():
                return (self._writer.custom("queued", {"position": event.position, "eta_ms": event.eta_ms}),)
            case Retry():
                return (self._writer.custom("retry", _retry(event)),)
            case Feedback():
                return (self._writer.custom("feedback", _feedback(event)),)
        return ()

    def _revise(self, event: Revision) -> Sequence[ProjectedEvent]:
        """Begin another text. A snapshot without the messages of the present one removes them from the client."""
        writer, events = self._writer, self._content.close()
        events.append(writer.custom("revision", _revision(event)))
        if self._content.has_messages:
            events.append(writer.revised(self._content.first_span()))
        self._content.begin_text()
        return events

    def _end(self, event: Complete | Interrupted | Error) -> Sequence[ProjectedEvent]:
        pending, writer, ours = self._content.pending_calls(), self._writer, _bill(event)
        if isinstance(event, Error) and self._cuts and is_cut(event):
            self.is_cut = True
            return ()
        closing = self._content.close()
        match event:
            case Complete():
                reason = event.finish_reason if event.finish_reason in _FINISH_REASONS else "stop"
                return [*closing, writer.run_completed(str(reason), event.usage, pending, ours)]
            case Interrupted():
                ours |= {"interrupted": {"by": event.by, "reason": event.reason}}
                return [*closing, writer.run_cancelled(event.usage, ours)]
            case Error():
                ours |= {"retryable": event.retryable, "retry_after_ms": event.retry_after_ms}
                return [*closing, writer.run_failed(event.code, event.message, event.usage, ours)]


def _retry(event: Retry) -> JsonObject:
    return {
        "attempt": event.attempt,
        "delay_ms": event.delay_ms,
        "code": event.code,
        "provider": event.provider,
    }


def _feedback(event: Feedback) -> JsonObject:
    return {"feedback_id": event.feedback_id, "mode": event.mode, "text": event.text, "rating": event.rating}


def _revision(event: Revision) -> JsonObject:
    return {
        "revision": event.revision,
        "reason": event.reason,
        "feedback_id": event.feedback_id,
        "cancel_ms": event.cancel_ms,
    }


def _bill(event: Complete | Interrupted | Error) -> JsonObject:
    """Return what a run cost, and whether its usage figures are an estimate."""
    usage: Usage | None = event.usage
    cost: JsonObject = {} if event.cost_usd is None else {"cost_usd": event.cost_usd}
    return {**cost, "usage": "estimated"} if usage is not None and usage.source == "estimated" else cost
