"""What no client sends to `WebSocketProtocol`, without a socket."""

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from tests.fuzz.frames import HANDSHAKE, masked
from tests.fuzz.peer import Server
from tests.gateway.server.peer import sent


async def test_frames_before_the_response_to_the_handshake_abort_the_connection() -> None:
    for early in (masked(b"\xff"), masked(b"", 0x88), b"\xff\xff", masked(b"Hi")):
        assert await sent(HANDSHAKE, early, wait=False) == ([], b"")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        *((b"Content-Length: 2", b"400"), (b"Upgrade: websocket", b"426"), (b"\r\n".join([b"X: y"] * 200), b"431")),
        (b"Sec-WebSocket-Protocol: " + b"dualstream.v1, " * 2000 + b"x", b"431"),
    ],
)
async def test_a_handshake_that_is_not_valid_gets_a_response(header: bytes, status: bytes) -> None:
    _, written = await sent(HANDSHAKE.removesuffix(b"\r\n") + header + b"\r\n\r\n")
    assert written.startswith(b"HTTP/1.1 " + status)


async def test_a_handshake_may_have_large_cookies() -> None:
    _, written = await sent(HANDSHAKE.removesuffix(b"\r\n") + b"Cookie: " + b"x" * 9000 + b"\r\n\r\n")
    assert written.startswith(b"HTTP/1.1 101")


async def test_text_that_is_not_utf8_after_the_close_is_ignored() -> None:
    seen, written = await sent(HANDSHAKE, masked(b"close"), masked(b"\xff"))
    assert seen == ["close"]
    assert b"\x11\x3denough" in written


async def test_text_that_is_not_utf8_before_a_close_in_the_same_read() -> None:
    seen, written = await sent(HANDSHAKE, masked(b"\xff") + masked(b"\x03\xe8bye", 0x88))
    assert seen == []
    assert written.endswith(b"\x88\x0b\x03\xefnot UTF-8")


async def test_a_message_sent_after_our_close_is_not_logged_as_an_error() -> None:
    seen, written = await sent(HANDSHAKE, masked(b"close") + masked(b"\xff"))
    assert seen == ["close"]
    assert b"\x03\xefnot UTF-8" in written


async def test_a_message_in_fragments_arrives_whole() -> None:
    seen, _ = await sent(HANDSHAKE, masked(b"H", 0x01) + masked(b"", 0x00), masked(b"i", 0x80), masked(b"\0", 0x82))
    assert seen == ["Hi", b"\0"]


async def test_a_ping_between_fragments_is_answered() -> None:
    reads = [masked(b"H", 0x01), masked(b"?", 0x89), masked(b"i", 0x80) + masked(b"!", 0x89)]
    seen, written = await sent(HANDSHAKE, *reads)
    assert seen == ["Hi"]
    assert written.endswith(b"\x8a\1?\x8a\1!")


async def test_what_follows_a_close_is_ignored() -> None:
    close = masked(b"\x03\xe8bye", 0x88)
    for reads in ([close + masked(b"Hi")], [close, masked(b"Hi")]):
        seen, written = await sent(HANDSHAKE, *reads)
        assert seen == []
        assert written.endswith(b"\x88\5\x03\xe8bye")


@pytest.mark.parametrize(
    "reads",
    [
        [masked(b"Hi"), masked(b""), masked(b"x" * 125), masked(b"x" * 126), masked(b"x" * 70_000)],
        [masked(b"H", 0x01), masked(b"i", 0x80), masked(b"Hi"), masked(b"\0", 0x82), masked(b"Hi"), masked(b"", 0x89)],
        [masked(b"Hi"), masked(b"\xff"), masked(b"Hi")],
        [masked(b"Hi"), masked(b"H", 0x01), masked(b"Hi")],
        [masked(b"Hi"), masked(b"\x03\xe8bye", 0x88), masked(b"Hi")],
        [masked(b"close"), masked(b"Hi"), masked(b"\x03\xe8", 0x88)],
    ],
)
async def test_a_text_that_comes_in_one_read_is_what_the_parser_reads(reads: list[bytes]) -> None:
    split = [part for read in reads for part in (read[:1], read[1:])]
    assert await sent(HANDSHAKE, *reads) == await sent(HANDSHAKE, *split)


class Ending:
    """An application that sends these messages and returns, or raises an exception."""

    def __init__(self, messages: list[Message], error: BaseException | None) -> None:
        self._messages, self._error = messages, error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for message in self._messages:
            await send(message)
        if self._error is not None:
            raise self._error


ACCEPT: Message = {"type": "websocket.accept"}


@pytest.mark.parametrize(("messages", "error"), [([ACCEPT], None), ([ACCEPT], ClientDisconnected())])
async def test_a_socket_ends_with_its_application(messages: list[Message], error: BaseException | None) -> None:
    assert (await Server(Ending(messages, error)).converse([HANDSHAKE])).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    ("messages", "error", "logged"),
    [
        ([ACCEPT], LookupError(), LookupError),
        ([], LookupError(), LookupError),
        ([], None, AssertionError),
    ],
)
async def test_an_application_that_fails_is_logged(
    messages: list[Message], error: BaseException | None, logged: type[BaseException]
) -> None:
    with pytest.raises(logged):
        await Server(Ending(messages, error)).converse([HANDSHAKE])
