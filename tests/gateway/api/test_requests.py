"""Reading requests: bodies that are refused, and the message that says what to change; request ids."""

import asyncio
from codecs import BOM_UTF8
from contextlib import AsyncExitStack

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from gateway.api.requests import check_body_headers, parse_json, request_id
from gateway.protocol.errors import Refused
from tests.gateway.api.invalid_starts import BAD_STARTS
from tests.gateway.server.raw_client import connected, read_response
from tests.served.clients import BODY
from tests.served.errors import error_of
from tests.served.gateway import Served
from tests.served.viewers import until


@pytest.mark.parametrize("path", ["/api/chat/stream", "/api/generations"])
@pytest.mark.parametrize(("body", "param", "message"), BAD_STARTS)
async def test_a_start_that_is_not_valid_is_refused(
    served: Served, path: str, body: object, param: str | None, message: str
) -> None:
    async with served.http.post(
        path, data=orjson.dumps(body), headers={"Content-Type": "application/json"}
    ) as response:
        error = await error_of(response)
        assert message in str(error["message"])
        assert error["param"] == param
        known_model = param != "model" or body == {**BODY, "model": 7}
        assert response.status == (400 if known_model else 404)
        assert error["code"] == ("invalid_request" if known_model else "model_not_found")
    assert served.hub.running == 0


RAW_BODIES: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"{", {}, 400, "is not JSON"),
    (b"\xff", {}, 400, "is not JSON"),
    (b"", {}, 400, "is not JSON"),
    (b'{"messages":NaN}', {}, 400, "is not JSON"),
    (b"[" * 5000 + b"]" * 5000, {}, 400, "The body is"),
    (b'{"messages":' + b"[" * 100 + b"]" * 100 + b"}", {}, 400, "nested more than 64"),
    (b'{"messages":[' + b"1," * 9000 + b"1]}", {}, 400, "messages[0]"),
    (orjson.dumps(BODY), {"Idempotency-Key": ""}, 400, "1 to 255 characters"),
    (orjson.dumps(BODY), {"Content-Type": "text/plain"}, 415, "send application/json"),
    (orjson.dumps(BODY), {"Content-Type": "application/x-www-form-urlencoded"}, 415, "send application/json"),
    (orjson.dumps(BODY), {"Content-Encoding": "gzip"}, 415, "Content-Encoding is 'gzip': send the body uncompressed"),
    (b"\x1f\x8b\x08", {"Content-Encoding": "x-gzip"}, 415, "Content-Encoding is 'x-gzip'"),
    (b" " * 30_000, {}, 413, "larger than 20000 bytes"),
]


@pytest.mark.parametrize(("body", "headers", "status", "message"), RAW_BODIES)
async def test_a_body_that_cannot_be_read_is_refused(
    served: Served, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    headers = {"Content-Type": "application/json"} | headers
    async with served.http.post("/api/chat/stream", data=body, headers=headers) as response:
        assert response.status == status
        error = await error_of(response)
        assert (error["code"], error["retryable"]) == ("invalid_request", False)
        assert message in str(error["message"])


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "identity"}])
async def test_a_byte_order_mark_before_the_body_is_ignored(served: Served, headers: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json"} | headers
    async with served.http.post("/api/generations", data=BOM_UTF8 + orjson.dumps(BODY), headers=headers) as response:
        assert response.status == 201


def test_a_byte_order_mark_before_a_message_is_ignored() -> None:
    assert parse_json('\ufeff{"a":1}', "The message") == {"a": 1}


async def test_bodies_that_are_being_received_count_together(served: Served) -> None:
    """A gateway keeps 16 bodies of 20,000 bytes in this fixture: 19 large parts of them, whoever sends them."""
    body = orjson.dumps({"messages": [{"role": "user", "content": "x" * 19_000}]})
    head = (
        b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    async with AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(connected(served)) for _ in range(21)]
        for _, writer in slow[:19]:
            writer.write(head + body[:16_000])
        await until(lambda: served.hub.prompts.used == 19 * 16_000)
        reader, writer = slow[19]
        writer.write(head + body)
        async with asyncio.timeout(10):
            status, headers, answer = await read_response(reader)
        error = answer["error"]
        assert isinstance(error, dict)
        assert (status, error["code"], error["param"], headers["retry-after"]) == (503, "queue_full", "messages", "1")
        slow[0][1].close()
        await until(lambda: served.hub.prompts.used == 18 * 16_000)
        reader, writer = slow[20]
        writer.write(head + body)
        async with asyncio.timeout(10):
            status, _, _ = await read_response(reader)
        assert status == 201
    await until(lambda: served.hub.prompts.used == served.only.request_size)


async def test_a_body_without_content_length_is_bounded(served: Served) -> None:
    async def endless() -> object:
        for _ in range(100):
            yield b" " * 1000

    async with served.http.post("/api/chat/stream", data=endless(), headers={"Content-Type": "application/json"}) as r:
        assert r.status == 413


@pytest.mark.parametrize("client_id", ["a\tb", "é", "x" * 129, "a b", ""])
async def test_an_unsafe_request_id_is_not_echoed(served: Served, client_id: str) -> None:
    async with served.http.get("/health", headers={"X-Request-ID": client_id}) as response:
        assert response.headers["X-Request-ID"] != client_id


@given(st.binary(max_size=200))
def test_a_request_id_is_safe_in_a_header(client_id: bytes) -> None:
    named = request_id(Request({"type": "http", "headers": [(b"x-request-id", client_id)]}))
    assert named.isascii()
    assert named.isprintable()
    assert " " not in named


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1", "1_0", ""])
def test_a_length_that_is_not_a_number_is_refused(length: str) -> None:
    request = Request({"type": "http", "method": "POST", "headers": []})
    with pytest.raises(Refused) as refused:
        check_body_headers(request, {"content-length": length}, 100)
    assert refused.value.status == 413
