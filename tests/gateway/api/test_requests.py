"""Reading requests: bodies that are refused, and the message that says what to change; request ids."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from gateway.api.requests import read_json, request_id
from gateway.protocol.errors import Refused
from tests.gateway.api.invalid_starts import BAD_STARTS
from tests.served.clients import BODY
from tests.served.errors import error_of
from tests.served.gateway import Served


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
async def test_a_length_that_is_not_a_number_is_refused(length: str) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    headers: Sequence[tuple[bytes, bytes]] = [(b"content-length", length.encode("latin-1"))]
    with pytest.raises(Refused) as refused:
        await read_json(Request({"type": "http", "method": "POST", "headers": headers}, receive), 100)
    assert refused.value.status == 413
