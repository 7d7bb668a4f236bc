"""The slots and their queue of the store in memory."""

from tests.gateway.store.contract.slots import SlotContract


class TestSlots(SlotContract):
    """They do what the port says."""
