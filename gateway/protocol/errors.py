"""Errors as data: a code, its status on each transport, and whether a retry can help.

    GatewayError
    ├── Refused      a request or command was not carried out; nothing was started or changed
    └── Failed       an attempt ended without a complete answer; ends its generation if no other attempt follows
        ├── UnsupportedOption   the provider's wire format can't express the request; another provider's may
        └── GatewayFault        the gateway itself failed, for example because it has no free file descriptor

Exceptions of libraries are converted to one of these where they are raised, and nowhere else.
"""

import copyreg
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_MESSAGE: Final = re.compile(r"\bmessages\[(\d+)\]")
"""A message of the conversation, in the path of a field."""


class Code(StrEnum):
    """Error codes of the protocol. Clients may rely on them."""

    TIMEOUT = "timeout"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    AUTH_ERROR = "auth_error"
    INVALID_REQUEST = "invalid_request"
    NETWORK_ERROR = "network_error"
    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"
    FIRST_TOKEN_TIMEOUT = "first_token_timeout"  # noqa: S105 - a code, not a secret
    STALLED = "stalled"
    TOO_SLOW = "too_slow"
    TRUNCATED = "truncated"
    UPSTREAM_PROTOCOL = "upstream_protocol"
    CONTENT_FILTER = "content_filter"
    MODEL_NOT_FOUND = "model_not_found"
    GENERATION_LOST = "generation_lost"
    ALREADY_OVER = "already_over"
    OUTPUT_LIMIT = "output_limit"
    BUDGET_EXCEEDED = "budget_exceeded"
    SHUTTING_DOWN = "shutting_down"
    FORBIDDEN = "forbidden"
    PROVIDER_AUTH = "provider_auth"
    PROVIDER_QUOTA = "provider_quota"
    EVENT_TOO_LARGE = "event_too_large"
    UNSUPPORTED_CONTENT = "unsupported_content"


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """HTTP status and WebSocket close code of an error code, and whether a retry can help."""

    status: int
    close_code: int
    retryable: bool


CODES: dict[Code, CodeInfo] = {
    Code.TIMEOUT: CodeInfo(504, 1011, retryable=True),
    Code.RATE_LIMIT: CodeInfo(429, 4429, retryable=True),
    Code.SERVER_ERROR: CodeInfo(502, 1011, retryable=True),
    Code.AUTH_ERROR: CodeInfo(401, 4401, retryable=False),
    Code.INVALID_REQUEST: CodeInfo(400, 4400, retryable=False),
    Code.NETWORK_ERROR: CodeInfo(502, 1011, retryable=True),
    Code.QUEUE_FULL: CodeInfo(503, 4429, retryable=True),
    Code.QUEUE_TIMEOUT: CodeInfo(503, 1013, retryable=True),
    Code.FIRST_TOKEN_TIMEOUT: CodeInfo(504, 1011, retryable=True),
    Code.STALLED: CodeInfo(504, 1011, retryable=True),
    Code.TOO_SLOW: CodeInfo(504, 1011, retryable=True),
    Code.TRUNCATED: CodeInfo(502, 1011, retryable=True),
    Code.UPSTREAM_PROTOCOL: CodeInfo(502, 1011, retryable=True),
    Code.CONTENT_FILTER: CodeInfo(422, 1008, retryable=False),
    Code.MODEL_NOT_FOUND: CodeInfo(404, 1008, retryable=False),
    # The same request can't succeed later: only another start can.
    Code.GENERATION_LOST: CodeInfo(404, 1008, retryable=False),
    Code.ALREADY_OVER: CodeInfo(409, 1008, retryable=False),
    Code.OUTPUT_LIMIT: CodeInfo(422, 1009, retryable=False),
    Code.BUDGET_EXCEEDED: CodeInfo(402, 1008, retryable=False),
    Code.SHUTTING_DOWN: CodeInfo(503, 1012, retryable=True),
    Code.FORBIDDEN: CodeInfo(403, 4403, retryable=False),
    # The provider refuses the gateway's key, or its account has no credit: the operator must act, not the client.
    Code.PROVIDER_AUTH: CodeInfo(502, 1011, retryable=False),
    Code.PROVIDER_QUOTA: CodeInfo(502, 1011, retryable=False),
    Code.EVENT_TOO_LARGE: CodeInfo(502, 1009, retryable=False),
    Code.UNSUPPORTED_CONTENT: CodeInfo(502, 1011, retryable=False),
}


