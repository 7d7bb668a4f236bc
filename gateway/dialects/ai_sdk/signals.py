"""What the protocol of the AI SDK has no chunk for, as data parts for `onData`: how a generation goes on. Pure."""

from collections.abc import Mapping
from typing import Final

from gateway.dialects.ai_sdk.writer import camel_case_fields, signal
from gateway.dialects.base import ProjectedEvent
from gateway.protocol.events import Accepted, Event, Feedback, Queued, Retry, Revision, Start

_NAMES: Final[Mapping[type[Event], str]] = {
    Accepted: "generation",
    Queued: "queue",
    Start: "start",
    Retry: "retry",
    Feedback: "feedback",
    Revision: "revision",
}


def signals(event: Event) -> list[ProjectedEvent]:
    """Return the signal of an event, with the fields of the event; none for one that the message itself shows."""
    name = _NAMES.get(type(event))
    return [] if name is None else [signal(name, camel_case_fields(event))]
