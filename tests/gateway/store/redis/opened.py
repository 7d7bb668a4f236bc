"""A connection to Redis whose other end is the test."""

import asyncio
from typing import cast

from gateway.clock import Clock
from gateway.store.redis.connection import OpenedConnection, RedisConnection


class Written:
    """What redis-py has opened: keeps what is sent."""

    def __init__(self) -> None:
        self.transport = self
        self.sent = b""
        self.closed = 0

    def set_protocol(self, _protocol: asyncio.Protocol) -> None:
        """Ignore it: tests call it themselves."""

    def write(self, data: bytes) -> None:
        """Keep what is sent."""
        self.sent += data

    def close(self) -> None:
        """Count it."""
        self.closed += 1


class Opened:
    """A connection of redis-py."""

    def __init__(self) -> None:
        self._reader = object()
        self._writer = Written()


def open_connection(clock: Clock) -> tuple[RedisConnection, Written]:
    """Return a connection, and what it writes to."""
    opened = Opened()
    # Taken over by the connection.
    writer = opened._writer
    return RedisConnection(cast("OpenedConnection", opened), clock), writer
