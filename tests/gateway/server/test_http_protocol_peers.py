"""What no client sends to `HttpProtocol`, without a socket."""

import pytest
from starlette.types import Receive, Scope, Send

from gateway.server.http_protocol import MAX_HEAD_BYTES
from tests.fuzz.peer import Server
from tests.gateway.server.peer import sent

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("piece", [b"x", b"a: b\r\n"])
async def test_what_follows_a_body_is_limited(piece: bytes) -> None:
    row = piece * (8192 // len(piece))
    _, written = await sent(CHUNKED + b"5\r\nhello\r\n0\r\n", *[row] * (2 * MAX_HEAD_BYTES // len(row) + 2))
    assert written.startswith(b"HTTP/1.1 400 ")


async def test_a_request_gets_no_body_of_the_next_one() -> None:
    seen, _ = await sent(
        b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi" + CHUNKED + b"5\r\nhello\r\n"
    )
    assert [one[4] for one in seen if isinstance(one, tuple)] == [b"hi"]


async def test_a_head_without_end_during_a_response_gets_no_response_inside_it() -> None:
    async def answering(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    endless = [b"GET /b HTTP/1.1\r\nX: ", *[b"y" * 8192] * (MAX_HEAD_BYTES // 8192 + 2)]
    written = await Server(answering).converse([b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", *endless])
    assert written.endswith(b"\r\n1\r\nx\r\n")


@pytest.mark.parametrize("size", [1, 1000, 200_000])
async def test_chunks_do_not_count_as_a_head(size: int) -> None:
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
    stream = CHUNKED + chunk * 4 + b"0\r\nTrailer: y\r\n\r\n"
    for step in (len(stream), len(CHUNKED) + len(chunk) + 8, len(chunk) + 3):
        seen, written = await sent(*(stream[at : at + step] for at in range(0, len(stream), step)))
        assert written.startswith(b"HTTP/1.1 200 ")
        assert [one[4] for one in seen if isinstance(one, tuple)] == [b"x" * size * 4]
