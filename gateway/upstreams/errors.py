"""Translate errors of providers and of the HTTP client into `Failed`: the only place where foreign errors become ours.

Clients see the messages, and operators see them in logs, checks and reports. The only text of a provider in them is its
message about an invalid request, sanitized (`sanitize.py`): anything else could reveal keys, hosts or paths.
"""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

import aiohttp
import orjson
from anyio import move_on_after
from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.sanitize import sanitize_message

ERROR_BODY_BYTES = 16 * 1024
"""Bytes read of an error's body."""

ERROR_BODY_SECONDS = 1.0
"""Seconds to wait for an error's body. Its message is a help, not worth holding a retry for."""

MAX_RETRY_AFTER = 86_400.0
"""Longest wait that a provider may ask for, in seconds; longer ones are cut to it."""

_BY_STATUS: Mapping[int, tuple[Code, str]] = {
    400: (Code.INVALID_REQUEST, "The provider refused the request"),
    401: (Code.AUTH_ERROR, "The provider refused the gateway's key: check the variable that holds it"),
    403: (Code.AUTH_ERROR, "The provider does not allow this for the gateway's key"),
    404: (Code.MODEL_NOT_FOUND, "The provider does not know this model, or the upstream's address is wrong"),
    408: (Code.TIMEOUT, "The provider timed out"),
    413: (Code.INVALID_REQUEST, "The request is too large for the provider"),
    422: (Code.INVALID_REQUEST, "The provider refused the request"),
    429: (Code.RATE_LIMIT, "The provider's rate limit is reached"),
    504: (Code.TIMEOUT, "The provider timed out"),
}
"""Code and message by HTTP status."""

_BY_TYPE: Mapping[str, Code] = {
    "rate_limit_error": Code.RATE_LIMIT,
    "rate_limit_exceeded": Code.RATE_LIMIT,
    "insufficient_quota": Code.RATE_LIMIT,
    "too_many_requests": Code.RATE_LIMIT,
    "invalid_request_error": Code.INVALID_REQUEST,
    "context_length_exceeded": Code.INVALID_REQUEST,
    "authentication_error": Code.AUTH_ERROR,
    "permission_error": Code.AUTH_ERROR,
    "model_not_found": Code.MODEL_NOT_FOUND,
    "content_filter": Code.CONTENT_FILTER,
    "timeout": Code.TIMEOUT,
    # Anthropic's own types (docs.anthropic.com, "Errors"). `overloaded_error` and `api_error` are left out: like any
    # unknown type, they become `server_error`.
    "billing_error": Code.AUTH_ERROR,
    "not_found_error": Code.MODEL_NOT_FOUND,
    "request_too_large": Code.INVALID_REQUEST,
    "timeout_error": Code.TIMEOUT,
    # Codes of a failed response (platform.openai.com/docs/api-reference/responses/object, `error.code`).
    "invalid_prompt": Code.INVALID_REQUEST,
    "data_residency_mismatch": Code.INVALID_REQUEST,
    "invalid_image": Code.INVALID_REQUEST,
    "invalid_image_format": Code.INVALID_REQUEST,
    "invalid_base64_image": Code.INVALID_REQUEST,
    "invalid_image_url": Code.INVALID_REQUEST,
    "invalid_image_mode": Code.INVALID_REQUEST,
    "image_too_large": Code.INVALID_REQUEST,
    "image_too_small": Code.INVALID_REQUEST,
    "image_file_too_large": Code.INVALID_REQUEST,
    "image_parse_error": Code.INVALID_REQUEST,
    "image_file_not_found": Code.INVALID_REQUEST,
    "empty_image_file": Code.INVALID_REQUEST,
    "unsupported_image_media_type": Code.INVALID_REQUEST,
    "failed_to_download_image": Code.INVALID_REQUEST,
    "image_content_policy_violation": Code.CONTENT_FILTER,
    "bio_policy": Code.CONTENT_FILTER,
    "misalignment_policy_violation": Code.CONTENT_FILTER,
    "vector_store_timeout": Code.TIMEOUT,
}
"""Code by the `code` or `type` of an error object."""

_QUOTED = frozenset({Code.INVALID_REQUEST, Code.CONTENT_FILTER})
"""Codes for which the provider's message is quoted: the client can fix the request, and the message says how."""

_RETRY_DELAY = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"')
_NAMED_CONTENT_TYPES = frozenset({"application/json", "application/x-ndjson", "text/html", "text/plain"})
"""Content types that a message may name; any other is text of the provider."""


def unreadable(reason: str) -> Failed:
    """Return the failure of a response that violates the provider's protocol."""
    return Failed(Code.UPSTREAM_PROTOCOL, f"The provider's response can't be read: {reason}.")


def truncated() -> Failed:
    """Return the failure of a response that ended before its end mark."""
    return Failed(Code.TRUNCATED, "The provider's response ended without its end mark.")


