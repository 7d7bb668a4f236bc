"""Responses that hold a connection until their body ends."""

import asyncio
from typing import cast

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.connector import Connection
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.net.http_response import PostResponse


class Uses(list[str]):
    """A connection that records what is done with it."""

    def release(self) -> None:
        """Record it."""
        self.append("released")

    def close(self) -> None:
        """Record it."""
        self.append("closed")


async def body() -> aiohttp.StreamReader:
    loop = asyncio.get_running_loop()
    return aiohttp.StreamReader(BaseProtocol(loop), 1 << 16, loop=loop)


def response(uses: Uses, content: aiohttp.StreamReader, status: int = 200) -> PostResponse:
    return PostResponse(status, {}, content, cast("Connection", uses))


async def test_the_end_of_the_body_releases_the_connection() -> None:
    uses, content = Uses(), await body()
    ended = response(uses, content)
    assert ended.connection is not None
    content.feed_eof()
    ended.close()
    assert uses == ["released"]
    assert content.exception() is None


async def test_a_response_without_a_body_holds_no_connection() -> None:
    uses = Uses()
    assert response(uses, EMPTY_PAYLOAD).connection is None
    assert uses == ["released"]


async def test_a_response_that_is_closed_closes_its_connection_once() -> None:
    uses, content = Uses(), await body()
    closed = response(uses, content)
    closed.close()
    closed.close()
    assert uses == ["closed"]
    with pytest.raises(aiohttp.ClientConnectionError, match="Connection closed"):
        await content.read()
    # Who reads nothing any more keeps nothing alive: the body has forgotten the response.
    content.feed_eof()
    assert uses == ["closed"]


async def test_the_connection_of_an_upgrade_is_not_used_again() -> None:
    uses = Uses()
    upgraded = response(uses, EMPTY_PAYLOAD, 101)
    assert (uses, upgraded.connection) == ([], cast("Connection", uses))
    upgraded.close()
    assert uses == ["closed"]
