"""Translate what a provider says or does wrong into `Failed`: the one edge where foreign errors become ours.

Clients see these messages, and operators do, in logs, checks and reports: nothing of the provider's goes into them but
what is plain in its own words about a request that is wrong (`words.py`).
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
ERROR_BODY_SECONDS = 1.0
MAX_RETRY_AFTER = 86_400.0

_BY_STATUS: Mapping[int, tuple[Code, str]] = {
    400: (Code.INVALID_REQUEST, "The provider refused the request"),
    401: (Code.AUTH_ERROR, "The provider refused the gateway's key: check the variable that holds it"),
    403: (Code.AUTH_ERROR, "The provider does not allow this to the gateway's key"),
    404: (Code.MODEL_NOT_FOUND, "The provider does not know this model, or the upstream's address is wrong"),
    408: (Code.TIMEOUT, "The provider ran out of time"),
    413: (Code.INVALID_REQUEST, "The provider finds the request too large"),
    422: (Code.INVALID_REQUEST, "The provider refused the request"),
    429: (Code.RATE_LIMIT, "The provider's rate limit is reached"),
    504: (Code.TIMEOUT, "The provider ran out of time"),
}

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
    # Anthropic's, where it has words of its own ("Errors"); `overloaded_error` and `api_error` are what any other is.
    "billing_error": Code.AUTH_ERROR,
    "not_found_error": Code.MODEL_NOT_FOUND,
    "request_too_large": Code.INVALID_REQUEST,
    "timeout_error": Code.TIMEOUT,
    # The codes of a failed response (platform.openai.com/docs/api-reference/responses/object, `error.code`).
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

# Where the client can mend it, the provider's own words help; elsewhere they are nobody's business.
_WORDS_HELP = frozenset({Code.INVALID_REQUEST, Code.CONTENT_FILTER})
_RETRY_DELAY = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"')
_KINDS = frozenset({"application/json", "application/x-ndjson", "text/html", "text/plain"})
"""What an answer may be called in a message."""


def broken(how: str) -> Failed:
    """Make the failure of an answer that is not what the provider's protocol says."""
    return Failed(Code.UPSTREAM_PROTOCOL, f"The provider's answer can't be read: {how}.")


def from_transport(error: Exception, *, opened: bool) -> Failed:
    """Translate what the HTTP client raises; `opened`: the answer had begun."""
    if opened:
        # Also a body that ends short of its chunked terminator: no provider ends an answer so.
        return Failed(Code.TRUNCATED, "The connection to the provider broke off before the end of the answer.")
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | TimeoutError) and not isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
    ):
        return Failed(Code.NETWORK_ERROR, "The provider closed the connection without an answer.")
    if isinstance(error, aiohttp.ClientConnectorError | TimeoutError):
        return Failed(Code.NETWORK_ERROR, "The provider can't be reached.")
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Failed(Code.NETWORK_ERROR, "The upstream's address is not one that can be called.", retryable=False)
    return broken("it is not HTTP")


async def of_answer(response: aiohttp.ClientResponse, api_key: SecretStr | None) -> Failed:
    """Translate an answer that is no event stream: an error status, or a success that is something else."""
    status = response.status
    if 300 <= status < 400:
        message = "The upstream's address redirects elsewhere: set the final address."
        return Failed(Code.UPSTREAM_PROTOCOL, message, retryable=False)
    if status < 400:
        if is_packed(response):
            return broken("it is compressed, which was not asked for")
        kind = response.content_type if response.content_type in _KINDS else "something else"
        return Failed(
            Code.UPSTREAM_PROTOCOL,
            f"The provider answered {status} with {kind} where 200 with text/event-stream was asked for: "
            "check that the upstream's address is the base of the API that `upstream_api` names.",
            retryable=False,
        )
    code, said = _BY_STATUS.get(status, (None, ""))
    if code is None:
        code = Code.SERVER_ERROR if status >= 500 else Code.INVALID_REQUEST
        said = "The provider has a problem of its own" if status >= 500 else "The provider refused the request"
    wait = retry_after_ms(response.headers, time.time())
    asks_to_wait = wait is None and code is Code.RATE_LIMIT
    body = await _body(response) if code in _WORDS_HELP or asks_to_wait else b""
    words = _words(body, api_key) if code in _WORDS_HELP else ""
    message = f"{said} (HTTP {status})" + (f": {words}" if words else ".")
    return Failed(code, message, retry_after_ms=retry_delay_ms(body) if asks_to_wait else wait)


def is_packed(response: aiohttp.ClientResponse) -> bool:
    """Tell whether a body comes compressed; nothing unpacks it (`gateway/net/http_client.py`)."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Read the beginning of an error's body; one that does not come is not waited for."""
    body = b""
    with move_on_after(ERROR_BODY_SECONDS), suppress(aiohttp.ClientError):
        while len(body) < ERROR_BODY_BYTES and not response.content.at_eof():
            body += await response.content.readany()
    return body


def from_stream(error: JsonValue, api_key: SecretStr | None) -> Failed:
    """Translate an error object that came inside a stream."""
    fields: JsonObject = error if isinstance(error, dict) else {"message": error}
    status = fields.get("code") if isinstance(fields.get("code"), int) else fields.get("status")
    code = next((_BY_TYPE[kind] for name in ("code", "type") if (kind := str(fields.get(name))) in _BY_TYPE), None)
    if code is None and isinstance(status, int):
        code = _BY_STATUS.get(status, (None, ""))[0]
    code = code or Code.SERVER_ERROR
    words = sanitize_message(str(fields.get("message") or ""), api_key) if code in _WORDS_HELP else ""
    return Failed(code, "The provider reported an error in its answer" + (f": {words}" if words else "."))


def retry_after_ms(headers: Mapping[str, str], now: float | None = None) -> int | None:
    """Read `Retry-After` (RFC 9110, 10.2.3) in seconds, or `retry-after-ms`; a date needs `now`, in Unix seconds."""
    for name, factor in (("retry-after-ms", 1.0), ("Retry-After", 1000.0)):
        value = headers.get(name, "").strip()
        try:
            milliseconds = float(value) * factor
        except ValueError:
            continue
        if milliseconds >= 0:
            return round(min(milliseconds, MAX_RETRY_AFTER * 1000))
    if now is None:
        return None
    try:
        until = parsedate_to_datetime(headers.get("Retry-After", "")).timestamp()
    except (ValueError, OverflowError):
        # An OverflowError is a year, or a time zone, beyond all reckoning.
        return None
    return round(min(max(0.0, until - now), MAX_RETRY_AFTER) * 1000)


def retry_delay_ms(body: bytes) -> int | None:
    """Read Google's `RetryInfo` out of an error's body (google/rpc/error_details.proto); it sends no `Retry-After`."""
    found = _RETRY_DELAY.search(body)
    return round(min(float(found[1]), MAX_RETRY_AFTER) * 1000) if found else None


def _words(body: bytes, api_key: SecretStr | None) -> str:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return sanitize_message(message, api_key) if isinstance(message, str) else ""
