"""Work for a client that may leave."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from gateway.api.disconnect import unless_disconnected


class Client:
    """A client that leaves when the test says so."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    @property
    def request(self) -> Request:
        return Request({"type": "http", "method": "POST", "headers": []}, self.receive)


async def test_the_result_is_returned() -> None:
    async def work() -> int:
        return 5

    assert await unless_disconnected(Client().request, work()) == 5


async def test_a_failure_is_raised() -> None:
    async def work() -> int:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it is the one above
        await unless_disconnected(Client().request, work())


@pytest.mark.parametrize("by_client", [True, False])
async def test_the_work_has_ended_when_it_returns(by_client: bool) -> None:
    client, ended = Client(), False

    async def work() -> int:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True
        return 5

    task = asyncio.ensure_future(unless_disconnected(client.request, work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.left.set() if by_client else task.cancel()
    await asyncio.wait([task])
    assert ended
    assert task.cancelled() if not by_client else task.result() is None
