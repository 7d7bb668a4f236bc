"""The store in memory, under test."""

import pytest

from gateway.store.memory import MemoryStore
from tests.gateway.store.contract.shared import SharedStore, on_manual_clock
from tests.gateway.store.contract.subject import Subject
from tests.manual_clock import ManualClock


@pytest.fixture
def subject() -> Subject:
    clock = ManualClock()

    async def elapse(seconds: float) -> None:
        clock.advance(seconds)

    return Subject(MemoryStore(clock), elapse)


@pytest.fixture
def shared() -> SharedStore:
    clock = ManualClock()
    return on_manual_clock(MemoryStore(clock), clock)
