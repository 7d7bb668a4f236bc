"""What follows from starts, sent in batches: each counts once."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from gateway.admission.rate_limits import NO_SIZES
from gateway.replicas.limits.settlements import MAX_BATCH, Settlements
from gateway.store.errors import StoreError
from gateway.store.starts import Settlement, SettlementBatch, StartStore
from tests.event_loop import settle
from tests.start_requests import ANONYMOUS


@dataclass
class Batches:
    """A store that keeps what it was sent; it fails after that while `fails`, and waits while it is not `open`."""

    sent: list[SettlementBatch] = field(default_factory=list)
    fails: bool = False
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def settle(self, batch: SettlementBatch) -> None:
        self.sent.append(batch)
        await self.open.wait()
        if self.fails:
            raise StoreError("timeout", "the reply is lost")

    @property
    def numbers(self) -> list[tuple[int, list[str]]]:
        """Return the numbers of the batches, with their generations."""
        return [(batch.number, [one.generation_id for one in batch.settlements]) for batch in self.sent]


@pytest.fixture
def store() -> Batches:
    batches = Batches()
    batches.open.set()
    return batches


@pytest.fixture
def settlements(store: Batches) -> Settlements:
    return Settlements(cast("StartStore", store), "r1")


def add(settlements: Settlements, *names: str) -> None:
    """Add settlements of generations."""
    for name in names:
        settlements.add(Settlement(ANONYMOUS.id, name, NO_SIZES), ANONYMOUS)


async def test_a_batch_whose_reply_is_lost_is_sent_again_unchanged(store: Batches, settlements: Settlements) -> None:
    add(settlements, "a", "b")
    store.fails = True
    with pytest.raises(StoreError):
        await settlements.send()
    add(settlements, "c")
    store.fails = False
    await settlements.send()
    await settlements.send()
    assert store.numbers == [(1, ["a", "b"]), (1, ["a", "b"]), (2, ["c"])]


async def test_one_batch_is_sent_at_a_time(store: Batches, settlements: Settlements) -> None:
    store.open.clear()
    add(settlements, "a")
    first = asyncio.create_task(settlements.send())
    await settle()
    add(settlements, "b")
    second = asyncio.create_task(settlements.send())
    await settle()
    assert store.numbers == [(1, ["a"])]
    store.open.set()
    await asyncio.gather(first, second)
    assert store.numbers == [(1, ["a"]), (2, ["b"])]


async def test_a_batch_whose_sender_is_cancelled_is_sent_again(store: Batches, settlements: Settlements) -> None:
    store.open.clear()
    add(settlements, "a")
    sending = asyncio.create_task(settlements.send())
    await settle()
    sending.cancel()
    await settle()
    store.open.set()
    await settlements.send()
    assert store.numbers == [(1, ["a"])] * 2


async def test_much_is_sent_in_several_batches(store: Batches, settlements: Settlements) -> None:
    add(settlements, *map(str, range(MAX_BATCH + 1)))
    await settlements.send()
    assert [(number, len(names)) for number, names in store.numbers] == [(1, MAX_BATCH), (2, 1)]


async def test_what_is_taken_is_not_sent(store: Batches, settlements: Settlements) -> None:
    add(settlements, "a")
    store.fails = True
    with pytest.raises(StoreError):
        await settlements.send()
    add(settlements, "b")
    assert [settlement.generation_id for settlement, _ in await settlements.take()] == ["a", "b"]
    await settlements.send()
    assert len(store.sent) == 1
