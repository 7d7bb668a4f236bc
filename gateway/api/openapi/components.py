"""Components that operations share: parameters, headers, responses and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from gateway.admission.rate_limits import Allowance
from gateway.api.requests import MAX_IDEMPOTENCY_KEY_LENGTH
from gateway.api.responses import STREAM_HEADERS
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import CODES, Code
from gateway.protocol.options import MAX_COALESCE_MS
from gateway.protocol.position import REFUSED_POSITION

Tag = Literal["generations", "models", "tickets", "admin", "console", "gateway", "page"]

TAGS: Final[Mapping[Tag, str]] = {
    "generations": "Start generations, read their events, interrupt them, give feedback.",
    "models": "The available models.",
    "tickets": "Substitutes for a key where no header can be set: tickets, and a cookie.",
    "admin": "Keys, budgets and reloads, for the role `operate`.",
    "console": "What runs now, the last hour, and the newest ends, for the role `operate`.",
    "gateway": "State of the gateway.",
    "page": "The demo page, the console, and their files.",
}

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
HTML: Final = "text/html"
ANYTHING: Final = "*/*"

POSITION: Final = f"^({REFUSED_POSITION}|.+:[0-9]{{1,15}})?$"
_TEXT: Final[JsonObject] = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the path, the query or a header."""

    name: str
    location: Literal["path", "query", "header"]
    description: str
    schema: JsonObject
    required: bool = False


_POSITION_SCHEMA: Final[JsonObject] = {"type": "string", "pattern": POSITION}

PARAMETERS: Final[Mapping[str, Parameter]] = {
    "GenerationId": Parameter(
        "generation_id",
        "path",
        "The `id` or `X-Generation-ID` of the response to a start.",
        {"type": "string", "pattern": r"^g_[A-Za-z0-9_-]{22}$"},
        required=True,
    ),
    "LastEventId": Parameter(
        "Last-Event-ID",
        "header",
        "Position after which to resume: the `id` of the last frame received. An EventSource sends it by itself.",
        _POSITION_SCHEMA,
    ),
    "LastEventIdQuery": Parameter(
        "last_event_id",
        "query",
        "As `Last-Event-ID`, where no header can be set; also as `lastEventId`. The header takes precedence.",
        _POSITION_SCHEMA,
    ),
    "After": Parameter(
        "after",
        "query",
        "Position or sequence number after which to read: `position` of the last response. Without it, the beginning.",
        {"type": "string", "pattern": r"^((.+:)?[0-9]{1,15})?$"},
    ),
    "AfterTime": Parameter(
        "after",
        "query",
        "Time in seconds since 1970 after which the buckets end. Without it, all of the last hour.",
        {"type": "number", "minimum": 0, "exclusiveMaximum": 1e12},
    ),
    "Watch": Parameter(
        "watch",
        "query",
        "`true`: only look. The reader is no viewer: it does not keep the generation running, nor end it by leaving.",
        {"type": "string", "enum": ["true"]},
    ),
    "CoalesceMs": Parameter(
        "coalesce_ms",
        "query",
        "Milliseconds for which text is joined for this reader. Without it, as the option of the start says.",
        {"type": "integer", "minimum": 0, "maximum": MAX_COALESCE_MS},
    ),
    "Wait": Parameter(
        "wait",
        "query",
        "Maximum seconds to wait for an event; not longer than `poll_wait`, which is the default.",
        {"type": "number", "minimum": 0, "maximum": 3600},
    ),
    "IdempotencyKey": Parameter(
        "Idempotency-Key",
        "header",
        "Any string. Repeating a start with the same key returns the generation that the first one started.",
        {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY_LENGTH},
    ),
    "RequestId": Parameter(
        "X-Request-ID",
        "header",
        "Echoed if it has 1 to 128 printable ASCII characters; otherwise the gateway generates one.",
        _TEXT,
    ),
    "Prompt": Parameter("prompt", "query", "The user's message.", {"type": "string", "minLength": 1}, required=True),
    "ModelQuery": Parameter(
        "model", "query", "As `model` in the body of a start.", {"type": "string", "minLength": 1, "maxLength": 256}
    ),
    "KeyId": Parameter(
        "key_id",
        "path",
        "The `id` of a key, which is also its part between the two underscores of `ds_…_…`.",
        {"type": "string", "pattern": r"^[A-Za-z0-9]{8}$"},
        required=True,
    ),
    "AfterKey": Parameter(
        "after",
        "query",
        "The `id` of the key after which the page begins: `next` of the page before it. Without it, the first one.",
        {"type": "string", "maxLength": 64},
    ),
    "PageLimit": Parameter(
        "limit",
        "query",
        "Maximum number of keys in the response. Without it, all.",
        {"type": "integer", "minimum": 1, "maximum": 10_000},
    ),
    "File": Parameter("path", "path", "A file of the page.", {"type": "string", "minLength": 1}, required=True),
}


