"""A gateway that is stopped by SIGSTOP while its provider goes on: what waits in the sockets is not late."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.gateway.upstreams.raw_server import DONE, RESPONSE_HEAD, chunked, delta, event
from tests.integration import processes
from tests.integration.processes import Server

STALL_SECONDS = 10.0
PAUSE_SECONDS = 13.0
STREAMS = 20
"""Few enough to be started well within `STALL_SECONDS`, on a busy machine too."""

FIRST = RESPONSE_HEAD + chunked(delta(content="Once "))
USAGE = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 8}})
REST = chunked(delta(content="upon a time.") + delta(finish_reason="stop") + USAGE + DONE) + b"0\r\n\r\n"


class PausedProvider:
    """A provider that sends `before` once all calls have come, and the rest once the gateway is stopped."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        self._complete, self._stopped = asyncio.Event(), asyncio.Event()
        self.calls = 0
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            yield

    async def stop(self, gateway: Server) -> None:
        """Stop the gateway for `PAUSE_SECONDS`, in which the provider sends the rest."""
        os.kill(gateway.pid, signal.SIGSTOP)
        try:
            self._stopped.set()
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            os.kill(gateway.pid, signal.SIGCONT)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        self.calls += 1
        if self.calls == STREAMS:
            self._complete.set()
        await self._complete.wait()
        writer.write(self._before)
        await self._stopped.wait()
        writer.write(self._after)
        await writer.drain()
        writer.close()


async def read_answer(http: aiohttp.ClientSession, address: str) -> str:
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    async with http.post(f"{address}/api/chat/stream", json=body) as response:
        return await response.text()


@pytest.mark.parametrize(
    ("before", "after"), [(FIRST, REST), (b"", FIRST + REST)], ids=["mid-stream", "before the response"]
)
async def test_answers_that_come_in_a_pause_are_complete(before: bytes, after: bytes) -> None:
    provider = PausedProvider(before, after)
    async with provider.listening(), aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        limits = {"stall_timeout": STALL_SECONDS, "first_token_timeout": STALL_SECONDS, "breaker_failures": 1}
        with processes.gateway("--upstream", provider.url, "--model", "m", max_attempts=1, **limits) as gateway:
            answers = [asyncio.create_task(read_answer(http, gateway.url)) for _ in range(STREAMS)]
            async with asyncio.timeout(60):
                while provider.calls < STREAMS:
                    await asyncio.sleep(0.01)
                await provider.stop(gateway)
                texts = [await answer for answer in answers]
    # The whole text of an answer that is not complete: this has failed where it could not be repeated.
    assert [text for text in texts if text.count("event: complete") != 1] == []
    assert all('"input_tokens":7' in text for text in texts)
    assert provider.calls == STREAMS


async def test_a_request_on_an_idle_connection_that_comes_in_a_pause_is_answered() -> None:
    with processes.gateway() as gateway:
        request = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        host, port = gateway.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        os.kill(gateway.pid, signal.SIGSTOP)
        try:
            writer.write(request)
            # Longer than a kept connection may be idle.
            await asyncio.sleep(6)
        finally:
            os.kill(gateway.pid, signal.SIGCONT)
        async with asyncio.timeout(30):
            assert b"HTTP/1.1 200" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
