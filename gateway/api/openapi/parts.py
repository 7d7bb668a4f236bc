"""What operations share: parameters, headers, refusals, answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gateway.admission.rate_limits import Allowance
from gateway.api.requests import MAX_IDEMPOTENCY_KEY_LENGTH
from gateway.api.responses import REFUSED_POSITION, STREAM_HEADERS
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import CODES, Code

Tag = Literal["generations", "models", "tickets", "gateway", "page"]

TAGS: Final[Mapping[Tag, str]] = {
    "generations": "Start answers, read their events, stop them, talk to them.",
    "models": "What may be asked for.",
    "tickets": "What stands for a key where no header can be set: tickets, and a cookie.",
    "gateway": "How the gateway is.",
    "page": "The demo page and what belongs to it.",
}

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
HTML: Final = "text/html"
ANYTHING: Final = "*/*"

POSITION: Final = f"^({REFUSED_POSITION}|.+:[0-9]{{1,15}})?$"
_TEXT: Final[JsonObject] = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is given in the path, the query or a header."""

    name: str
    place: Literal["path", "query", "header"]
    description: str
    schema: JsonObject
    required: bool = False


_POSITION_SCHEMA: Final[JsonObject] = {"type": "string", "pattern": POSITION}

PARAMETERS: Final[Mapping[str, Parameter]] = {
    "GenerationId": Parameter(
        "generation_id",
        "path",
        "The `id` of a start's answer, or its `X-Generation-ID`.",
        {"type": "string", "pattern": r"^g_[A-Za-z0-9_-]{22}$"},
        required=True,
    ),
    "LastEventId": Parameter(
        "Last-Event-ID",
        "header",
        "The position after which to go on: the `id` of the last frame that came. An EventSource sends it by itself.",
        _POSITION_SCHEMA,
    ),
    "LastEventIdQuery": Parameter(
        "last_event_id", "query", "The same, where no header can be set; the header wins.", _POSITION_SCHEMA
    ),
    "IdempotencyKey": Parameter(
        "Idempotency-Key",
        "header",
        "Of your choice. The same start with the same key attaches to what was started the first time.",
        {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY_LENGTH},
    ),
    "RequestId": Parameter(
        "X-Request-ID", "header", "Echoed if it is 1 to 128 printable ASCII characters, else one is made.", _TEXT
    ),
    "Prompt": Parameter("prompt", "query", "The user's message.", {"type": "string", "minLength": 1}, required=True),
    "ModelQuery": Parameter(
        "model", "query", "As in the body of a start.", {"type": "string", "minLength": 1, "maxLength": 256}
    ),
    "ModelName": Parameter(
        "name", "path", "A model or an alias; it may hold slashes.", {"type": "string"}, required=True
    ),
    "File": Parameter("path", "path", "A file of the page.", {"type": "string", "minLength": 1}, required=True),
}


@dataclass(frozen=True, slots=True)
class Header:
    """What comes with an answer; always, if it is `required`."""

    description: str
    schema: JsonObject
    required: bool = True


_WHOLE: Final[JsonObject] = {"type": "integer", "minimum": 0}

HEADERS: Final[Mapping[str, Header]] = {
    "X-Request-ID": Header("Names the request: the client's own, or one that was made.", _TEXT),
    "X-Generation-ID": Header("The generation that the answer is about.", _TEXT),
    "Location": Header("The path of the generation.", _TEXT),
    "Retry-After": Header("Seconds after which it may work.", _WHOLE, required=False),
    "Set-Cookie": Header("The cookie, where one is configured.", _TEXT, required=False),
    "WWW-Authenticate": Header("What is asked for.", {"const": "Bearer", "type": "string"}),
    "Upgrade": Header("What the route is for.", {"const": "websocket", "type": "string"}),
    "RateLimit-Policy": Header(
        "The limit, if there is one (draft-ietf-httpapi-ratelimit-headers).", _TEXT, required=False
    ),
    "RateLimit": Header("What is left of it.", _TEXT, required=False),
    "X-RateLimit-Limit": Header("Starts a minute.", _WHOLE, required=False),
    "X-RateLimit-Remaining": Header("Starts that are left now.", _WHOLE, required=False),
    "X-RateLimit-Reset": Header("Seconds until all of them are back.", _WHOLE, required=False),
    **{
        name: Header("A stream is not stored, compressed or held back.", {"const": value, "type": "string"})
        for name, value in STREAM_HEADERS.items()
    },
}

RATE: Final = tuple(Allowance(0, 0, 0, 0.0).headers())
"""The headers of what is left of a rate limit."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A way to be refused: its code, when it comes, and its status if that is more exact than the code's."""

    code: Code
    when: str
    at: int | None = None

    @property
    def status(self) -> int:
        """Give the HTTP status."""
        return CODES[self.code].status if self.at is None else self.at


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no refusal, or one in a form of its own. `body` is None where there is none."""

    status: int
    description: str
    body: type | str | None = None
    media: str = JSON
    headers: tuple[str, ...] = ("X-Request-ID",)
    started: str | None = None
    """Where the id of what was started stands in it, as a runtime expression: links lead on from there."""


UNKNOWN: Final = Refused(Code.AUTH_ERROR, "No key, token or ticket, or one that is not good.")
FOREIGN: Final = Refused(Code.FORBIDDEN, "A page of another origin asks.")
COUNTED: Final = Refused(Code.RATE_LIMIT, "Too many commands in a second.")
STREAMS: Final = Refused(Code.RATE_LIMIT, "Too many streams are read already.")
NO_COOKIE: Final = Refused(Code.INVALID_REQUEST, "No cookie is configured.", at=404)
UNFIT: Final = Refused(Code.INVALID_REQUEST, "It does not fit: `message` says what to change, `param` where.")
LOST: Final = Refused(Code.GENERATION_LOST, "There is no such generation (any more), or it is another's.")
BODY: Final = (
    UNFIT,
    Refused(Code.INVALID_REQUEST, "The body is too large.", at=413),
    Refused(Code.INVALID_REQUEST, "The body is not application/json.", at=415),
)
STARTING: Final = (
    Refused(Code.BUDGET_EXCEEDED, "The day's budget is spent."),
    Refused(Code.MODEL_NOT_FOUND, "The model is not served, or not to you."),
    Refused(Code.INVALID_REQUEST, "The Idempotency-Key was used for another body.", at=409),
    Refused(Code.RATE_LIMIT, "Too many starts, or too many tokens."),
    Refused(Code.QUEUE_FULL, "Too many wait already."),
    Refused(Code.SHUTTING_DOWN, "The gateway goes away: start again elsewhere, or later."),
)
COMMANDING: Final = (
    Refused(Code.FORBIDDEN, "It may be read, but not commanded, by who asks."),
    Refused(Code.ALREADY_OVER, "It has ended."),
)

STREAM: Final = Answer(
    200,
    "The events as Server-Sent Events. The body ends after the terminal event; one that ends before broke off. "
    "To an EventSource (a GET that accepts text/event-stream) each refusal is this, too, with one `error` event.",
    "Frame",
    EVENTS,
    ("X-Request-ID", *STREAM_HEADERS),
)
NO_MORE: Final = Answer(204, "There is nothing after that position, which stops an EventSource.")
