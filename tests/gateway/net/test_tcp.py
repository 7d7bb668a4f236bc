"""Reset of a TCP connection, and what the peer has before it."""

import asyncio
import ssl
from pathlib import Path
from typing import cast

import pytest

from gateway.net.tcp import delivered, reset
from tests.certificates import Authority


async def test_the_peer_sees_a_reset_and_a_second_one_does_nothing() -> None:
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer)
        await asyncio.sleep(0)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        transport = cast("asyncio.Transport", (await accepted).transport)
        reset(transport)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        reset(transport)
        writer.close()


async def test_a_tls_connection_that_was_closed_twice_can_be_reset(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=authority.server("localhost")
    )
    async with server:
        client = ssl.create_default_context(cafile=str(authority.ca_file))
        address = server.sockets[0].getsockname()
        _, writer = await asyncio.open_connection(*address, ssl=client, server_hostname="localhost")
        writer.close()
        writer.close()
        reset(writer.transport)


async def test_all_that_was_written_is_delivered_before_a_reset() -> None:
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1 << 20)
        transport = cast("asyncio.Transport", (await accepted).transport)
        transport.write(b"x" * 500_000)
        await delivered(transport)
        assert transport.get_write_buffer_size() == 0
        reset(transport)
        assert len(await reader.readexactly(500_000)) == 500_000
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
