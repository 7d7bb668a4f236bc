"""Values that are kept while generations run."""

import pytest

from gateway.replicas.values.value_renewal import MIN_SECONDS, ValueRenewal, keep_seconds
from gateway.store.errors import StoreError
from gateway.store.memory import MemoryStore
from tests.gateway.store.faulty_store import FaultyStore
from tests.manual_clock import ManualClock


async def test_values_live_with_their_generation_and_through_its_retention() -> None:
    clock = ManualClock()
    store, running = FaultyStore(MemoryStore(clock)), {"g", "h"}
    renewal = ValueRenewal(store.values, clock, running.__contains__)
    await store.values.set({"a": b"1", "b": b"1"}, keep_seconds(300))
    renewal.add("g", ["a"], 300)
    renewal.add("h", ["b"], 300)
    renewal.add("ended", ["b"], 300)
    running.remove("h")
    for _ in range(100):
        clock.advance(10)
        await renewal.renew()
    assert [*await store.values.get(["a", "b"])] == [b"1", None]
    assert store.faults.calls.count("values.touch") < 10
    running.clear()
    await renewal.renew()
    clock.advance(300)
    assert [*await store.values.get(["a"])] == [b"1"]


async def test_what_could_not_be_renewed_is_due_again() -> None:
    clock = ManualClock()
    store = FaultyStore(MemoryStore(clock))
    renewal = ValueRenewal(store.values, clock, lambda _name: True)
    renewal.add("g", ["a"], 0)
    clock.advance(MIN_SECONDS)
    store.faults.fail("values")
    with pytest.raises(StoreError):
        await renewal.renew()
    store.faults.heal()
    await renewal.renew()
    assert store.faults.calls.count("values.touch") == 2