def from_transport(error: Exception, *, opened: bool) -> Failed:
    """Translate an exception of the HTTP client. `opened` is True if the response had begun."""
    if opened:
        # This includes a body without its final chunk (RFC 9112, 8): no provider ends a complete response that way.
        return Failed(Code.TRUNCATED, "The connection to the provider broke off before the end of the answer.")
    # aiohttp's errors of connecting are subclasses of ClientOSError and TimeoutError: they are excluded here.
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | TimeoutError) and not isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
    ):
        return Failed(Code.NETWORK_ERROR, "The provider closed the connection without a response.")
    if isinstance(error, aiohttp.ClientConnectorError | TimeoutError):
        return Failed(Code.NETWORK_ERROR, "The provider can't be reached.")
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Failed(Code.NETWORK_ERROR, "The upstream's address is not a valid URL.", retryable=False)
    return unreadable("it is not HTTP")


async def from_response(response: aiohttp.ClientResponse, api_key: SecretStr | None) -> Failed:
    """Translate a response that is no event stream: an error status, or a success with another content type."""
    status = response.status
    if 300 <= status < 400:
        message = "The upstream's address redirects elsewhere: set the final address."
        return Failed(Code.UPSTREAM_PROTOCOL, message, retryable=False)
    if status < 400:
        if is_compressed(response):
            return unreadable("it is compressed, which was not requested")
        content_type = response.content_type
        kind = content_type if content_type in _NAMED_CONTENT_TYPES else "another content type"
        return Failed(
            Code.UPSTREAM_PROTOCOL,
            f"The provider responded {status} with {kind}, not 200 with text/event-stream: "
            "check that the upstream's address is the base of the API that `upstream_api` names.",
            retryable=False,
        )
    code, message = _BY_STATUS.get(status, (None, ""))
    if code is None:
        code = Code.SERVER_ERROR if status >= 500 else Code.INVALID_REQUEST
        message = "The provider has an internal error" if status >= 500 else "The provider refused the request"
    wait = retry_after_ms(response.headers, time.time())
    search_delay = wait is None and code is Code.RATE_LIMIT
    body = await _body(response) if code in _QUOTED or search_delay else b""
    quote = _error_message(body, api_key) if code in _QUOTED else ""
    message = f"{message} (HTTP {status})" + (f": {quote}" if quote else ".")
    return Failed(code, message, retry_after_ms=retry_delay_ms(body) if search_delay else wait)


def is_compressed(response: aiohttp.ClientResponse) -> bool:
    """Return True if the body is compressed. Nothing decompresses it (`gateway/net/http_client.py`)."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Read the beginning of an error's body, without waiting long for it."""
    body = b""
    with move_on_after(ERROR_BODY_SECONDS), suppress(aiohttp.ClientError):
        while len(body) < ERROR_BODY_BYTES and not response.content.at_eof():
            body += await response.content.readany()
    return body


def from_stream(error: JsonValue, api_key: SecretStr | None) -> Failed:
    """Translate an error object that a provider sent inside its stream.

    Its `code` or `type` decides, then a numeric `code` or `status`, as in HTTP; otherwise it is `server_error`.
    """
    fields: JsonObject = error if isinstance(error, dict) else {"message": error}
    status = fields.get("code") if isinstance(fields.get("code"), int) else fields.get("status")
    code = next((_BY_TYPE[kind] for name in ("code", "type") if (kind := str(fields.get(name))) in _BY_TYPE), None)
    if code is None and isinstance(status, int):
        code = _BY_STATUS.get(status, (None, ""))[0]
    code = code or Code.SERVER_ERROR
    quote = sanitize_message(str(fields.get("message") or ""), api_key) if code in _QUOTED else ""
    return Failed(code, "The provider sent an error in its stream" + (f": {quote}" if quote else "."))


def from_error_event(data: bytes, api_key: SecretStr | None) -> Failed:
    """Translate the data of an event named `error`, in any wire format."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = data.decode("utf-8", "replace")
    return from_stream(value.get("error", value) if isinstance(value, dict) else value, api_key)


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


def retry_delay_ms(body: bytes) -> int | None:
    """Return the delay of Google's `RetryInfo` in an error's body (google/rpc/error_details.proto), or None.

    Google's APIs send it in place of `Retry-After`. A regular expression is enough, and reads bodies cut short as well.
    """
    found = _RETRY_DELAY.search(body)
    return round(min(float(found[1]), MAX_RETRY_AFTER) * 1000) if found else None


def _error_message(body: bytes, api_key: SecretStr | None) -> str:
    """Return the sanitized message of an error's body, or "" if there is none."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    error = content.get("error") if isinstance(content, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return sanitize_message(message, api_key) if isinstance(message, str) else ""
