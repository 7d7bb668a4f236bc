"""Runs of AG-UI and TanStack AI, made of events of a log."""

from collections.abc import Iterable, Sequence

import orjson

from gateway.dialects.ag_ui import AgUiDialect
from gateway.dialects.base import Call, DialectStart, ProjectedEvent, Projection, ResponseIdentity
from gateway.dialects.tanstack import TanStackDialect
from gateway.generation.event_log import Entry, EventLog, merge
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import (
    TERMINAL,
    Accepted,
    Complete,
    Error,
    Interrupted,
    Metrics,
    Revision,
    Start,
    Usage,
)

IDENTITY = ResponseIdentity("g_1", "m", 1_700_000_000)
RUN: JsonObject = {"threadId": "t", "runId": "r"}
MESSAGES: list[JsonObject] = [{"id": "1", "role": "user", "content": "Hello"}]
USAGE = Usage(21, 9, "exact", cached_input_tokens=8, reasoning_tokens=2)
METRICS = Metrics("r", 1.0, 2.0, 0.0, 1, 1, 1, None, 1, 1)
START = Start("p", "m-1", 1, 1)
COMPLETE = Complete("stop", USAGE, 0.5, METRICS)
INTERRUPTED = Interrupted("client", "enough", 1.0, USAGE, None, METRICS)
REVISION = Revision(2, "f_1", 3.0)


def failed(code: str) -> Error:
    """Return an end after content."""
    return Error(code, "It failed.", True, 500, True, USAGE, None, METRICS)


def started(**fields: object) -> DialectStart:
    """Return a request."""
    body = orjson.loads(orjson.dumps({**RUN, "messages": MESSAGES, **fields}))
    return AgUiDialect().parse(Call(body))


def log_of(events: Iterable[object]) -> EventLog:
    """Return a log with events, after the one that every log begins with."""
    log = EventLog("g_1")
    for event in (Accepted("g_1", "r", "m"), *events):
        if isinstance(event, (Start, Revision, *TERMINAL)):
            log.append(event)  # type: ignore[arg-type]
        else:
            log.extend([event])  # type: ignore[list-item]
    return log


def projection_of(dialect: AgUiDialect | TanStackDialect | None = None) -> Projection:
    """Return a projection of a request."""
    return (dialect or AgUiDialect()).projection(started(), IDENTITY)


def project(projection: Projection, entries: Iterable[Entry]) -> list[ProjectedEvent]:
    """Return all that a projection makes of entries."""
    return [event for entry in entries for event in projection.project(entry)]


def decoded(events: Iterable[ProjectedEvent]) -> list[JsonObject]:
    """Return the data of events."""
    return [orjson.loads(event.data) for event in events]


def events_of(events: Iterable[object], dialect: AgUiDialect | TanStackDialect | None = None) -> list[JsonObject]:
    """Return the events of a run."""
    return decoded(project(projection_of(dialect), log_of(events).since(0)))


def joined_events_of(events: Iterable[object]) -> list[JsonObject]:
    """Return the events of a run whose text is joined."""
    return decoded(project(projection_of(), merge(log_of(events).since(0))))


def types_of(events: Sequence[JsonObject]) -> list[str]:
    """Return the types of events, each once in a row."""
    kinds = [str(event["type"]) for event in events]
    return [kind for at, kind in enumerate(kinds) if at == 0 or kind != kinds[at - 1]]


def text_of(events: Sequence[JsonObject], kind: str = "TEXT_MESSAGE_CONTENT") -> str:
    """Return the text that deltas add up to."""
    return "".join(str(event["delta"]) for event in events if event["type"] == kind)
