"""Requests in one write: what is sent is what aiohttp's own request sends, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from gateway.net.one_write_request import MAX_BODY_BYTES, OneWriteRequest

HEADERS = {"Content-Type": "application/json", "Accept": "text/event-stream", "X-Name": "thế giới"}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Keeps the requests that it gets."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.url = ""
        self.connections: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after another."""
        connection = asyncio.current_task()
        assert connection is not None
        self.connections.add(connection)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                _, _, size = head.lower().partition(b"content-length: ")
                body = await reader.readexactly(int(size.split(b"\r\n")[0]) if size else 0)
                self.requests.append(head + body)
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    kept = Server()
    server = await asyncio.start_server(kept.serve, "127.0.0.1", 0)
    async with server:
        kept.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat?b=1#c"
        yield kept
        # Clients have closed their connections.
        await asyncio.gather(*kept.connections)


@asynccontextmanager
async def session(request_class: type[aiohttp.ClientRequest]) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(request_class=request_class) as opened:
        yield opened


@pytest.mark.parametrize("body", [None, b"", b"{}", b"x" * MAX_BODY_BYTES, b"x" * (MAX_BODY_BYTES + 1), "file"])
async def test_the_bytes_are_those_of_aiohttp(body: bytes | str | None) -> None:
    async with serving() as server:
        for request_class in (aiohttp.ClientRequest, OneWriteRequest):
            async with session(request_class) as client:
                for _ in range(2):
                    data = BytesIO(b"{}") if isinstance(body, str) else body
                    method = "GET" if body is None else "POST"
                    async with client.request(method, server.url, data=data, headers=HEADERS) as response:
                        assert await response.read() == b"ok"
        assert len(server.requests) == 4
        assert len(set(server.requests)) == 1


async def test_a_short_request_needs_no_task() -> None:
    created: list[str] = []

    def create_task(loop: asyncio.AbstractEventLoop, coroutine: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - of any type
        created.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop)

    async with serving() as server, session(OneWriteRequest) as client:
        for _ in range(2):
            async with client.post(server.url, data=b"{}") as response:
                assert await response.read() == b"ok"
            # The second one uses the connection again.
            asyncio.get_running_loop().set_task_factory(create_task)
        asyncio.get_running_loop().set_task_factory(None)
    assert created == []


async def test_a_header_with_a_line_break_is_refused() -> None:
    async with serving() as server, session(OneWriteRequest) as client:
        with pytest.raises(ValueError, match="header"):
            await client.post(server.url, data=b"{}", headers={"X-Name": "a\r\nX-Other: b"})
        assert server.requests == []
