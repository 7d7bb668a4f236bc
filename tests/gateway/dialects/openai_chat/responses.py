"""A response in the dialect of chat completions, made of events of a log."""

from collections.abc import Iterable

import orjson

from gateway.dialects.base import Call, DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.documents import document_of as whole
from gateway.dialects.openai_chat import OpenAIChatDialect
from gateway.dialects.openai_chat.projection import OpenAIChatProjection
from gateway.generation.event_log import EventLog, merge
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
    Verbatim,
)
from gateway.upstreams.formats.json_values import object_of

IDENTITY = ResponseIdentity("g_1", "m", 1_700_000_000)
MESSAGES: list[JsonObject] = [{"role": "user", "content": "Hello"}]
USAGE = Usage(21, 9, "exact", cached_input_tokens=8, reasoning_tokens=2)
METRICS = Metrics("r", 1.0, 2.0, 0.0, 1, 1, 1, None, 1, 1)
START = Start("p", "m", 1, 1)
COMPLETE = Complete("stop", USAGE, None, METRICS)
INTERRUPTED = Interrupted("client", "enough", 1.0, USAGE, None, METRICS)


def failed(code: str) -> Error:
    """Return an end after content."""
    return Error(code, "It failed.", True, None, True, USAGE, None, METRICS)


def started(**fields: object) -> DialectStart:
    """Return a request with fields, streamed unless they say otherwise."""
    body = orjson.loads(orjson.dumps({"messages": MESSAGES, "stream": True, **fields}))
    return OpenAIChatDialect().parse(Call(body))


def log_of(events: Iterable[object]) -> EventLog:
    """Return a log with events, after the one that every log begins with."""
    log = EventLog("g_1")
    for run in _runs([Accepted("g_1", "r", "m"), *events]):
        log.extend(run)  # type: ignore[arg-type]
    return log


def projected(events: Iterable[object], **fields: object) -> tuple[OpenAIChatProjection, list[ProjectedEvent]]:
    """Return a projection after all events of a log, and what it made of them."""
    projection, log = OpenAIChatProjection(started(**fields), IDENTITY), log_of(events)
    return projection, [event for entry in log.since(0) for event in projection.project(entry)]


def projected_joined(events: Iterable[object], **fields: object) -> list[ProjectedEvent]:
    """Return what a projection makes of a log whose text is joined."""
    projection = OpenAIChatProjection(started(**fields), IDENTITY)
    return [event for entry in merge(log_of(events).since(0)) for event in projection.project(entry)]


def chunks_of(events: Iterable[object], **fields: object) -> list[JsonObject]:
    """Return the chunks of a response, decoded, without [DONE], which must be last."""
    _, sent = projected(events, **fields)
    assert [event.data for event in sent].index(b"[DONE]") == len(sent) - 1
    return [orjson.loads(event.data) for event in sent[:-1]]


def deltas_of(events: Iterable[object], **fields: object) -> list[JsonObject]:
    """Return the deltas of the chunks that have a choice, without the first, which has the role, and the last."""
    chunks = [chunk for chunk in chunks_of(events, **fields) if chunk["choices"]]
    return [object_of(choice_of(chunk)["delta"]) for chunk in chunks[1:-1]]


def document_of(events: Iterable[object], **fields: object) -> JsonObject:
    """Return the response that is not streamed."""
    return whole(OpenAIChatDialect(), started(stream=False, **fields), IDENTITY, log_of(events).since(0))


def verbatim(*chunks: object) -> list[Verbatim]:
    """Return chunks of the provider's own."""
    return [Verbatim(orjson.dumps(chunk)) for chunk in chunks]


def provider_chunk(delta: object, finish_reason: str | None = None, **fields: object) -> JsonObject:
    """Return a chunk of a provider, with a field that is not known here."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk: JsonObject = orjson.loads(
        orjson.dumps({"id": "theirs", "created": 5, "model": "their-m", "choices": [choice], "x_new": 1, **fields})
    )
    return chunk


def _runs(events: list[object]) -> list[list[object]]:
    """Return events as they are appended: content together, and all others one by one."""
    runs: list[list[object]] = [[]]
    for event in events:
        if isinstance(event, (Start, Revision, *TERMINAL)):
            runs += [[event], []]
        else:
            runs[-1].append(event)
    return runs


def choice_of(chunk: JsonObject) -> JsonObject:
    """Return the only choice of a chunk or of a document."""
    choices = chunk["choices"]
    assert isinstance(choices, list)
    (choice,) = choices
    assert isinstance(choice, dict)
    return choice
