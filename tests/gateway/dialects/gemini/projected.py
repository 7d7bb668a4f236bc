"""Project a log in the dialect of the Gemini API."""

from collections.abc import Sequence

import orjson

from gateway.dialects.base import Call, DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.gemini.projection import GeminiProjection
from gateway.generation.event_log import EventLog
from gateway.protocol.commands import JsonObject, StartRequest
from gateway.protocol.events import Complete, Error, Event, Interrupted, Metrics, Start, TextBatch, Usage, Verbatim
from tests.start_requests import user_message

METRICS = Metrics("r", 1.0, 2.0, 0.0, 1, 1, 1, None, 1, 0)
USAGE = Usage(20, 9, "exact")
USAGE_METADATA: JsonObject = {"promptTokenCount": 20, "candidatesTokenCount": 9, "totalTokenCount": 29}
STARTED = Start("p", "m", 1, 1)
IDENTITY: JsonObject = {"modelVersion": "m/x", "responseId": "g_x"}

Logged = Event | TextBatch | Verbatim


def complete(reason: str | None = "stop") -> Complete:
    return Complete(reason, USAGE, None, METRICS)


def interrupted(reason: str | None = None) -> Interrupted:
    return Interrupted("client", reason, 1.0, USAGE, None, METRICS)


def failed(code: str, retry_after_ms: int | None = None) -> Error:
    return Error(code, "It failed.", True, retry_after_ms, True, USAGE, None, METRICS)


def log_of(*events: Logged | Sequence[Logged]) -> EventLog:
    """Return a log; events in a list came together."""
    log = EventLog("g_x")
    for event in events:
        log.extend(event if isinstance(event, list) else [event])  # type: ignore[list-item]
    return log


def projected(log: EventLog, body: JsonObject | None = None) -> tuple[list[ProjectedEvent], GeminiProjection]:
    """Return the events that a log stands for, and the projection."""
    start = DialectStart(StartRequest(messages=[user_message("Hello")]), True, Call(body or {}))
    projection = GeminiProjection(start, ResponseIdentity("g_x", "m/x", 5))
    return [event for entry in log.since(0) for event in projection.project(entry)], projection


def responses(*events: Logged | Sequence[Logged], body: JsonObject | None = None) -> list[JsonObject]:
    """Return the responses that events stand for."""
    found, _ = projected(log_of(*events), body)
    assert all(event.name == b"" for event in found)
    return [orjson.loads(event.data) for event in found]


def response(*parts: JsonObject, others: JsonObject | None = None, **fields: object) -> JsonObject:
    """Return a response of ours."""
    content: JsonObject = {"parts": [*parts], "role": "model"}
    candidate: JsonObject = {"content": content, **fields, "index": 0}  # type: ignore[dict-item]
    return {"candidates": [candidate], **(others or {}), **IDENTITY}


def last(*parts: JsonObject, **fields: object) -> JsonObject:
    """Return the last response of ours."""
    return response(*parts, others={"usageMetadata": USAGE_METADATA}, **fields)