class GatewayError(Exception):
    """Base of all errors of the gateway.

    `message` is for people. `retryable` defaults to that of the code. `retry_after_ms` None: no advice.
    """

    def __init__(
        self, code: Code, message: str, *, retryable: bool | None = None, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = CODES[code].retryable if retryable is None else retryable
        self.retry_after_ms = retry_after_ms

    def __reduce__(self) -> tuple[object, ...]:
        """Return how to copy it: pools of processes and queues of tasks pickle errors, without calling `__init__`."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class Refused(GatewayError):
    """A request or command was not carried out.

    `param` names the field to change. `status` overrides the HTTP status of the code with a more exact one. `api_code`
    is the code that the API of a provider has for this very case, and that its clients act upon.
    """

    api_code: str | None = None

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        param: str | None = None,
        status: int | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(code, message, retry_after_ms=retry_after_ms)
        self.param = param
        self.status = CODES[code].status if status is None else status

    def body(self) -> dict[str, object]:
        """Return the JSON body of an HTTP response: `{"error": {code, message, retryable, retry_after_ms, param}}`."""
        return {"error": self.fields()}

    def fields(self) -> dict[str, object]:
        """Return the fields that describe a refusal on every transport."""
        return {
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "retry_after_ms": self.retry_after_ms,
            "param": self.param,
        }


class Failed(GatewayError):
    """An attempt ended without a complete answer.

    `may_be_billed`: there was no response to stream, but the provider had the request, and a model may have run.
    `param` names the field of the request to change, if it is known. `api_code` is OpenAI's name of what is wrong with
    the request, by which clients decide (`context_length_exceeded`).
    """

    may_be_billed = False
    param: str | None = None
    api_code: str | None = None


class UnsupportedOption(Failed):
    """The provider's wire format can't express the request. Nothing was sent, and another provider may support it."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(Code.INVALID_REQUEST, message, retryable=False)
        self.param = param

    def behind(self, count: int) -> "UnsupportedOption":
        """Return the failure as the client reads it, whose messages come after `count` others."""

        def renumber(found: re.Match[str]) -> str:
            return f"messages[{int(found[1]) - count}]"

        param = self.param and _MESSAGE.sub(renumber, self.param)
        return UnsupportedOption(_MESSAGE.sub(renumber, self.message), param)


class GatewayFault(Failed):
    """The gateway itself could not make the call, for lack of a resource. It says nothing about the provider."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.SERVER_ERROR, message, retryable=True)


def invalid(message: str, *, param: str | None = None, status: int | None = None) -> Refused:
    """Build the refusal of an invalid request. The message says what to change."""
    return Refused(Code.INVALID_REQUEST, message, param=param, status=status)


def lost(generation_id: str) -> Refused:
    """Build the refusal for a generation that does not exist, or is no longer held."""
    return Refused(
        Code.GENERATION_LOST,
        f"There is no generation {generation_id[:64]!r} here (any more): start a new one.",
        param="generation_id",
    )


def out_of_scope() -> Refused:
    """Build the refusal of a request that the ticket's scope does not include."""
    return Refused(Code.FORBIDDEN, "This ticket does not allow that: request another one.", param="ticket")


def forbidden(role: str) -> Refused:
    """Build the refusal of a request that needs a role."""
    return Refused(
        Code.FORBIDDEN, f"This needs the role {role!r}, which your key does not have.", param="Authorization"
    )
