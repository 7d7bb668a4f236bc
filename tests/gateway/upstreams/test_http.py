"""`HttpUpstream` on real sockets: requests, kept connections, cancelled calls."""

import asyncio

import orjson
import pytest

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.gateway.upstreams.raw_server import (
    COMPLETE,
    DONE,
    REQUEST,
    RESPONSE_HEAD,
    chunked,
    delta,
    opened,
    raw_upstream,
    read_events,
    read_failure,
    respond_stream,
)
from tests.start_requests import user_message


async def test_the_request_sent() -> None:
    async with raw_upstream(respond_stream(COMPLETE, DONE)) as (upstream, requests):
        await read_events(upstream)
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1")
    assert b"Authorization: Bearer sk-very-secret-key" in head
    assert b"Accept-Encoding: identity" in head
    assert orjson.loads(body) == {
        "model": "model-1",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_a_refused_connection() -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    upstream = HttpUpstream("test", f"http://127.0.0.1:{port}/v1", OpenAIChatFormat())
    with pytest.raises(Failed, match="can't be reached") as failed:
        await read_events(upstream)
    await upstream.close()
    assert (failed.value.code, failed.value.retryable) == (Code.NETWORK_ERROR, True)
    assert str(port) not in failed.value.message


async def test_a_connection_closed_without_a_response() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    failed, _ = await read_failure(serve)
    assert failed.code is Code.NETWORK_ERROR


async def test_a_response_that_is_not_http() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    failed, _ = await read_failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL


async def test_a_connection_is_reused() -> None:
    connections = set()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        await respond_stream(COMPLETE, DONE)(request, writer)

    async with raw_upstream(serve) as (upstream, requests):
        for _ in range(5):
            await read_events(upstream)
    assert (len(requests), len(connections)) == (5, 1)


async def test_a_kept_connection_that_the_server_closed_is_replaced() -> None:
    """llama.cpp announces keep-alive and closes the connection: the next request must not fail."""
    closing = asyncio.Event()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        if requests_on.setdefault(writer, 0):
            # As if the server had closed the connection while the request was on its way.
            writer.transport.abort()
            closing.set()
            return
        requests_on[writer] += 1
        await respond_stream(COMPLETE, DONE)(request, writer)

    requests_on: dict[asyncio.StreamWriter, int] = {}
    async with raw_upstream(serve) as (upstream, requests):
        for _ in range(3):
            assert Chunk("Xin chào") in await read_events(upstream)
    assert closing.is_set()
    assert len(requests) == 4


async def test_cancelling_closes_the_socket_at_once_in_mid_stream_and_before_headers() -> None:
    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        if b"early" not in request:
            writer.write(RESPONSE_HEAD + chunked(delta(content="Once ")))

    disconnects = asyncio.Queue[int]()
    async with raw_upstream(serve, disconnects) as (upstream, requests):
        async with opened(upstream, REQUEST) as response:
            arrived = asyncio.Event()
            reading = asyncio.create_task(response.stream(lambda _: arrived.set()))
            await asyncio.wait_for(arrived.wait(), 5)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        assert await asyncio.wait_for(disconnects.get(), 5) == 1
        early = asyncio.create_task(open_and_close(upstream, UpstreamRequest("early", [user_message("early")], {})))
        while len(requests) < 2:
            await asyncio.sleep(0)
        early.cancel()
        assert await asyncio.wait_for(disconnects.get(), 5) == 2


async def open_and_close(upstream: HttpUpstream, request: UpstreamRequest) -> None:
    async with opened(upstream, request):
        pass


async def test_a_request_cancelled_while_it_is_sent_does_not_deliver_the_rest() -> None:
    result = asyncio.get_running_loop().create_future()
    accepted, let_read = asyncio.Event(), asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        accepted.set()
        await let_read.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        count = 0
        try:
            while piece := await reader.read(1 << 16):
                count += len(piece)
            result.set_result((count, "end"))
        except ConnectionResetError:
            result.set_result((count, "reset"))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    upstream = HttpUpstream("test", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", OpenAIChatFormat())
    prompt = 20_000_000
    opening = asyncio.create_task(open_and_close(upstream, UpstreamRequest("m", [user_message("x" * prompt)], {})))
    await accepted.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    let_read.set()
    count, end = await asyncio.wait_for(result, 10)
    assert end == "reset"
    assert count < prompt
    await upstream.close()
    server.close()
