"""The fallback writer, for servers without a direct writer."""

import asyncio
from collections.abc import Sequence

from tests.event_loop import settle
from transports.writer import SendingWriter, sending


class BlockedSend:
    """A `send` that waits until `open` is set."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.open = asyncio.Event()
        self.calls: list[str] = []

    async def send(self, frames: Sequence[bytes]) -> None:
        await self.open.wait()
        self.sent += frames

    def bind(self, writer: SendingWriter) -> None:
        writer.bind(lambda: self.calls.append("resume"), lambda: self.calls.append("lost"))


async def test_the_fallback_writer_is_full_until_its_frames_are_sent() -> None:
    blocked = BlockedSend()
    async with sending(blocked.send) as writer:
        blocked.bind(writer)
        assert not writer.write([b"a", b"b"])
        await settle()
        assert blocked.calls == []
        blocked.open.set()
        await settle()
        assert blocked.sent == [b"a", b"b"]
        assert blocked.calls == ["resume"]
    assert blocked.calls == ["resume", "lost"]


async def test_the_fallback_writer_reports_a_disconnect() -> None:
    blocked = BlockedSend()

    async def fail(_frames: Sequence[bytes]) -> None:
        raise OSError

    async with sending(fail) as writer:
        blocked.bind(writer)
        writer.write([b"a"])
        await settle()
        assert blocked.calls == ["lost"]