@dataclass(frozen=True, slots=True)
class Header:
    """A response header; always present if `required`."""

    description: str
    schema: JsonObject
    required: bool = True


_NON_NEGATIVE_INTEGER: Final[JsonObject] = {"type": "integer", "minimum": 0}

HEADERS: Final[Mapping[str, Header]] = {
    "X-Request-ID": Header("Id of the request: the client's, or a generated one.", _TEXT),
    "X-Generation-ID": Header("Id of the generation.", _TEXT),
    "Location": Header("Path of the generation.", _TEXT),
    "Retry-After": Header("Seconds after which a retry may succeed.", _NON_NEGATIVE_INTEGER, required=False),
    "Set-Cookie": Header("The cookie, where one is configured.", _TEXT, required=False),
    "WWW-Authenticate": Header("The authentication scheme that is required.", {"const": "Bearer", "type": "string"}),
    "Upgrade": Header("The protocol that the route requires.", {"const": "websocket", "type": "string"}),
    "RateLimit-Policy": Header(
        "The rate limit, if there is one (draft-ietf-httpapi-ratelimit-headers).", _TEXT, required=False
    ),
    "RateLimit": Header("What is left of the rate limit.", _TEXT, required=False),
    "X-RateLimit-Limit": Header("Starts per minute.", _NON_NEGATIVE_INTEGER, required=False),
    "X-RateLimit-Remaining": Header("Starts left at the moment.", _NON_NEGATIVE_INTEGER, required=False),
    "X-RateLimit-Reset": Header(
        "Seconds until the rate limit is fully restored.", _NON_NEGATIVE_INTEGER, required=False
    ),
    **{
        name: Header("Proxies must not cache, compress or buffer a stream.", {"const": value, "type": "string"})
        for name, value in STREAM_HEADERS.items()
    },
}

RATE_LIMIT_HEADERS: Final = tuple(Allowance(0, 0, 0, 0.0).headers())
"""Names of the rate limit headers."""


@dataclass(frozen=True, slots=True)
class RefusalSpec:
    """A refusal: its code, when it occurs, and its status if that differs from the code's."""

    code: Code
    when: str
    status_override: int | None = None

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return CODES[self.code].status if self.status_override is None else self.status_override


@dataclass(frozen=True, slots=True)
class ResponseSpec:
    """A response that is not a refusal, or a refusal with a body of its own. `body` is None without a body."""

    status: int
    description: str
    body: type | str | None = None
    media_type: str = JSON
    headers: tuple[str, ...] = ("X-Request-ID",)
    started_id: str | None = None
    """Runtime expression of the id of the started generation, for the links of the response."""


