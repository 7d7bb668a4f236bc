"""The contract of messages."""

import asyncio

import pytest

from gateway.store.base import Store
from tests.gateway.store.contract.shared import SharedStore


async def receive(store: Store, replica: str, count: int) -> list[bytes]:
    """Return messages until there are so many."""
    received = list[bytes]()
    while len(received) < count:
        received += await asyncio.wait_for(store.messages.receive(replica), 10)
    return received


class MessageContract:
    """What every store of messages does."""

    async def test_messages_come_in_order_to_whom_they_are_for(self, shared: SharedStore) -> None:
        await shared.first.messages.send([("b", b"1"), ("c", b"x"), ("b", b"2")])
        await shared.first.messages.send([("b", b"3")])
        assert await receive(shared.second, "b", 3) == [b"1", b"2", b"3"]

    async def test_a_message_is_received_once(self, shared: SharedStore) -> None:
        await shared.first.messages.send([("b", b"1")])
        assert await receive(shared.second, "b", 1) == [b"1"]
        await shared.first.messages.send([("b", b"2")])
        assert await receive(shared.second, "b", 1) == [b"2"]

    async def test_who_waits_gets_what_comes(self, shared: SharedStore) -> None:
        waiting = asyncio.create_task(receive(shared.second, "b", 1))
        await shared.wait(1)
        assert not waiting.done()
        await shared.first.messages.send([("b", b"1")])
        assert await waiting == [b"1"]

    async def test_who_has_stopped_waiting_misses_nothing(self, shared: SharedStore) -> None:
        for number in range(5):
            waiting = asyncio.create_task(receive(shared.second, "b", 1))
            await shared.wait(0.3)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await shared.first.messages.send([("b", b"%d" % number)])
            assert await receive(shared.second, "b", 1) == [b"%d" % number]

    async def test_all_bytes_and_many_messages_are_kept(self, shared: SharedStore) -> None:
        messages = [b"%d\x00\r\n\xff" % number for number in range(3000)] + [b"", b"x" * 1_000_000]
        await shared.first.messages.send([("b", message) for message in messages])
        assert await receive(shared.second, "b", len(messages)) == messages

    async def test_nothing_is_sent(self, shared: SharedStore) -> None:
        await shared.first.messages.send([])

    async def test_a_forgotten_inbox_is_empty(self, shared: SharedStore) -> None:
        await shared.first.messages.send([("b", b"1")])
        await shared.first.messages.forget("b")
        await shared.first.messages.forget("unknown")
        await shared.first.messages.send([("b", b"2")])
        assert await receive(shared.second, "b", 1) == [b"2"]
