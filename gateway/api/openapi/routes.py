"""The operations of all routes: purpose, parameters, and every status. A test compares the list with the routes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.api.openapi import response_bodies
from gateway.api.openapi.admin_routes import ADMIN_OPERATIONS
from gateway.api.openapi.components import (
    ANYTHING,
    BODY_REFUSALS,
    COMMAND_REFUSALS,
    EVENT_STREAM,
    FAILED_BEFORE_CONTENT,
    GENERATION_LOST,
    HTML,
    INVALID_FIELDS,
    NO_COOKIE,
    NO_MORE_EVENTS,
    RATE_LIMIT_HEADERS,
    START_REFUSALS,
    TEXT_STREAM,
    TOO_MANY_STREAMS,
    RefusalSpec,
    ResponseSpec,
)
from gateway.api.openapi.console_routes import CONSOLE_OPERATIONS
from gateway.api.openapi.operation import Operation
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, JsonObject, StartRequest, TicketRequest
from gateway.protocol.errors import Code

_STARTED_STREAM: Final = replace(
    EVENT_STREAM,
    headers=(*EVENT_STREAM.headers, "X-Generation-ID", *RATE_LIMIT_HEADERS),
    started_id="$response.header.X-Generation-ID",
)
_STARTED_TEXT: Final = replace(
    TEXT_STREAM,
    headers=(*TEXT_STREAM.headers, "X-Generation-ID"),
    started_id=_STARTED_STREAM.started_id,
)
_NO_EVENT_SOURCE: Final = RefusalSpec(
    Code.INVALID_REQUEST, "`Accept: text/event-stream` is missing.", status_override=406
)
_MAY_NOT_WATCH: Final = RefusalSpec(Code.FORBIDDEN, "`watch=true` requires the role `observe`.")
_GENERATION_HEADERS: Final = ("X-Request-ID", "X-Generation-ID")

_START: Final[JsonObject] = {"messages": [{"role": "user", "content": "Why is the sky blue?"}]}

_PAGE: Final = (
    ResponseSpec(200, "The page.", "Text", HTML, headers=()),
    ResponseSpec(206, "One part or several.", "Text", ANYTHING, headers=()),
    ResponseSpec(400, "`Range` is not valid.", "Text", "text/plain", headers=()),
    ResponseSpec(416, "`Range` is beyond the end.", "Text", "text/plain", headers=()),
)

OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "post",
        "/api/chat/stream",
        "startStreaming",
        "generations",
        "Start a generation and stream its events",
        (_STARTED_STREAM, NO_MORE_EVENTS),
        (*BODY_REFUSALS, *START_REFUSALS, TOO_MANY_STREAMS, GENERATION_LOST),
        ("LastEventId", "LastEventIdQuery", "CoalesceMs", "IdempotencyKey", "RequestId"),
        StartRequest,
        example=_START,
        description="With a `Last-Event-ID` it starts nothing: it resumes that generation, and does not read the body.",
    ),
    Operation(
        "get",
        "/api/chat/stream",
        "startByEventSource",
        "generations",
        "Start a generation from a plain `new EventSource(url)`",
        (EVENT_STREAM, NO_MORE_EVENTS),
        (_NO_EVENT_SOURCE,),
        ("Prompt", "ModelQuery", "CoalesceMs", "LastEventId", "LastEventIdQuery", "IdempotencyKey", "RequestId"),
        accepts_ticket=True,
        description=(
            "Requires `Accept: text/event-stream`, which an EventSource sends. It cannot read a status, so a refusal "
            "is 200 with one event: `rejected` with `retry` if a retry may succeed; otherwise `error` with the id "
            "`refused`, with which the EventSource reconnects once and gets 204. No other parameters are accepted."
        ),
    ),
    Operation(
        "post",
        "/api/chat/text",
        "startText",
        "generations",
        "Start a generation and stream its text",
        (_STARTED_TEXT, NO_MORE_EVENTS),
        (*BODY_REFUSALS, *START_REFUSALS, TOO_MANY_STREAMS, GENERATION_LOST, *FAILED_BEFORE_CONTENT),
        ("LastEventId", "LastEventIdQuery", "CoalesceMs", "IdempotencyKey", "RequestId"),
        StartRequest,
        example=_START,
        description=(
            "As `POST /api/chat/stream`, but only text, its revisions and the end are sent, and what fails before the "
            "first content has a status of its own."
        ),
    ),
    Operation(
        "get",
        "/api/chat/text",
        "startTextByEventSource",
        "generations",
        "Start a generation from a plain `new EventSource(url)`, and stream its text",
        (_STARTED_TEXT, NO_MORE_EVENTS),
        (
            INVALID_FIELDS,
            _NO_EVENT_SOURCE,
            *START_REFUSALS,
            TOO_MANY_STREAMS,
            GENERATION_LOST,
            *FAILED_BEFORE_CONTENT,
        ),
        ("Prompt", "ModelQuery", "CoalesceMs", "LastEventId", "LastEventIdQuery", "IdempotencyKey", "RequestId"),
        accepts_ticket=True,
        description=(
            "Requires `Accept: text/event-stream`, which an EventSource sends. A refusal has its own status, which "
            "stops an EventSource for good. No other parameters are accepted."
        ),
    ),
    Operation(
        "get",
        "/api/generations",
        "running",
        "generations",
        "List the generations that run and that the client may read, newest first",
        (ResponseSpec(200, "The generations at this moment.", response_bodies.RunningGenerations),),
        (),
        ("RequestId",),
    ),
    Operation(
        "post",
        "/api/generations",
        "start",
        "generations",
        "Start a generation without reading it; the response has the URLs to read and command it",
        (
            ResponseSpec(
                201,
                "The generation was started, or found by its idempotency key.",
                response_bodies.Started,
                headers=(*_GENERATION_HEADERS, "Location", *RATE_LIMIT_HEADERS),
                started_id="$response.body#/id",
            ),
        ),
        (*BODY_REFUSALS, *START_REFUSALS),
        ("IdempotencyKey", "RequestId"),
        StartRequest,
        example=_START,
    ),
    Operation(
        "get",
        "/api/generations/{generation_id}",
        "snapshot",
        "generations",
        "Get the state of a generation and its text so far",
        (ResponseSpec(200, "The generation at this moment.", response_bodies.Snapshot, headers=_GENERATION_HEADERS),),
        (GENERATION_LOST,),
        ("GenerationId", "RequestId"),
    ),
    Operation(
        "get",
        "/api/generations/{generation_id}/events",
        "events",
        "generations",
        "Stream a generation's events, from the beginning or after a position",
        (EVENT_STREAM, NO_MORE_EVENTS),
        (INVALID_FIELDS, GENERATION_LOST, TOO_MANY_STREAMS, _MAY_NOT_WATCH),
        ("GenerationId", "LastEventId", "LastEventIdQuery", "CoalesceMs", "Watch", "RequestId"),
        accepts_ticket=True,
        counts_as_command=False,
    ),
    Operation(
        "get",
        "/api/generations/{generation_id}/poll",
        "poll",
        "generations",
        "Wait for a generation's events, and get those after a position",
        (ResponseSpec(200, "The events.", "Poll", headers=_GENERATION_HEADERS),),
        (INVALID_FIELDS, GENERATION_LOST, TOO_MANY_STREAMS),
        ("GenerationId", "After", "Wait", "CoalesceMs", "RequestId"),
        accepts_ticket=True,
        counts_as_command=False,
        description=(
            "A long poll, for networks in which no stream passes: poll again from `position` until `ended` is true. "
            "It answers as soon as there is an event, and after `wait` seconds without one. No other parameters are "
            "accepted."
        ),
    ),
    Operation(
        "post",
        "/api/generations/{generation_id}/interrupt",
        "interrupt",
        "generations",
        "Interrupt a generation; repeating it has no effect",
        (
            ResponseSpec(
                202, "The generation is being interrupted.", response_bodies.Interrupting, headers=_GENERATION_HEADERS
            ),
        ),
        (*BODY_REFUSALS, GENERATION_LOST, *COMMAND_REFUSALS),
        ("GenerationId", "RequestId"),
        InterruptRequest,
        needs_body=False,
        example={"reason": "enough"},
    ),
    Operation(
        "post",
        "/api/generations/{generation_id}/feedback",
        "feedback",
        "generations",
        "Give feedback: revise the answer, stop it, or record a note",
        (ResponseSpec(202, "The feedback was accepted.", response_bodies.FeedbackTaken, headers=_GENERATION_HEADERS),),
        (
            *BODY_REFUSALS,
            GENERATION_LOST,
            *COMMAND_REFUSALS,
            RefusalSpec(
                Code.INVALID_REQUEST, "The generation has the maximum number of feedback entries.", status_override=429
            ),
        ),
        ("GenerationId", "RequestId"),
        FeedbackRequest,
        example={"mode": "revise", "text": "Shorter, please."},
    ),
    Operation(
        "post",
        "/api/tickets",
        "ticket",
        "tickets",
        "Issue a single-use ticket, valid for 30 s, for a page's EventSource or WebSocket",
        (ResponseSpec(201, "The ticket.", response_bodies.Ticket),),
        (*BODY_REFUSALS, GENERATION_LOST, RefusalSpec(Code.RATE_LIMIT, "Too many tickets are unused.")),
        ("RequestId",),
        TicketRequest,
        example={"scope": "start"},
    ),
    Operation(
        "post",
        "/api/session",
        "beginSession",
        "tickets",
        "Set a cookie to the key or token of `Authorization`; scripts of the page cannot read it",
        (
            ResponseSpec(
                204, "The cookie is set, or the gateway requires no key.", headers=("X-Request-ID", "Set-Cookie")
            ),
        ),
        (RefusalSpec(Code.INVALID_REQUEST, "`Authorization` is missing, or too long for a cookie."), NO_COOKIE),
        ("RequestId",),
    ),
    Operation(
        "delete",
        "/api/session",
        "endSession",
        "tickets",
        "Clear the cookie, even if its credential is no longer valid",
        (ResponseSpec(204, "The cookie is cleared.", headers=("X-Request-ID", "Set-Cookie")),),
        (NO_COOKIE,),
        ("RequestId",),
        needs_key=False,
    ),
    Operation(
        "get",
        "/api/ws",
        "socket",
        "generations",
        "Open a WebSocket for the events and commands of many generations",
        (ResponseSpec(101, "The WebSocket is open.", headers=()),),
        (RefusalSpec(Code.INVALID_REQUEST, "The request is not a WebSocket handshake.", status_override=426),),
        ("RequestId",),
        description=(
            "Subprotocol `dualstream.v1`. Each event is one text message: the same object as over SSE, with "
            "`generation_id` and `seq` added. The client sends commands: `start`, `attach`, `detach`, `interrupt`, "
            "`feedback`, `ping`, `hello`; each that has an `id` is answered by `ack` or `rejected`. If the gateway has "
            "keys, the client sends `Authorization`, the subprotocol `dualstream.ticket.<ticket>`, or a first `hello`. "
            "OpenAPI cannot describe the details: see docs/reference/protocol.md."
        ),
        counts_as_command=False,
    ),
    Operation(
        "get",
        "/api/models",
        "models",
        "models",
        "List the available models",
        (ResponseSpec(200, "The models and the default.", response_bodies.ModelsServed),),
        parameters=("RequestId",),
    ),
    Operation(
        "get",
        "/api/stats",
        "stats",
        "gateway",
        "Get the current load, and totals since the start",
        (ResponseSpec(200, "The statistics.", response_bodies.Stats),),
        (RefusalSpec(Code.FORBIDDEN, "The role `observe` is required."),),
        ("RequestId",),
    ),
    *ADMIN_OPERATIONS,
    *CONSOLE_OPERATIONS,
    Operation(
        "get",
        "/health",
        "health",
        "gateway",
        "Check that the gateway is alive",
        (ResponseSpec(200, "The gateway is alive.", response_bodies.Health),),
        parameters=("RequestId",),
    ),
    Operation(
        "get",
        "/ready",
        "ready",
        "gateway",
        "Check whether the gateway accepts starts",
        (
            ResponseSpec(200, "The gateway accepts starts.", response_bodies.Ready),
            ResponseSpec(
                503,
                "The gateway is shutting down, or refuses starts because its store can't be used.",
                response_bodies.Ready,
                headers=("X-Request-ID", "Retry-After"),
            ),
        ),
        parameters=("RequestId",),
    ),
    Operation(
        "get",
        "/metrics",
        "metrics",
        "gateway",
        "Get the metrics, for Prometheus",
        (ResponseSpec(200, "The metrics of all workers of the gateway.", "Text", ANYTHING),),
        (RefusalSpec(Code.FORBIDDEN, "The role `observe` is required, or the metrics key."),),
        ("RequestId",),
        description=(
            "In the format that `Accept` prefers: `application/openmetrics-text`, or else Prometheus's own "
            "`text/plain; version=0.0.4`. The setting `metrics_key` is a key for this path alone."
        ),
    ),
    Operation(
        "get",
        "/openapi.json",
        "description",
        "gateway",
        "Get this document",
        (ResponseSpec(200, "The document.", "Description"),),
        parameters=("RequestId",),
    ),
    Operation("get", "/", "page", "page", "Get the demo page", _PAGE),
    Operation("get", "/docs", "docs", "page", "Get the page of this API, on which each route can be tried", _PAGE),
    Operation("get", "/console", "consolePage", "page", "Get the console", _PAGE),
    Operation(
        "get",
        "/static/{path}",
        "file",
        "page",
        "Get a file of a page, or the browser client",
        (
            ResponseSpec(200, "The file.", "Text", ANYTHING, headers=()),
            ResponseSpec(206, "One part or several.", "Text", ANYTHING, headers=()),
            ResponseSpec(304, "The file has not changed.", headers=()),
            ResponseSpec(400, "`Range` is not valid.", "Text", "text/plain", headers=()),
            ResponseSpec(416, "`Range` is beyond the end.", "Text", "text/plain", headers=()),
        ),
        (RefusalSpec(Code.INVALID_REQUEST, "The file does not exist.", status_override=404),),
        ("File",),
    ),
)
