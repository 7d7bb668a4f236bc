"""What a peer may send to the server's protocols that no client sends."""

from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from gateway.api.requests import read_json
from gateway.protocol.errors import Refused
from gateway.server.http_protocol import HEAD_BYTES
from tests.fuzz.frames import HANDSHAKE, masked
from tests.fuzz.peer import Server
from tests.fuzz.servers import Notes

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


async def sent(*reads: bytes, answers: bool = True) -> tuple[list[object], bytes]:
    """Send these; give what the application got, and what came back. What is logged as an error is raised."""
    notes = Notes()
    return notes.seen, await Server(notes).converse(reads, answers=answers)


async def test_frames_before_the_handshake_is_answered_cut_the_connection() -> None:
    for early in (masked(b"\xff"), masked(b"", 0x88), b"\xff\xff", masked(b"Hi")):
        assert await sent(HANDSHAKE, early, answers=False) == ([], b"")


@pytest.mark.parametrize(
    ("header", "status"),
    [(b"Cookie: " + b"x" * 9000, b"400"), (b"\r\n".join([b"X: y"] * 200), b"431")],
)
async def test_a_handshake_that_can_not_be_read_is_answered(header: bytes, status: bytes) -> None:
    _, written = await sent(HANDSHAKE.removesuffix(b"\r\n") + header + b"\r\n\r\n")
    assert written.startswith(b"HTTP/1.1 " + status)


async def test_text_that_is_not_utf8_after_the_close_is_passed_over() -> None:
    seen, written = await sent(HANDSHAKE, masked(b"close"), masked(b"\xff"))
    assert seen == ["close"]
    assert b"\x11\x3denough" in written


async def test_text_that_is_not_utf8_before_a_close_in_the_same_read() -> None:
    seen, written = await sent(HANDSHAKE, masked(b"\xff") + masked(b"\x03\xe8bye", 0x88))
    assert seen == []
    assert written.endswith(b"\x88\x05\x03\xe8bye")


async def test_an_answer_that_comes_after_we_closed_is_no_fault_of_the_application() -> None:
    seen, written = await sent(HANDSHAKE, masked(b"close") + masked(b"\xff"))
    assert seen == ["close"]
    assert b"\x03\xefnot UTF-8" in written


async def test_a_message_in_fragments_arrives_whole() -> None:
    seen, _ = await sent(HANDSHAKE, masked(b"H", 0x01) + masked(b"", 0x00), masked(b"i", 0x80), masked(b"\0", 0x82))
    assert seen == ["Hi", b"\0"]


@pytest.mark.parametrize("piece", [b"x", b"a: b\r\n"])
async def test_what_follows_a_body_is_bounded(piece: bytes) -> None:
    row = piece * (8192 // len(piece))
    _, written = await sent(CHUNKED + b"5\r\nhello\r\n0\r\n", *[row] * (2 * HEAD_BYTES // len(row) + 2))
    assert written.startswith(b"HTTP/1.1 400 ")


async def test_a_request_gets_no_body_of_the_one_behind_it() -> None:
    seen, _ = await sent(
        b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi" + CHUNKED + b"5\r\nhello\r\n"
    )
    assert [one[4] for one in seen if isinstance(one, tuple)] == [b"hi"]


async def test_a_head_without_end_inside_an_answer_is_not_answered_into_it() -> None:
    async def answering(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    endless = [b"GET /b HTTP/1.1\r\nX: ", *[b"y" * 8192] * (HEAD_BYTES // 8192 + 2)]
    written = await Server(answering).converse([b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", *endless])
    assert written.endswith(b"\r\n1\r\nx\r\n")


@pytest.mark.parametrize("size", [1, 1000, 200_000])
async def test_chunks_are_not_taken_for_a_head(size: int) -> None:
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
    stream = CHUNKED + chunk * 4 + b"0\r\nTrailer: y\r\n\r\n"
    for step in (len(stream), len(CHUNKED) + len(chunk) + 8, len(chunk) + 3):
        seen, written = await sent(*(stream[at : at + step] for at in range(0, len(stream), step)))
        assert written.startswith(b"HTTP/1.1 200 ")
        assert [one[4] for one in seen if isinstance(one, tuple)] == [b"x" * size * 4]


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1", "1_0", ""])
async def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    headers: Sequence[tuple[bytes, bytes]] = [(b"content-length", length.encode("latin-1"))]
    with pytest.raises(Refused) as refused:
        await read_json(Request({"type": "http", "method": "POST", "headers": headers}, receive), 100)
    assert refused.value.status == 413
