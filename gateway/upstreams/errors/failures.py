"""Build the failures of responses: of errors that a provider sends in them, and of what can't be read. Pure.

Clients see the messages, and operators see them in logs, checks and reports. The only text of a provider in them is its
message about an invalid request, and that of an error in mid-answer which its API documents, sanitized (`sanitize.py`):
anything else could reveal keys, hosts or paths.
"""

import json
from types import MappingProxyType

import orjson
from pydantic import JsonValue, SecretStr

from gateway.protocol.errors import Code, Failed
from gateway.upstreams.body_start import EVENT_STREAM
from gateway.upstreams.errors.bodies import find_error, read_error, retry_delay_ms
from gateway.upstreams.errors.codes import error_code, error_message, is_known_name
from gateway.upstreams.sanitize import sanitize_message, sanitize_token

_QUOTED = frozenset({Code.INVALID_REQUEST, Code.CONTENT_FILTER})
"""Codes for which the provider's message is quoted: the client can fix the request, and the message says how."""

FAILURE_EVENTS = MappingProxyType(
    {
        Code.NETWORK_ERROR: "provider_unreachable",
        Code.PROVIDER_AUTH: "provider_refuses_key",
        Code.PROVIDER_QUOTA: "provider_refuses_account",
    }
)
"""Failures that operators can mend, with their events in the log."""

ERROR_IN_STREAM = "The provider sent an error in its stream"
_NAMED_CONTENT_TYPES = frozenset({"application/json", "application/x-ndjson", "text/html", "text/plain"})
"""Content types that a message may name; any other is text of the provider."""


def unreadable(reason: str) -> Failed:
    """Return the failure of a response that violates the provider's protocol."""
    return Failed(Code.UPSTREAM_PROTOCOL, f"The provider's response can't be read: {reason}.")


def truncated() -> Failed:
    """Return the failure of a response that ended before its end mark."""
    return Failed(Code.TRUNCATED, "The provider's response ended without its end mark.")


def with_quote(message: str, code: Code, quote: str, api_key: SecretStr | None, *, is_documented: bool = False) -> str:
    """Return a message, with the provider's own words where they help the client.

    `is_documented`: they belong to an error of the provider's API, and are meant for clients.
    """
    is_quoted = code in _QUOTED or (code is Code.SERVER_ERROR and is_documented)
    plain = sanitize_message(quote, api_key) if is_quoted else ""
    return f"{message}: {plain}" if plain else f"{message}."


def from_stream(error: JsonValue, api_key: SecretStr | None, message: str = ERROR_IN_STREAM) -> Failed:
    """Translate an error that a provider sent inside its stream, or as the whole body of a success.

    `error` may be the error itself, or a document that contains it. `message` is what clients read before its words.
    """
    body = read_error(error)
    code = error_code(body.status, body.names, body.message)
    wait = retry_delay_ms(_encoded(error)) if code is Code.RATE_LIMIT else None
    if code in {Code.PROVIDER_AUTH, Code.PROVIDER_QUOTA}:
        message = error_message(None, code)
    is_documented = any(map(is_known_name, body.names))
    message = with_quote(message, code, body.message, api_key, is_documented=is_documented)
    return Failed(code, message, retry_after_ms=wait)


def _encoded(error: JsonValue) -> bytes:
    """Return an error's JSON; nothing if it is nested too deeply to be encoded again."""
    try:
        return json.dumps(error).encode()
    except RecursionError:
        return b""


def from_error_event(data: bytes, api_key: SecretStr | None) -> Failed:
    """Translate the data of an event named `error`, in any wire format."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = data.decode("utf-8", "replace")
    return from_stream(value, api_key)


def from_finish_reason(code: Code, reason: str) -> Failed:
    """Return the failure that a finish reason stands for."""
    return Failed(code, f"The model's answer failed: {sanitize_token(reason)}.")


def from_document(body: bytes, content_type: str, api_key: SecretStr | None) -> Failed:
    """Translate a success that is no stream of events by its beginning."""
    kind = content_type if content_type in _NAMED_CONTENT_TYPES else "another content type"
    if not body.strip():
        return truncated()
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        if content_type == EVENT_STREAM:
            return unreadable("it is neither a stream of events nor JSON")
        message = (
            f"The provider responded 200 with {kind}, not with text/event-stream: check that the upstream's address is "
            "the base of the API that `upstream_api` names."
        )
        return Failed(Code.UPSTREAM_PROTOCOL, message, retryable=False)
    error = find_error(document)
    if error is not None:
        return from_stream(error, api_key, "The provider responded with an error in place of a stream")
    message = f"The provider responded with a whole document ({kind}), although a stream was requested."
    return Failed(Code.UPSTREAM_PROTOCOL, message, retryable=False)
