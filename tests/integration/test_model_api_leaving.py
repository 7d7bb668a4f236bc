"""A client of a model API that leaves stops the provider at once: a provider on a socket counts what it sends."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
import uvicorn

from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.pipeline.hub import Hub
from gateway.server.http_protocol import HttpProtocol
from tests.gateway.dialects.api_clients import CLIENTS, ApiClient
from tests.served.gateway import _shut_down

TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SECONDS_PER_TOKEN = 0.002
SECONDS = 20
"""Less than the provider goes on by itself; far more than a busy machine needs."""


@dataclass
class Provider:
    """An OpenAI-format provider that sends a token every 2 ms for as long as its connection lasts."""

    sent_at: list[float] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.partition(b":")[2]))
        writer.write(HEAD)
        closed = asyncio.ensure_future(reader.read())
        try:
            while not closed.done() and len(self.sent_at) < 50_000:
                writer.write(b"%x\r\n%b\r\n" % (len(TOKEN), TOKEN))
                self.sent_at.append(time.monotonic())
                await asyncio.wait([closed], timeout=SECONDS_PER_TOKEN)
        finally:
            closed.cancel()
            writer.close()
            self.lost.set()


@asynccontextmanager
async def gateway(provider: Provider) -> AsyncIterator[tuple[str, Hub]]:
    """Run a gateway with the system's clock before a provider."""
    upstream = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    app = create_app(Settings(upstream=f"http://127.0.0.1:{port}/v1", model=("m",)))
    config = uvicorn.Config(app, port=0, http=HttpProtocol, log_level="error")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    async with upstream:
        yield f"http://{host}:{port}", app.state.hub
        await app.state.hub.close()
        await _shut_down(server)


@pytest.mark.parametrize("client", CLIENTS.values(), ids=list(CLIENTS))
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_no_token_is_sent_once_the_client_has_left(client: ApiClient, stream: bool) -> None:
    provider = Provider()
    async with asyncio.timeout(SECONDS), gateway(provider) as (url, hub), aiohttp.ClientSession(url) as http:
        task = asyncio.ensure_future(client.post(http, stream=stream).__aenter__())
        while len(provider.sent_at) < 20:
            await asyncio.sleep(SECONDS_PER_TOKEN)
        left_at = time.monotonic()
        if stream:
            (await task).close()
        else:
            task.cancel()
        await provider.lost.wait()
        late = sum(at > left_at for at in provider.sent_at)
        took = time.monotonic() - left_at
        # Its close passes two sockets, and the reset that follows another: what the provider writes meanwhile is
        # discarded by its own system.
        assert late * SECONDS_PER_TOKEN <= took + SECONDS_PER_TOKEN
        assert took < SECONDS / 2, f"the provider was stopped after {took:.3f} s, and sent {late} tokens"
        # The gateway goes on once its own side of the connection is closed, which it may notice later.
        while hub.slots.running or hub.running:
            await asyncio.sleep(0)


async def test_a_client_may_ask_that_the_provider_goes_on() -> None:
    provider, client = Provider(), CLIENTS["openai_chat"]
    async with asyncio.timeout(SECONDS), gateway(provider) as (url, hub), aiohttp.ClientSession(url) as http:
        async with client.post(http, stream=True, headers={"X-On-Disconnect": "continue"}) as response:
            await response.content.readline()
        sent = len(provider.sent_at)
        while len(provider.sent_at) < sent + 20:
            await asyncio.sleep(SECONDS_PER_TOKEN)
        assert hub.running == 1
        assert not provider.lost.is_set()
