"""Sockets that count their bytes."""

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web

from gateway.cli.bench.transports.counting import ByteCount


async def answer(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@pytest.mark.parametrize("size", [1, 1_000_000])
async def test_all_bytes_of_a_connection_are_counted(size: int) -> None:
    """The server counts what the application sends; the rest are heads, and what a chunked body adds."""
    application = web.Application(client_max_size=10**7)
    application.router.add_post("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    count = ByteCount()
    try:
        port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(socket_factory=count.open)
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            http.post(f"http://127.0.0.1:{port}/", data=b"x" * size) as response,
        ):
            assert len(await response.read()) == size
    finally:
        await runner.cleanup()
    traffic = count.traffic()
    assert size + 50 < traffic.sent < size + 1000
    assert size + 50 < traffic.received < size + 1000


async def test_each_way_of_reading_and_writing_is_counted() -> None:
    count = ByteCount()
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = count.open((socket.AF_INET, socket.SOCK_STREAM, 0, "", listening.getsockname()))
        ours.setblocking(False)
        await loop.sock_connect(ours, listening.getsockname())
        theirs, _ = listening.accept()
    with ours, theirs:
        assert ours.send(b"abc") == 3
        assert ours.sendmsg([b"de", b"f"]) == 3
        theirs.sendall(b"1234")
        received = bytearray(2)
        assert await loop.sock_recv_into(ours, received) == 2
        assert await loop.sock_recv(ours, 10) == b"34"
    assert (count.sent, count.received) == (6, 4)
