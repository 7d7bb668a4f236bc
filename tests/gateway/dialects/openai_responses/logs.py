"""Logs of generations, and the events of their responses."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from gateway.dialects.base import Call, DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.openai_responses.projection import OpenAIResponsesProjection
from gateway.dialects.openai_responses.request import parse_call
from gateway.generation.event_log import Entry, EventLog
from gateway.protocol.events import (
    Accepted,
    Complete,
    Error,
    Event,
    Interrupted,
    Metrics,
    Start,
    Terminal,
    TextBatch,
    Usage,
    Verbatim,
)

USAGE = Usage(21, 9, "exact", cached_input_tokens=8, reasoning_tokens=2)
METRICS = Metrics("r1", 1.0, 2000.0, 0.0, 1, 1, 1, None, 1, 1)
IDENTITY = ResponseIdentity("g_1", "m", 1_700_000_000)
ACCEPTED = Accepted("g_1", "r1", "m")
START = Start("p", "m", 1, 1)
COMPLETE = Complete("stop", USAGE, None, METRICS)
INTERRUPTED = Interrupted("client", None, 1.0, USAGE, None, METRICS)


def error(code: str, *, retryable: bool = True, retry_after_ms: int | None = None) -> Error:
    """Return a failure after content."""
    return Error(code, "It failed.", retryable, retry_after_ms, True, USAGE, None, METRICS)


def start_of(**body: object) -> DialectStart:
    """Return the start that a request asks for."""
    return parse_call(Call(orjson.loads(orjson.dumps({"model": "m", "input": "Hi", **body}))))


def log_of(events: Sequence[Event | TextBatch | Verbatim]) -> EventLog:
    """Return the log of a generation with these events, accepted and started before."""
    log = EventLog("g_1")
    log.append(ACCEPTED)
    log.append(START)
    content = [event for event in events if not isinstance(event, Terminal)]
    log.extend(content)
    for end in events:
        if isinstance(end, Terminal):
            log.append(end)
    return log


def project(events: Sequence[Event | TextBatch | Verbatim], **body: object) -> list[Any]:
    """Return the events of a response, decoded."""
    return decoded(project_entries(log_of(events).since(0), **body))


def project_entries(entries: Iterable[Entry], **body: object) -> list[ProjectedEvent]:
    """Return the events of a response as they are sent."""
    projection = OpenAIResponsesProjection(start_of(**body), IDENTITY)
    return [event for entry in entries for event in projection.project(entry)]


def decoded(events: Iterable[ProjectedEvent]) -> list[Any]:
    """Return events decoded; each has its type as its name."""
    objects = [orjson.loads(event.data) for event in events]
    assert [each["type"].encode() for each in objects] == [event.name for event in events]
    return objects


def types(events: Sequence[Any]) -> list[str]:
    """Return the types of events, without the common beginning."""
    return [str(event["type"]).removeprefix("response.") for event in events]


def passed(*payloads: object) -> list[Verbatim]:
    """Return events as a provider sent them; the content that follows the last one was read from it."""
    return [Verbatim(orjson.dumps(payload)) for payload in payloads]