UNAUTHENTICATED: Final = RefusalSpec(Code.AUTH_ERROR, "No key, token or ticket, or one that is not valid.")
FOREIGN_PAGE: Final = RefusalSpec(Code.FORBIDDEN, "A page of another origin sent the request.")
TOO_MANY_COMMANDS: Final = RefusalSpec(Code.RATE_LIMIT, "Too many commands per second.")
TOO_MANY_STREAMS: Final = RefusalSpec(Code.RATE_LIMIT, "Too many streams are open.")
NO_COOKIE: Final = RefusalSpec(Code.INVALID_REQUEST, "No cookie is configured.", status_override=404)
INVALID_FIELDS: Final = RefusalSpec(
    Code.INVALID_REQUEST, "The request is not valid: `message` says what to change, `param` names the field."
)
GENERATION_LOST: Final = RefusalSpec(
    Code.GENERATION_LOST, "The generation does not exist, was forgotten, or belongs to someone else."
)
BODY_REFUSALS: Final = (
    INVALID_FIELDS,
    RefusalSpec(Code.INVALID_REQUEST, "The body is too large.", status_override=413),
    RefusalSpec(Code.INVALID_REQUEST, "The body is not application/json.", status_override=415),
)
START_REFUSALS: Final = (
    RefusalSpec(Code.BUDGET_EXCEEDED, "The day's budget is spent."),
    RefusalSpec(Code.MODEL_NOT_FOUND, "The model is not served, or not allowed for this principal."),
    RefusalSpec(Code.INVALID_REQUEST, "The Idempotency-Key was used with another body.", status_override=409),
    RefusalSpec(Code.RATE_LIMIT, "Too many starts, or too many output tokens."),
    RefusalSpec(Code.QUEUE_FULL, "The queue is full."),
    RefusalSpec(Code.SHUTTING_DOWN, "The gateway is shutting down: retry elsewhere, or later."),
)
FAILED_BEFORE_CONTENT: Final = (
    *(
        RefusalSpec(code, "The answer failed before its first content.")
        for code in (Code.SERVER_ERROR, Code.TIMEOUT, Code.CONTENT_FILTER, Code.UNSUPPORTED_CONTENT)
    ),
    *(
        RefusalSpec(code, "The provider failed before the first content.")
        for code in (Code.NETWORK_ERROR, Code.TRUNCATED, Code.UPSTREAM_PROTOCOL, Code.EVENT_TOO_LARGE, Code.STALLED)
    ),
    RefusalSpec(Code.FIRST_TOKEN_TIMEOUT, "No content came in time."),
    RefusalSpec(Code.TOO_SLOW, "The content came too slowly."),
    RefusalSpec(Code.OUTPUT_LIMIT, "The content is too large."),
    RefusalSpec(Code.QUEUE_TIMEOUT, "It waited too long in the queue."),
    RefusalSpec(Code.RATE_LIMIT, "The provider has too many requests."),
    RefusalSpec(Code.PROVIDER_AUTH, "The provider refuses the key of the gateway."),
    RefusalSpec(Code.PROVIDER_QUOTA, "The account at the provider has no credit."),
)
COMMAND_REFUSALS: Final = (
    RefusalSpec(Code.FORBIDDEN, "The principal may read the generation, but not command it."),
    RefusalSpec(Code.ALREADY_OVER, "The generation has ended."),
)

EVENT_STREAM: Final = ResponseSpec(
    200,
    "The events as Server-Sent Events. The body ends after the terminal event; if it ends earlier, the connection was "
    "lost. For an EventSource (a GET that accepts text/event-stream) a refusal has this form, with an `error` event.",
    "Frame",
    EVENTS,
    ("X-Request-ID", *STREAM_HEADERS),
)
TEXT_STREAM: Final = replace(
    EVENT_STREAM,
    description=(
        "The text as Server-Sent Events: `chunk`, `revision` and the terminal event. It begins with the first content, "
        "or after `heartbeat` seconds. The body ends after the terminal event; if it ends earlier, the connection was "
        "lost."
    ),
)
NO_MORE_EVENTS: Final = ResponseSpec(204, "There is nothing after that position. An EventSource stops reconnecting.")
