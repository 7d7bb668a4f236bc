"""What schemathesis can't know of event streams: each is whole, and a refusal in one is a refusal."""

from typing import Any

import orjson
import schemathesis
from jsonschema_rs import Draft202012Validator
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.specs.openapi.checks import negative_data_rejection

from gateway.api.requests import MAX_IDEMPOTENCY_KEY_LENGTH
from gateway.api.responses import REFUSED_POSITION
from gateway.protocol.event_stream import EventStreamDecoder, ServerSentEvent

TERMINAL = {"complete", "interrupted", "error"}
WORTH_TRYING_AGAIN = ""
"""The position of a refusal that may not be one later: it has none."""

FRAMING = ("Connection", "Content-Length", "Expect", "Host", "Transfer-Encoding", "Upgrade")


def frames_of(response: Response) -> list[ServerSentEvent]:
    """Read a stream; nothing if it is none."""
    kind = response.headers.get("content-type", [""])[0].partition(";")[0]
    return EventStreamDecoder().feed(response.content) if kind == "text/event-stream" else []


def is_refusal(frames: list[ServerSentEvent]) -> bool:
    """Tell what an EventSource gets in place of a status."""
    return len(frames) == 1 and frames[0].last_event_id in {REFUSED_POSITION, WORTH_TRYING_AGAIN}


@schemathesis.hook("before_call")
def leave_http_alone(_context: HookContext, case: Case[Any], _sent: dict[str, object]) -> None:
    """Make up none of the headers by which HTTP itself works: what breaks it is refused before any route."""
    for name in FRAMING:
        case.headers.pop(name, None)


@schemathesis.hook("before_call")
def use_keys_once(_context: HookContext, case: Case[Any], _sent: dict[str, object]) -> None:
    """Use no idempotency key twice: a second start with it is refused by 409, whether it is valid or not."""
    if (
        "Idempotency-Key" in case.headers
        and 1 <= len(case.headers["Idempotency-Key"].strip()) <= MAX_IDEMPOTENCY_KEY_LENGTH
    ):
        case.headers["Idempotency-Key"] = case.id


@schemathesis.check
def events_are_whole(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Hold each event against its schema; the last one alone is terminal, and positions go up."""
    frames = frames_of(response)
    if not frames:
        return
    components = case.operation.schema.raw_schema["components"]
    validator = Draft202012Validator({"$ref": "#/components/schemas/Event", "components": components})
    events = [orjson.loads(frame.data) for frame in frames]
    for frame, event in zip(frames, events, strict=True):
        validator.validate(event)
        assert frame.event == {"chunk": "message"}.get(event["type"], event["type"])
    assert [event["type"] in TERMINAL for event in events] == [*[False] * (len(events) - 1), True]
    if not is_refusal(frames):
        seen = [int(frame.last_event_id.rpartition(":")[2]) for frame in frames]
        assert seen == sorted(set(seen))


@schemathesis.check
def event_sources_are_refused(context: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Look for a refusal where it is an event: of what is invalid, and of nothing that is valid."""
    frames = frames_of(response)
    if case.operation.definition.raw["operationId"] != "startByEventSource" or not frames:
        return None
    if not is_refusal(frames):
        return negative_data_rejection(context, response, case)
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    assert not (is_valid and orjson.loads(frames[0].data)["code"] == "invalid_request"), frames[0].data
    return None
