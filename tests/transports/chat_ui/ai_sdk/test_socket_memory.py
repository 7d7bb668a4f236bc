"""The first frame of a socket without a key in its handshake: nothing is known of its client but the address."""

from pathlib import Path

import pytest

from gateway.config import Settings
from tests.gateway.server.raw_client import UPGRADE, connected, frame
from tests.served.chats import PATH
from tests.served.clients import keys_file, with_keys
from tests.served.gateway import Served
from tests.served.viewers import until

__all__ = ["keys_file"]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


async def test_its_memory_counts(served: Served) -> None:
    served.hub.prompts.max_bytes = 5000
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE.replace(b"/api/ws", PATH.encode()) + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(1, b"x" * 4000, last=False))
        await until(lambda: served.hub.prompts.used == 4000)
        writer.write(frame(0, b"x" * 2000, last=False))
        # A close frame (RFC 6455, 5.5.1).
        assert await reader.readexactly(1) == b"\x88"
    await until(lambda: not served.protocols)
    assert served.hub.prompts.used == 0
