"""Hooks and checks for event streams: each must be complete, and an error event in one can be a refusal."""

from typing import Any

import orjson
import schemathesis
from jsonschema_rs import Draft202012Validator
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.specs.openapi.checks import negative_data_rejection

from gateway.api.requests import MAX_IDEMPOTENCY_KEY_LENGTH
from gateway.protocol.event_stream import EventStreamDecoder, ServerSentEvent
from gateway.protocol.options import OptionFields
from gateway.protocol.position import REFUSED_POSITION

TERMINAL = {"complete", "interrupted", "error"}
RETRYABLE_POSITION = ""
"""Position of a refusal that may be repeated: its event has no `id`."""

LIMITS = {"max_tokens", "max_completion_tokens"}
"""Names of one option."""

PROTOCOL_HEADERS = ("Connection", "Content-Length", "Expect", "Host", "Transfer-Encoding", "Upgrade")


def frames_of(response: Response) -> list[ServerSentEvent]:
    """Decode the frames of an event stream; return an empty list for another response."""
    media_type = response.headers.get("content-type", [""])[0].partition(";")[0]
    return EventStreamDecoder().feed(response.content) if media_type == "text/event-stream" else []


def is_refusal(frames: list[ServerSentEvent]) -> bool:
    """Return True if these are an error event that an EventSource gets in place of an error status."""
    return len(frames) == 1 and frames[0].last_event_id in {REFUSED_POSITION, RETRYABLE_POSITION}


@schemathesis.hook("before_call")
def remove_protocol_headers(_context: HookContext, case: Case[Any], _kwargs: dict[str, object]) -> None:
    """Remove generated headers that HTTP itself uses: invalid ones are refused before any route is called."""
    for name in PROTOCOL_HEADERS:
        case.headers.pop(name, None)


@schemathesis.hook("before_call")
def use_idempotency_keys_once(_context: HookContext, case: Case[Any], _kwargs: dict[str, object]) -> None:
    """Replace valid idempotency keys by unique ones: a second start with the same key gets 409, valid or not."""
    if (
        "Idempotency-Key" in case.headers
        and 1 <= len(case.headers["Idempotency-Key"].strip()) <= MAX_IDEMPOTENCY_KEY_LENGTH
    ):
        case.headers["Idempotency-Key"] = case.id


@schemathesis.hook("before_call")
def give_options_once(_context: HookContext, case: Case[Any], _kwargs: dict[str, object]) -> None:
    """Remove what a valid body says twice, and with another value: options from its top level, and the prompt.

    JSON Schema can't express these rules.
    """
    if not isinstance(case.body, dict) or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    body: dict[str, Any] = case.body
    if body.get("messages") is not None:
        body.pop("prompt", None)
    options: dict[str, Any] = body["options"] if isinstance(body.get("options"), dict) else {}
    given = {name for name in OptionFields.model_fields if options.get(name) is not None}
    if given & LIMITS:
        given |= LIMITS
    for name in given:
        body.pop(name, None)
    for place in (options, body):
        if place.get("max_tokens") is not None:
            place.pop("max_completion_tokens", None)


@schemathesis.check
def events_are_valid(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Check that each event matches its schema, only the last one is terminal, and positions increase."""
    frames = frames_of(response)
    if not frames or frames[0].event == "rejected":
        return
    components = case.operation.schema.raw_schema["components"]
    validator = Draft202012Validator({"$ref": "#/components/schemas/Event", "components": components})
    events = [orjson.loads(frame.data) for frame in frames]
    for frame, event in zip(frames, events, strict=True):
        validator.validate(event)
        assert frame.event == {"chunk": "message"}.get(event["type"], event["type"])
    assert [event["type"] in TERMINAL for event in events] == [*[False] * (len(events) - 1), True]
    if not is_refusal(frames):
        positions = [int(frame.last_event_id.rpartition(":")[2]) for frame in frames]
        assert positions == sorted(set(positions))


@schemathesis.check
def refusals_are_correct(context: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Check that invalid starts by an EventSource get a refusal event, and valid ones none."""
    frames = frames_of(response)
    if case.operation.definition.raw["operationId"] != "startByEventSource" or not frames:
        return None
    if not is_refusal(frames):
        return negative_data_rejection(context, response, case)
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    assert not (is_valid and orjson.loads(frames[0].data)["code"] == "invalid_request"), frames[0].data
    return None
