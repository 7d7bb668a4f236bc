"""Responses without what aiohttp keeps for those that are read in another way."""

import asyncio

import aiohttp
import pytest

from gateway.protocol.errors import Code
from gateway.upstreams.connections import TrackedProtocol
from gateway.upstreams.light_response import MAX_SHORT, ShortQueue, lighten, read_available
from tests.gateway.upstreams.raw_server import REQUEST, RESPONSE_HEAD, chunked, raw_upstream, read_failure, respond


async def lightened(body: bytes) -> tuple[aiohttp.StreamReader, aiohttp.RequestInfo]:
    """Return the body of a response and the request as lightened."""

    async def serve(_body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(RESPONSE_HEAD + body)

    async with raw_upstream(serve) as (upstream, _), aiohttp.ClientSession() as session:
        response = await session.post(upstream.url(REQUEST), json={"messages": []})
        assert response.headers["Content-Type"] == "text/event-stream"
        lighten(response)
        await response.content.wait_eof()
        return response.content, response.request_info


def kind(reader: aiohttp.StreamReader | TrackedProtocol) -> str:
    return type(reader._buffer).__name__


async def test_headers_are_dropped() -> None:
    _, request = await lightened(chunked(b"a") + chunked(b""))
    assert not request.headers


@pytest.mark.parametrize("pieces", [1, 2, MAX_SHORT, MAX_SHORT + 1, 5000])
async def test_the_body_is_read_in_order(pieces: int) -> None:
    expected = [b"%d," % number for number in range(pieces)]
    body, _ = await lightened(b"".join(map(chunked, [*expected, b""])))
    assert read_available(body) == b"".join(expected)
    assert body.at_eof()


async def test_many_pieces_are_removed_from_a_deque() -> None:
    body, _ = await lightened(b"".join([chunked(b"x")] * (MAX_SHORT + 2)) + chunked(b""))
    assert kind(body) == "ShortQueue"
    assert read_available(body)
    assert kind(body) == "deque"


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
async def test_a_response_without_a_body_is_truncated(status: str) -> None:
    failed, events = await read_failure(respond(status, b"", "Content-Type: text/event-stream"))
    assert (failed.code, events) == (Code.TRUNCATED, [])


async def test_a_connection_has_a_short_queue_of_responses() -> None:
    protocol = TrackedProtocol(asyncio.get_running_loop())
    assert kind(protocol) == "ShortQueue"
    assert ShortQueue([1, 2]).popleft() == 1
