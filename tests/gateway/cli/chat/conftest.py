"""A fake gateway, and terminals that chat with it."""

import io
import os
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.cli.chat.line_reader import LineReader
from gateway.cli.chat.plain import PlainChat
from gateway.cli.chat.settings import ChatSettings
from tests.gateway.cli.chat.fake_gateway import FakeGateway, Open, Terminal


@pytest.fixture(name="gateway")
def _gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture(name="terminal")
async def _terminal(gateway: FakeGateway) -> AsyncIterator[Open]:
    app = web.Application()
    app.router.add_post("/api/chat/stream", gateway.start)
    app.router.add_post("/api/generations/{id}/{command}", gateway.command)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    opened: list[tuple[int, Terminal]] = []

    async def open_terminal(*, prompt: str | None = None, interactive: bool = False) -> Terminal:
        read_end, write_end = os.pipe()
        out, status = io.StringIO(), io.StringIO()
        settings = ChatSettings(str(server.make_url("")), prompt=prompt, system="Be brief.")
        terminal = Terminal(
            PlainChat(settings, LineReader(read_end), out, status, interactive=interactive), out, status, write_end
        )
        opened.append((read_end, terminal))
        return terminal

    yield open_terminal
    for read_end, terminal in opened:
        os.close(read_end)
        if terminal.write_end >= 0:
            terminal.end()
    await server.close()
