"""A store in this process: the reference for others, shared by gateways that tests run side by side."""

from gateway.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
