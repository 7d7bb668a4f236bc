"""Translate the refusals of providers, responses whose status is an error, into `Failed`."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

import aiohttp
import orjson
from pydantic import SecretStr

from gateway.clock import time_limit
from gateway.net.http_response import HttpResponse
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.errors.bodies import MAX_RETRY_AFTER, ErrorBody, read_error, retry_delay_ms
from gateway.upstreams.errors.codes import error_code, error_message, request_error_name
from gateway.upstreams.errors.failures import unreadable, with_quote

ERROR_BODY_BYTES = 16 * 1024
"""Bytes read of an error's body."""

ERROR_BODY_SECONDS = 1.0
"""Seconds to wait for an error's body. Its message is a help, not worth holding a retry for."""

_CLOUDFLARE_CODE = re.compile(rb"[Ee]rror (?:code:? ?)?(1\d{3})\b")


async def from_response(response: HttpResponse, api_key: SecretStr | None, body: bytes | None = None) -> Failed:
    """Translate a refusal: a status from 300 on, or a compressed body, which was not requested.

    `body` is the beginning of its body if that has been read already.
    """
    status = response.status
    if status < 200:
        return unreadable("it switches to another protocol, which was not requested")
    if status < 300:
        # The server, or a proxy before it, would compress the next response as well.
        message = "The provider's response can't be read: it is compressed, which was not requested."
        return Failed(Code.UPSTREAM_PROTOCOL, message, retryable=False)
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
    message = with_quote(f"{error_message(status, code)} (HTTP {status})", code, error.message, api_key)
    failed = Failed(code, message, retry_after_ms=wait)
    failed.api_code = request_error_name(error.names)
    return failed


def _read_body(body: bytes) -> ErrorBody:
    """Read the body of a refusal. Text that is not JSON has no message: it may be a page of any proxy on the way."""
    try:
        return read_error(orjson.loads(body))
    except orjson.JSONDecodeError:
        # A code of Cloudflare stands in its pages, and alone in its plain texts ("error code: 1010").
        found = _CLOUDFLARE_CODE.search(body)
        return ErrorBody([f"cloudflare_{found[1].decode()}"] if found else [])


def is_success(response: HttpResponse) -> bool:
    """Return True for a success with a body that can be read: nothing decompresses it (`http_client.py`)."""
    if not 200 <= response.status < 300:
        return False
    coding = response.headers.get("Content-Encoding")
    return coding is None or coding.strip().lower() in {"", "identity"}


async def read_error_body(response: HttpResponse) -> bytes:
    """Read the beginning of an error's body, without waiting long for it."""
    body = b""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with time_limit(ERROR_BODY_SECONDS):
            while len(body) < ERROR_BODY_BYTES and not response.content.at_eof():
                body += await response.content.readany()
    return body


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
