"""The store in memory, under test."""

import pytest

from gateway.store.memory import MemoryStore
from tests.gateway.store.contract.shared import SharedStore, on_manual_clock
from tests.manual_clock import ManualClock


@pytest.fixture
def shared() -> SharedStore:
    clock = ManualClock()
    return on_manual_clock(MemoryStore(clock), clock)
