"""What each route is for, what it takes, and every status that it gives. A test compares the list with the routes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import BaseModel

from gateway.api.openapi import response_bodies
from gateway.api.openapi.parts import (
    ANYTHING,
    BODY,
    COMMANDING,
    HTML,
    LOST,
    NO_COOKIE,
    NO_MORE,
    RATE,
    STARTING,
    STREAM,
    STREAMS,
    UNFIT,
    Answer,
    Refused,
    Tag,
)
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, StartRequest, TicketRequest
from gateway.protocol.errors import Code


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `parameters` are keys of `parts.PARAMETERS`."""

    method: Literal["get", "post", "delete"]
    path: str
    id: str
    tag: Tag
    summary: str
    answers: tuple[Answer, ...]
    refusals: tuple[Refused, ...] = ()
    parameters: tuple[str, ...] = ()
    takes: type[BaseModel] | None = None
    needs_body: bool = True
    by_ticket: bool = False
    counted: bool = True
    """Its requests count as commands: all but those that read on what was started."""
    needs_key: bool = True
    """Where the gateway has keys, and the path is not public."""
    description: str = ""


_STREAM_STARTED: Final = replace(
    STREAM, headers=(*STREAM.headers, "X-Generation-ID", *RATE), started="$response.header.X-Generation-ID"
)
_OF_ONE: Final = ("X-Request-ID", "X-Generation-ID")

OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "post",
        "/api/chat/stream",
        "startStreaming",
        "generations",
        "Start an answer and stream its events",
        (_STREAM_STARTED, NO_MORE),
        (*BODY, *STARTING, STREAMS, LOST),
        ("LastEventId", "IdempotencyKey", "RequestId"),
        StartRequest,
        description="With a `Last-Event-ID` it starts nothing: it goes on with that generation; the body is not read.",
    ),
    Operation(
        "get",
        "/api/chat/stream",
        "startByEventSource",
        "generations",
        "Start an answer from a bare `new EventSource(url)`",
        (STREAM, NO_MORE),
        (Refused(Code.INVALID_REQUEST, "`Accept: text/event-stream` is missing.", at=406),),
        ("Prompt", "ModelQuery", "LastEventId", "IdempotencyKey", "RequestId"),
        by_ticket=True,
        description=(
            "Needs `Accept: text/event-stream`, which an EventSource sends. It can't read a status, so that all "
            "refusals are 200 with an `error` event, whose frame has a `retry` if trying again may help, else the id "
            "`refused`, with which it comes back once and gets 204. Takes no other parameters than these."
        ),
    ),
    Operation(
        "post",
        "/api/generations",
        "start",
        "generations",
        "Start an answer detached; read it, if at all, by the URLs of the answer",
        (
            Answer(
                201,
                "It has started.",
                response_bodies.Started,
                headers=(*_OF_ONE, "Location", *RATE),
                started="$response.body#/id",
            ),
        ),
        (*BODY, *STARTING),
        ("IdempotencyKey", "RequestId"),
        StartRequest,
    ),
    Operation(
        "get",
        "/api/generations/{generation_id}",
        "snapshot",
        "generations",
        "Tell where a generation is and what came of it so far",
        (Answer(200, "As it stands now.", response_bodies.Snapshot, headers=_OF_ONE),),
        (LOST,),
        ("GenerationId", "RequestId"),
    ),
    Operation(
        "get",
        "/api/generations/{generation_id}/events",
        "events",
        "generations",
        "Stream a generation's events, from the beginning or after a position",
        (STREAM, NO_MORE),
        (UNFIT, LOST, STREAMS),
        ("GenerationId", "LastEventId", "LastEventIdQuery", "RequestId"),
        by_ticket=True,
        counted=False,
    ),
    Operation(
        "post",
        "/api/generations/{generation_id}/interrupt",
        "interrupt",
        "generations",
        "Stop a generation; a second time does nothing",
        (Answer(202, "It is being stopped.", response_bodies.Interrupting, headers=_OF_ONE),),
        (*BODY, LOST, *COMMANDING),
        ("GenerationId", "RequestId"),
        InterruptRequest,
        needs_body=False,
    ),
    Operation(
        "post",
        "/api/generations/{generation_id}/feedback",
        "feedback",
        "generations",
        "Say something of an answer: revise it, stop it, or note it",
        (Answer(202, "It was taken.", response_bodies.FeedbackTaken, headers=_OF_ONE),),
        (
            *BODY,
            LOST,
            *COMMANDING,
            Refused(Code.INVALID_REQUEST, "It has got as many feedbacks as it may have.", at=429),
        ),
        ("GenerationId", "RequestId"),
        FeedbackRequest,
    ),
    Operation(
        "post",
        "/api/tickets",
        "ticket",
        "tickets",
        "Ask for a ticket of 30 s and one use, for a page's EventSource or WebSocket",
        (Answer(201, "The ticket.", response_bodies.Ticket),),
        (*BODY, LOST, Refused(Code.RATE_LIMIT, "Too many tickets are not used yet.")),
        ("RequestId",),
        TicketRequest,
    ),
    Operation(
        "post",
        "/api/session",
        "beginSession",
        "tickets",
        "Put the key or token of `Authorization` into a cookie, out of the page's own reach",
        (Answer(204, "It is in the cookie; or no key is needed here.", headers=("X-Request-ID", "Set-Cookie")),),
        (Refused(Code.INVALID_REQUEST, "`Authorization` is missing, or too long for a cookie."), NO_COOKIE),
        ("RequestId",),
    ),
    Operation(
        "delete",
        "/api/session",
        "endSession",
        "tickets",
        "Have the browser forget the cookie, also one that is not good any more",
        (Answer(204, "It is forgotten.", headers=("X-Request-ID", "Set-Cookie")),),
        (NO_COOKIE,),
        ("RequestId",),
        needs_key=False,
    ),
    Operation(
        "get",
        "/api/ws",
        "socket",
        "generations",
        "Open a WebSocket that carries many generations, both ways",
        (Answer(101, "The socket is open.", headers=()),),
        (Refused(Code.INVALID_REQUEST, "It is no WebSocket handshake.", at=426),),
        ("RequestId",),
        description=(
            "Subprotocol `dualstream.v1`. Each event is one text message: the same object as over SSE, with "
            "`generation_id` and `seq` added. The client sends commands: `start`, `attach`, `detach`, `interrupt`, "
            "`feedback`, `ping`, `hello`, each answered by `ack` or `rejected` if it has an `id`. With keys it shows "
            "`Authorization`, the subprotocol `dualstream.ticket.<ticket>`, or sends a `hello` first. The details are "
            "in docs/protocol.md: OpenAPI has no words for them."
        ),
        counted=False,
    ),
    Operation(
        "get",
        "/api/models",
        "models",
        "models",
        "List what may be asked for",
        (Answer(200, "The models and the default.", response_bodies.ModelsServed),),
        parameters=("RequestId",),
    ),
    Operation(
        "get",
        "/v1/models",
        "openaiModels",
        "models",
        "List the models and their aliases in OpenAI's form",
        (Answer(200, "The list.", response_bodies.ModelList),),
        parameters=("RequestId",),
    ),
    Operation(
        "get",
        "/v1/models/{name}",
        "openaiModel",
        "models",
        "Tell one model in OpenAI's form",
        (
            Answer(200, "The model.", response_bodies.Model),
            Answer(404, "The model is not served, or not to you; in OpenAI's form.", response_bodies.OpenAIRefusal),
        ),
        parameters=("ModelName", "RequestId"),
    ),
    Operation(
        "get",
        "/api/stats",
        "stats",
        "gateway",
        "Tell what runs, waits and was refused",
        (Answer(200, "The figures.", response_bodies.Stats),),
        (Refused(Code.FORBIDDEN, "It needs the role `observe`."),),
        ("RequestId",),
    ),
    Operation(
        "get",
        "/health",
        "health",
        "gateway",
        "Tell that the gateway is alive",
        (Answer(200, "It is.", response_bodies.Health),),
        parameters=("RequestId",),
    ),
    Operation(
        "get",
        "/ready",
        "ready",
        "gateway",
        "Tell whether the gateway takes starts",
        (
            Answer(200, "It does.", response_bodies.Ready),
            Answer(503, "It is going away.", response_bodies.Ready, headers=("X-Request-ID", "Retry-After")),
        ),
        parameters=("RequestId",),
    ),
    Operation(
        "get",
        "/openapi.json",
        "description",
        "gateway",
        "Give this description",
        (Answer(200, "This.", "Description"),),
        parameters=("RequestId",),
    ),
    Operation(
        "get",
        "/",
        "page",
        "page",
        "Show the demo page",
        (
            Answer(200, "The page.", "Text", HTML, headers=()),
            Answer(206, "A part of it, or several.", "Text", ANYTHING, headers=()),
            Answer(400, "`Range` is not one.", "Text", "text/plain", headers=()),
            Answer(416, "`Range` is beyond its end.", "Text", "text/plain", headers=()),
        ),
    ),
    Operation(
        "get",
        "/static/{path}",
        "file",
        "page",
        "Give a file of the demo page, or the browser client",
        (
            Answer(200, "The file.", "Text", ANYTHING, headers=()),
            Answer(206, "A part of it, or several.", "Text", ANYTHING, headers=()),
            Answer(304, "It is as it was.", headers=()),
            Answer(400, "`Range` is not one.", "Text", "text/plain", headers=()),
            Answer(416, "`Range` is beyond its end.", "Text", "text/plain", headers=()),
        ),
        (Refused(Code.INVALID_REQUEST, "There is no such file.", at=404),),
        ("File",),
    ),
)
