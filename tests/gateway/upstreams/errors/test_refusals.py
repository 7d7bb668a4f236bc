"""Errors of providers, as statuses and inside streams, and their `Retry-After`."""

import asyncio

import pytest

from gateway.protocol.errors import Code
from gateway.upstreams.errors.refusals import retry_after_ms
from tests.gateway.upstreams.raw_server import (
    delta,
    event,
    read_failure,
    respond,
    respond_stream,
)


@pytest.mark.parametrize(
    ("error", "code", "quote"),
    [
        ({"message": "slow down", "type": "rate_limit_error"}, Code.RATE_LIMIT, ""),
        ({"message": "oops at 10.0.0.7:99", "code": 500}, Code.SERVER_ERROR, ""),
        ({"message": "too long: 9000 > 8192", "type": "invalid_request_error"}, Code.INVALID_REQUEST, "9000 > 8192"),
        ({"message": "no", "code": 429}, Code.RATE_LIMIT, ""),
        ("just words", Code.SERVER_ERROR, ""),
    ],
)
async def test_an_error_inside_the_stream(error: object, code: Code, quote: str) -> None:
    failed, _ = await read_failure(respond_stream(delta(content="x") + event({"error": error})))
    assert failed.code is code
    assert quote in failed.message
    assert "10.0.0.7" not in failed.message


@pytest.mark.parametrize(
    ("status", "body", "headers", "code", "retryable"),
    [
        ("400 Bad Request", b'{"error":{"message":"context is too long"}}', (), Code.INVALID_REQUEST, False),
        ("401 Unauthorized", b'{"error":{"message":"bad key sk-very-secret-key"}}', (), Code.PROVIDER_AUTH, False),
        ("403 Forbidden", b"", (), Code.PROVIDER_AUTH, False),
        ("404 Not Found", b"", (), Code.MODEL_NOT_FOUND, False),
        ("429 Too Many Requests", b"", ("Retry-After: 7",), Code.RATE_LIMIT, True),
        ("500 Oops", b"<html>secret.internal</html>", (), Code.SERVER_ERROR, True),
        ("503 Unavailable", b"", (), Code.SERVER_ERROR, True),
        ("529 Overloaded", b"", (), Code.SERVER_ERROR, True),
        ("402 Payment Required", b'{"error":{"code":"invalid_request_error"}}', (), Code.PROVIDER_QUOTA, False),
        ("498 Capacity", b"", (), Code.RATE_LIMIT, True),
        ("403 Forbidden", b"error code: 1015", (), Code.RATE_LIMIT, True),
        ("302 Found", b"", ("Location: http://127.0.0.1:1/",), Code.UPSTREAM_PROTOCOL, False),
        ("200 OK", b"<html>hello</html>", ("Content-Type: text/html",), Code.UPSTREAM_PROTOCOL, False),
        ("200 OK", b"{}", ("Content-Type: application/json",), Code.UPSTREAM_PROTOCOL, False),
        ("200 OK", b"", ("Content-Type: application/json",), Code.TRUNCATED, True),
        ("200 OK", b"no healthy upstream", ("Content-Type: text/plain",), Code.UPSTREAM_PROTOCOL, False),
    ],
)
async def test_a_response_that_is_not_a_stream(
    status: str, body: bytes, headers: tuple[str, ...], code: Code, *, retryable: bool
) -> None:
    failed, events = await read_failure(respond(status, body, *headers))
    assert (failed.code, failed.retryable, events) == (code, retryable, [])
    assert failed.retry_after_ms == (7000 if status.startswith("429") else None)
    for private in ("secret", "127.0.0.1", "<"):
        assert private not in failed.message
    if status.startswith("400"):
        assert failed.message == "The provider refused the request (HTTP 400): context is too long"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "2"}, 2000),
        ({"Retry-After": "0.5"}, 500),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 250),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, 50_000),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e99"}, 86_400_000),
        ({"Retry-After": "Thu, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 +99999999999999"}, None),
        ({"Retry-After": "90000"}, 86_400_000),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: int | None) -> None:
    assert retry_after_ms(headers, now=10.0) == expected


async def test_an_error_without_its_body_is_reported_soon() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 1000\r\n\r\n")

    failed, _ = await read_failure(serve)
    assert failed.code is Code.SERVER_ERROR


async def test_a_compressed_response_is_not_asked_for_again() -> None:
    failed, _ = await read_failure(respond("200 OK", b"x", "Content-Encoding: gzip"))
    assert (failed.code, failed.retryable) == (Code.UPSTREAM_PROTOCOL, False)
    assert "compressed" in failed.message


async def test_a_switch_of_protocols_is_named() -> None:
    failed, _ = await read_failure(respond("101 Switching Protocols", b"", "Upgrade: websocket", "Connection: Upgrade"))
    assert failed.code is Code.UPSTREAM_PROTOCOL
    assert "switches to another protocol" in failed.message
