"""The time at which a call gives up."""

import asyncio

import pytest

from gateway.client.deadline import Deadline
from gateway.protocol.errors import Code, Failed


async def test_without_a_time_it_never_ends() -> None:
    async with Deadline(None):
        await asyncio.sleep(0)


async def test_it_can_be_entered_again_until_its_time_is_over() -> None:
    deadline = Deadline(0.02)
    async with deadline:
        await asyncio.sleep(0)
    for _ in range(2):
        with pytest.raises(Failed, match=r"within 0.02 s") as raised:
            async with deadline:
                await asyncio.Event().wait()
        assert raised.value.code is Code.TIMEOUT


async def test_other_errors_and_cancellation_pass_through() -> None:
    with pytest.raises(KeyError):
        async with Deadline(60):
            raise KeyError

    async def wait() -> None:
        async with Deadline(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
