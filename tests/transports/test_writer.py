"""How frames reach a socket: the frames of a WebSocket, and the slow twin of a server's own writer."""

import asyncio
from collections.abc import Sequence

import pytest
from websockets.frames import Frame, Opcode

from gateway.asgi import direct_writer
from tests.support import settle
from transports.websocket_connection import text_frame
from transports.writer import SendingWriter, sending


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_text_frame_is_what_the_library_would_send(length: int) -> None:
    message = b"x" * length
    assert text_frame(message) == Frame(Opcode.TEXT, message).serialize(mask=False)


def test_a_server_that_lends_nothing() -> None:
    assert direct_writer({"type": "http"}) is None
    assert direct_writer({"type": "http", "extensions": {"http.response.debug": {}}}) is None


class Wire:
    """Sends when it is let."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.open = asyncio.Event()
        self.calls: list[str] = []

    async def send(self, frames: Sequence[bytes]) -> None:
        await self.open.wait()
        self.sent += frames

    def listen(self, writer: SendingWriter) -> None:
        writer.bind(lambda: self.calls.append("resume"), lambda: self.calls.append("lost"))


async def test_the_slow_twin_is_full_until_what_it_took_is_sent() -> None:
    wire = Wire()
    async with sending(wire.send) as writer:
        wire.listen(writer)
        assert not writer.write([b"a", b"b"])
        await settle()
        assert wire.calls == []
        wire.open.set()
        await settle()
        assert wire.sent == [b"a", b"b"]
        assert wire.calls == ["resume"]
    assert wire.calls == ["resume", "lost"]


async def test_the_slow_twin_tells_when_the_client_is_gone() -> None:
    wire = Wire()

    async def gone(_frames: Sequence[bytes]) -> None:
        raise OSError

    async with sending(gone) as writer:
        wire.listen(writer)
        writer.write([b"a"])
        await settle()
        assert wire.calls == ["lost"]
