"""Tokens and headers of the client's requests."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from aiohttp.test_utils import TestServer

from gateway.client import AsyncClient, Retries, Token, TransportName
from gateway.protocol.errors import Refused
from tests.gateway.client.fake_gateway import CLOSE, STREAMS, TRANSPORTS, FakeGateway, listen, log_of, read_all


def _counting() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"token-{next(numbers)}"


def _counting_async() -> Callable[[], Awaitable[str]]:
    new = _counting()

    async def token() -> str:
        await asyncio.sleep(0)
        return new()

    return token


@pytest.mark.parametrize("transport", STREAMS)
@pytest.mark.parametrize("token", [_counting(), _counting_async()], ids=["function", "coroutine function"])
async def test_a_function_returns_the_token_of_each_connection(
    servers: list[TestServer], transport: TransportName, token: Token
) -> None:
    harness = await listen(servers, FakeGateway(log_of("a", "b"), [[1, 2, 3, CLOSE], []]))
    async with harness.client(transport, token=token) as client:
        answer = await client.start("hi")
        await read_all(answer)
        await answer.feedback(rating=1, mode="note")
    sent = [headers["Authorization"] for headers in harness.gateway.headers]
    first = int(sent[0].removeprefix("Bearer token-"))
    assert sent == [f"Bearer token-{first + index}" for index in range(3)]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_further_headers_are_sent_with_each_request(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    async with harness.client(transport, token="t", headers={"X-Tenant": "blue"}) as client:
        await read_all(await client.start("hi"))
    (headers,) = harness.gateway.headers
    assert (headers["Authorization"], headers["X-Tenant"]) == ("Bearer t", "blue")


async def test_an_error_of_the_token_function_is_raised_unchanged(servers: list[TestServer]) -> None:
    def fail() -> str:
        message = "the vault is closed"
        raise OSError(message)

    harness = await listen(servers, FakeGateway(log_of("a")))
    async with harness.client("sse", token=fail) as client:
        with pytest.raises(OSError, match="the vault is closed"):
            await client.start("hi")


@pytest.mark.parametrize("token", ["", "two words", "line\n", "schlüssel"])
async def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(Refused, match="visible ASCII") as raised:
        AsyncClient("http://127.0.0.1:1", token=token)
    assert not token or token not in "".join(traceback.format_exception(raised.value)).replace("token=token", "")
    async with AsyncClient("http://127.0.0.1:1", token=lambda: token, retries=Retries(start_failures=1)) as client:
        with pytest.raises(Refused, match="visible ASCII"):
            await client.start("hi")
