"""A server that sends raw bytes, and an `HttpUpstream` (in OpenAI's chat format) that calls it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from pydantic import SecretStr

from gateway.net.proxy import Proxy
from gateway.protocol.errors import Failed
from gateway.upstreams.base import DEFAULT_EVENT_BYTES, UpstreamEvent, UpstreamRequest, UpstreamResponse
from gateway.upstreams.connections import ConnectionLimits
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.gateway.upstreams.replay import split_batches
from tests.start_requests import user_message

RESPONSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
REQUEST = UpstreamRequest("model-1", [user_message("Hello")], {"temperature": 0.5})
KEY = SecretStr("sk-very-secret-key")
Serve = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(value: object) -> bytes:
    return b"data: %b\n\n" % (value if isinstance(value, bytes) else orjson.dumps(value))


def delta(finish_reason: str | None = None, **fields: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]})


COMPLETE = delta(role="assistant", content="") + delta(content="Xin chào") + delta(finish_reason="stop")
DONE = event(b"[DONE]")


@asynccontextmanager
async def raw_upstream(
    serve: Serve,
    disconnects: asyncio.Queue[int] | None = None,
    max_event_bytes: int = DEFAULT_EVENT_BYTES,
    *,
    limits: ConnectionLimits | None = None,
    tls: ssl.SSLContext | None = None,
    base_url: str = "http://127.0.0.1:{port}/v1/",
    proxy: Proxy | None = None,
) -> AsyncIterator[tuple[HttpUpstream, list[bytes]]]:
    """Run a server that passes each request to `serve`; yield an upstream that calls it, and the list of requests.

    When a client disconnects, the number of requests so far is put into `disconnects`. Without `limits`, a loss of a
    kept connection is "at once" however slow the machine is (`STALE_SECONDS`).
    """
    requests: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                requests.append(head + await reader.readexactly(length))
                await serve(requests[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            if disconnects is not None:
                disconnects.put_nowait(len(requests))
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    url = base_url.format(port=server.sockets[0].getsockname()[1])
    limits = limits or ConnectionLimits(connect_timeout=5, stale=60)
    upstream = HttpUpstream("test", url, OpenAIChatFormat(), KEY, limits, max_event_bytes, proxy=proxy)
    try:
        yield upstream, requests
    finally:
        await upstream.close()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def respond_stream(*chunks: bytes, end: bool = True) -> Serve:
    """Respond with a stream of these chunks; without `end`, close the connection after them."""

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(RESPONSE_HEAD + b"".join(map(chunked, chunks)) + (b"0\r\n\r\n" if end else b""))
        if not end:
            await writer.drain()
            writer.close()

    return serve


def respond(status: str, body: bytes = b"", *headers: str) -> Serve:
    """Respond with a status, headers and a body."""

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return serve


@asynccontextmanager
async def opened(upstream: HttpUpstream, request: UpstreamRequest) -> AsyncIterator[UpstreamResponse]:
    response = await upstream.open(request)
    try:
        yield response
    finally:
        await response.close()


async def read_events(
    upstream: HttpUpstream, into: list[UpstreamEvent] | None = None, request: UpstreamRequest = REQUEST
) -> list[UpstreamEvent]:
    """Send a request and return the events of its response, appended to `into` as they arrive."""
    events: list[UpstreamEvent] = [] if into is None else into
    async with opened(upstream, request) as response:
        await response.stream(lambda batch: events.extend(split_batches(batch)))
    return events


async def read_failure(serve: Serve, max_event_bytes: int = DEFAULT_EVENT_BYTES) -> tuple[Failed, list[UpstreamEvent]]:
    """Send `REQUEST` to a server; return the failure, and the events before it."""
    events: list[UpstreamEvent] = []
    async with raw_upstream(serve, max_event_bytes=max_event_bytes) as (upstream, _):
        with pytest.raises(Failed) as failed:
            await read_events(upstream, events)
    return failed.value, events
