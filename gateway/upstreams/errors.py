"""Translate errors of providers and of the HTTP client into `Failed`: the only place where foreign errors become ours.

Clients see the messages, and operators see them in logs, checks and reports. The only text of a provider in them is its
message about an invalid request, sanitized (`sanitize.py`): anything else could reveal keys, hosts or paths.
"""

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

import aiohttp
import orjson
from pydantic import JsonValue, SecretStr

from gateway.clock import time_limit
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.body_start import EVENT_STREAM
from gateway.upstreams.error_bodies import MAX_RETRY_AFTER, ErrorBody, find_error, read_error, retry_delay_ms
from gateway.upstreams.outcomes import error_code, error_message
from gateway.upstreams.sanitize import sanitize_message, sanitize_token

ERROR_BODY_BYTES = 16 * 1024
"""Bytes read of an error's body."""

ERROR_BODY_SECONDS = 1.0
"""Seconds to wait for an error's body. Its message is a help, not worth holding a retry for."""

_QUOTED = frozenset({Code.INVALID_REQUEST, Code.CONTENT_FILTER})
"""Codes for which the provider's message is quoted: the client can fix the request, and the message says how."""

ERROR_IN_STREAM = "The provider sent an error in its stream"
_CLOUDFLARE_CODE = re.compile(rb"[Ee]rror (?:code:? ?)?(1\d{3})\b")
_NAMED_CONTENT_TYPES = frozenset({"application/json", "application/x-ndjson", "text/html", "text/plain"})
"""Content types that a message may name; any other is text of the provider."""


def unreadable(reason: str) -> Failed:
    """Return the failure of a response that violates the provider's protocol."""
    return Failed(Code.UPSTREAM_PROTOCOL, f"The provider's response can't be read: {reason}.")


def truncated() -> Failed:
    """Return the failure of a response that ended before its end mark."""
    return Failed(Code.TRUNCATED, "The provider's response ended without its end mark.")


async def from_response(
    response: aiohttp.ClientResponse, api_key: SecretStr | None, body: bytes | None = None
) -> Failed:
    """Translate a refusal: a status from 300 on, or a compressed body, which was not requested.

    `body` is the beginning of its body if that has been read already.
    """
    status = response.status
    if status < 300:
        return unreadable("it is compressed, which was not requested")
    if status < 400:
        message = "The upstream's address redirects elsewhere: set the final address."
        return Failed(Code.UPSTREAM_PROTOCOL, message, retryable=False)
    if body is None:
        body = await read_error_body(response)
    error = _read_body(body)
    code = error_code(status, error.names, error.message)
    wait = retry_after_ms(response.headers, time.time())
    if wait is None and code is Code.RATE_LIMIT:
        wait = retry_delay_ms(body)
    message = _with_quote(f"{error_message(status, code)} (HTTP {status})", code, error.message, api_key)
    return Failed(code, message, retry_after_ms=wait)


def _read_body(body: bytes) -> ErrorBody:
    """Read the body of a refusal. Text that is not JSON has no message: it may be a page of any proxy on the way."""
    try:
        return read_error(orjson.loads(body))
    except orjson.JSONDecodeError:
        # A code of Cloudflare stands in its pages, and alone in its plain texts ("error code: 1010").
        found = _CLOUDFLARE_CODE.search(body)
        return ErrorBody([f"cloudflare_{found[1].decode()}"] if found else [])


def _with_quote(message: str, code: Code, quote: str, api_key: SecretStr | None) -> str:
    """Return a message, with the provider's own words where they help the client."""
    plain = sanitize_message(quote, api_key) if code in _QUOTED else ""
    return f"{message}: {plain}" if plain else f"{message}."


def is_compressed(response: aiohttp.ClientResponse) -> bool:
    """Return True if the body is compressed. Nothing decompresses it (`gateway/net/http_client.py`)."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}


async def read_error_body(response: aiohttp.ClientResponse) -> bytes:
    """Read the beginning of an error's body, without waiting long for it."""
    body = b""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with time_limit(ERROR_BODY_SECONDS):
            while len(body) < ERROR_BODY_BYTES and not response.content.at_eof():
                body += await response.content.readany()
    return body


def from_stream(error: JsonValue, api_key: SecretStr | None, message: str = ERROR_IN_STREAM) -> Failed:
    """Translate an error that a provider sent inside its stream, or as the whole body of a success.

    `error` may be the error itself, or a document that contains it. `message` is what clients read before its words.
    """
    body = read_error(error)
    code = error_code(body.status, body.names, body.message)
    wait = retry_delay_ms(json.dumps(error).encode()) if code is Code.RATE_LIMIT else None
    if code in {Code.PROVIDER_AUTH, Code.PROVIDER_QUOTA}:
        message = error_message(None, code)
    return Failed(code, _with_quote(message, code, body.message, api_key), retry_after_ms=wait)


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


def retry_after_ms(headers: Mapping[str, str], now: float | None = None) -> int | None:
    """Return the wait that `retry-after-ms` or `Retry-After` (RFC 9110, 10.2.3) asks for, in milliseconds, or None.

    `Retry-After` holds seconds or a date. A date is read only if `now` is given, in Unix seconds.
    """
    # `retry-after-ms` is not standard, but more precise: OpenAI's client reads it first, too (openai-python,
    # `_parse_retry_after_header`).
    for name, factor in (("retry-after-ms", 1.0), ("Retry-After", 1000.0)):
        value = headers.get(name, "").strip()
        try:
            milliseconds = float(value) * factor
        except ValueError:
            continue
        # NaN is not >= 0: it is skipped like a negative number.
        if milliseconds >= 0:
            return round(min(milliseconds, MAX_RETRY_AFTER * 1000))
    if now is None:
        return None
    try:
        until = parsedate_to_datetime(headers.get("Retry-After", "")).timestamp()
    except (ValueError, OverflowError):
        # OverflowError: the year or the time zone has too many digits for a C integer.
        return None
    return round(min(max(0.0, until - now), MAX_RETRY_AFTER) * 1000)
