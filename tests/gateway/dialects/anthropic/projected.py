"""What a log says in the events of the Messages API."""

from collections.abc import Iterable

import orjson

from gateway.dialects.anthropic import AnthropicDialect
from gateway.dialects.anthropic.projection import AnthropicProjection
from gateway.dialects.base import Call, DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.documents import document_of
from gateway.generation.event_log import EventLog
from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.protocol.events import Complete, Error, Event, Interrupted, Metrics, Start, TextBatch, Usage, Verbatim

Logged = Event | TextBatch | Verbatim

IDENTITY = ResponseIdentity("g_abc", "claude-kit", 1_750_000_000)
METRICS = Metrics("r", None, 0.0, 0.0, 0, 0, 0, None, 1, 0)
USAGE = Usage(21, 9, "exact", cached_input_tokens=8, reasoning_tokens=2, cache_write_tokens=3)
STARTED = Start("up", "m", 1, 1)


def complete(reason: str | None = "stop", usage: Usage = USAGE, response: JsonObject | None = None) -> Complete:
    """Return the end of a complete answer."""
    return Complete(reason, usage, None, METRICS, response or {})


def interrupted(reason: str | None = None) -> Interrupted:
    """Return the end of an answer that its client stopped."""
    return Interrupted("client", reason, 1.0, USAGE, None, METRICS)


def failed(code: str) -> Error:
    """Return the end of an answer that failed in the middle."""
    return Error(code, "It failed.", True, None, True, USAGE, None, METRICS)


def start_of(*, stream: bool = True, thinking: str | None = "adaptive") -> DialectStart:
    """Return a start."""
    body: JsonObject = {"messages": [{"role": "user", "content": "Hello"}]}
    asked: JsonObject = {} if thinking is None else {"thinking": {"type": thinking}}
    return DialectStart(parse(StartRequest, body), stream, Call({**body, **asked}))


def projection_of(*, thinking: str | None = "adaptive") -> AnthropicProjection:
    """Return the projection of a response."""
    return AnthropicProjection(start_of(thinking=thinking), IDENTITY)


def events_of(*reads: Iterable[Logged], projection: AnthropicProjection | None = None) -> list[ProjectedEvent]:
    """Return the events of a log that was appended to, read by read."""
    used = projection or projection_of()
    return [event for entry in log_of(*reads).since(0) for event in used.project(entry)]


def log_of(*reads: Iterable[Logged]) -> EventLog:
    """Return a log that was appended to, read by read."""
    log = EventLog("g_abc")
    for read in reads:
        *content, last = read
        # An end is appended by itself, as the pipeline does.
        if isinstance(last, Complete | Interrupted | Error):
            log.extend(content)
            log.append(last)
        else:
            log.extend([*content, last])
    return log


def payloads_of(*reads: Iterable[Logged], projection: AnthropicProjection | None = None) -> list[JsonObject]:
    """Return the decoded events of a log. Each is named by its type."""
    events = events_of(*reads, projection=projection)
    payloads: list[JsonObject] = [orjson.loads(event.data) for event in events]
    assert [event.name.decode() for event in events] == [payload["type"] for payload in payloads]
    return payloads


def message_of(*reads: Iterable[Logged]) -> JsonObject:
    """Return the message of a log that is not streamed."""
    return document_of(AnthropicDialect(), start_of(stream=False), IDENTITY, log_of(*reads).since(0))


def verbatim(*payloads: JsonObject) -> list[Verbatim]:
    """Return the data of a provider's events."""
    return [Verbatim(orjson.dumps(payload)) for payload in payloads]
