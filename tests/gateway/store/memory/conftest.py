"""The store in memory, under test."""

import pytest

from gateway.store.memory import MemoryStore
from tests.gateway.store.contract.subject import Subject
from tests.manual_clock import ManualClock


@pytest.fixture
def subject() -> Subject:
    clock = ManualClock()

    async def elapse(seconds: float) -> None:
        clock.advance(seconds)

    return Subject(MemoryStore(clock), elapse)
