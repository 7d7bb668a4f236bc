"""Events of a provider that are as large as an image, for viewers that are fast and slow, in bounded memory."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
from aiohttp import web

from tests.integration import processes
from tests.integration.processes import Server

SIZE = 40 << 20
VIEWERS = 20
COPIES = 9
"""Copies of the event that the gateway may hold at once, whatever the number of viewers: as it came, and encoded, once
to keep and once to send, for each of two APIs; two while it is read; and what the allocator keeps of them."""

CHUNK = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def event(delta: object, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: %b\n\n" % orjson.dumps({**CHUNK, "choices": [choice]})


@asynccontextmanager
async def provider(draw: asyncio.Event) -> AsyncIterator[str]:
    """Serve an answer with an image, which comes once `draw` is set."""

    async def respond(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(event({"role": "assistant", "content": "Here: "}))
        await draw.wait()
        url = "data:image/png;base64," + "A" * SIZE
        await response.write(event({"images": [{"type": "image_url", "image_url": {"url": url}}]}))
        await response.write(event({}, "stop") + b"data: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def read(response: aiohttp.ClientResponse, delay: float) -> tuple[int, bytes]:
    """Return the size of a body and its end."""
    await asyncio.sleep(delay)
    size, end = 0, b""
    async for piece in response.content.iter_any():
        size, end = size + len(piece), (end + piece)[-4096:]
    return size, end


def peak_memory(server: Server) -> int:
    """Return the largest memory that a process has had, in bytes."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


async def test_an_image_reaches_its_own_api_and_all_viewers() -> None:
    draw = asyncio.Event()
    async with provider(draw) as url, aiohttp.ClientSession() as http:
        with processes.gateway("--upstream", url) as gateway:
            before = peak_memory(gateway)
            body = {"model": "m", "messages": [{"role": "user", "content": "Draw."}], "stream": True}
            client = await http.post(f"{gateway.url}/v1/chat/completions", json=body)
            address = f"{gateway.url}/api/generations/{client.headers['X-Generation-ID']}/events"
            viewers = [await http.get(address) for _ in range(VIEWERS)]
            draw.set()
            # Every other viewer is slow.
            results = await asyncio.gather(
                read(client, 0), *(read(viewer, at % 2 * 2.0) for at, viewer in enumerate(viewers))
            )
            assert peak_memory(gateway) - before < COPIES * SIZE
    assert all(size > SIZE for size, _ in results)
    assert results[0][1].endswith(b"data: [DONE]\n\n")
    assert all(b"event: complete\n" in end for _, end in results[1:])
