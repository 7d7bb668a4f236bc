"""The listener of a connection, and its parser."""

import asyncio
import ssl
from pathlib import Path
from typing import cast

import orjson
import pytest
from aiohttp.connector import Connection
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.net.http_response import PostResponse
from gateway.protocol.errors import Failed
from gateway.protocol.events import Chunk
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.connections import TrackedProtocol, TrackingConnector, UpstreamConnection
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.text_template import ChunkLayout
from tests.certificates import Authority
from tests.event_loop import settle
from tests.gateway.pipeline.token_paths import SocketUpstream
from tests.gateway.upstreams.raw_server import REQUEST, RESPONSE_HEAD, opened, raw_upstream


async def test_a_reused_connection_keeps_the_listener_of_the_newer_request() -> None:
    first, second = UpstreamConnection(), UpstreamConnection()
    protocol = TrackedProtocol(asyncio.get_running_loop())
    called: list[str] = []

    def by_first(_read: bytes) -> None:
        called.append("first")

    def by_second(_read: bytes) -> None:
        called.append("second")

    for connection, listener in ((first, by_first), (second, by_second)):
        connection.attach(protocol)
        connection.set_listener(listener)
    first.remove_listener(by_first)
    protocol.connection_lost(None)
    assert called == ["second"]


class TakingPath:
    """A fast path that takes the events that end as it was taught."""

    layout: ChunkLayout | None = None

    def learn(self, layout: ChunkLayout | None) -> None:
        self.layout = layout

    def read(self, data: bytes) -> bool:
        return self.layout is not None and data.endswith(self.layout.tail)


class PooledConnection:
    """What a response returns to the pool."""

    released = False

    def release(self) -> None:
        self.released = True

    def close(self) -> None:
        pass


def text_event(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":%b}}]}\n\n' % orjson.dumps(text)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("ends", [True, False])
async def test_a_parser_that_was_dropped_is_replaced_to_read_the_end(ends: bool) -> None:
    upstream = SocketUpstream(OpenAIChatFormat(), fast=True, verbatim=False)
    response, pooled = await upstream.open(UpstreamRequest("m", (), {})), PooledConnection()
    [connection] = upstream.calls
    protocol = connection.protocol
    connection.response = PostResponse(200, {}, response._body, cast("Connection", pooled))
    events = list[UpstreamEvent]()
    stream = asyncio.ensure_future(response.stream(events.extend))
    await settle()
    response.use_fast_path(TakingPath())
    for text in ("a", "b", "c", "d"):
        protocol.data_received(chunk(text_event(text)))
    assert protocol.drop_parser()
    assert (protocol._parser, connection.response.content) == (None, EMPTY_PAYLOAD)
    assert (connection.taken > 0, protocol.should_close, pooled.released) == (True, True, False)
    if ends:
        finish = b'data: {"choices":[{"index":0,"delta":{"content":"e"},"finish_reason":"stop"}]}\n\n'
        protocol.data_received(chunk(finish) + b"0\r\n\r\n")
        await stream
        assert ([event for event in events if type(event) is Chunk][-1], type(events[-1])) == (Chunk("e"), Finished)
        assert (protocol.should_close, pooled.released) == (False, True)
    else:
        protocol.connection_lost(None)
        with pytest.raises(Failed):
            await stream
        assert not pooled.released
    await response.close()
    assert protocol.on_body is None


@pytest.mark.parametrize("head", [b"", RESPONSE_HEAD])
async def test_a_tls_provider_that_sends_no_http_is_not_waited_for(tmp_path: Path, head: bytes) -> None:
    authority, served, has_head = Authority(tmp_path), list[asyncio.WriteTransport](), asyncio.Event()

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        if head:
            writer.write(head)
            await has_head.wait()
        writer.write(b"220 mail.example ESMTP\r\n")
        served.append(writer.transport)
        # It reads nothing more, so that it does not end TLS when it is asked to.
        cast("asyncio.ReadTransport", writer.transport).pause_reading()

    url = "https://localhost:{port}/v1"
    async with raw_upstream(serve, tls=authority.server("localhost"), base_url=url) as (upstream, _):
        connector = upstream._create_client(keep=True)._session.connector
        assert isinstance(connector, TrackingConnector)
        connector._ssl = ssl.create_default_context(cafile=authority.ca_file)
        async with asyncio.timeout(10):
            with pytest.raises(Failed) as failed:
                async with opened(upstream, REQUEST) as response:
                    has_head.set()
                    await response.stream(lambda _events: None)
        served.pop().abort()
        await settle()
    assert "not HTTP" in failed.value.message
