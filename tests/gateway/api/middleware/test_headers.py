"""Validation of response headers, and the default headers."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Scope

from gateway.api.middleware.headers import DEFAULT_HEADERS, ValidatedSend
from gateway.app.application import Application
from tests.gateway.pipeline.one_target import one_target
from tests.served.clients import BODY
from tests.served.gateway import Served

Headers = Sequence[tuple[bytes, bytes]]


async def sent(headers: Headers) -> Headers:
    """Send headers, and return what was sent."""
    out: list[Message] = []

    async def send(message: Message) -> None:
        out.append(message)

    await ValidatedSend(send)({"type": "http.response.start", "status": 200, "headers": headers})
    return list(out[0]["headers"])


@given(value=st.binary(max_size=40), name=st.binary(min_size=1, max_size=10))
async def test_each_header_is_exactly_one_line(name: bytes, value: bytes) -> None:
    try:
        head = await sent([(name, value)])
    except ValueError:
        return
    written = b"".join(b"%b: %b\r\n" % field for field in head)
    assert written.count(b"\r") == written.count(b"\n") == len(head) == 1 + len(DEFAULT_HEADERS)
    assert b"\0" not in written
    assert b":" not in name


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: x", b"a\nb", b"a\rb", b"a\0", b"\x7f", b"\x1b[31m"])
async def test_no_header_is_sent_with_a_control_character(value: bytes) -> None:
    with pytest.raises(ValueError, match="control character"):
        await sent([(b"x-test", value)])
    with pytest.raises(ValueError, match="control character"):
        await sent([(b"x" + value, b"1")])
    assert (b"x-test", b"caf\xe9\t1") in await sent([(b"x-test", b"caf\xe9\t1")])


async def test_names_are_sent_in_lower_case() -> None:
    # The server recognises those that say where a response ends (`ResponseCycle`).
    assert (b"content-length", b"4") in await sent([(b"Content-Length", b"4")])


async def test_the_application_validates_all_headers() -> None:
    async def split(_request: Request) -> Response:
        return Response(headers={"X-Test": "a\r\nSet-Cookie: b=c"})

    out: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        out.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    async with one_target() as harness:
        app = Application([Route("/", split)], harness.hub.departures)
        with pytest.raises(ValueError, match="x-test"):
            await app(scope, receive, send)
    assert out == []


@pytest.mark.parametrize(
    ("method", "path", "stored"),
    [
        ("GET", "/api/stats", "no-store"),
        ("GET", "/api/models", "no-store"),
        ("GET", "/v1/models", "no-store"),
        ("GET", "/health", "no-store"),
        ("POST", "/api/generations", "no-store"),
        ("POST", "/api/tickets", "no-store"),
        ("GET", "/api/generations/g_none", "no-store"),
        ("GET", "/nothing", "no-store"),
        ("GET", "/", "no-cache"),
        ("GET", "/static/demo/main.js", "no-cache"),
        ("GET", "/static/nothing.js", "no-store"),
        ("POST", "/api/chat/stream", "no-cache, no-transform"),
    ],
)
async def test_every_response_has_the_default_headers_and_is_not_stored(
    served: Served, method: str, path: str, stored: str
) -> None:
    body = {"scope": "start"} if path.endswith("tickets") else BODY
    async with served.http.request(method, path, json=body if method == "POST" else None) as response:
        assert response.headers.getall("X-Content-Type-Options") == ["nosniff"]
        assert response.headers.getall("Cross-Origin-Resource-Policy") == ["same-origin"]
        assert response.headers.getall("Cache-Control") == [stored]
