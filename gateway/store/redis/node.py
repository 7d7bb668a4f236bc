"""One Redis server: its connections."""

from collections.abc import Sequence

from redis.exceptions import RedisError

from gateway.clock import Clock, time_limit
from gateway.store.errors import StoreError
from gateway.store.redis.connection import RedisConnection, Replies
from gateway.store.redis.connector import Open
from gateway.store.redis.errors import translate
from gateway.store.redis.replies import Argument
from gateway.store.redis.shared_connection import SharedConnection


class Node(SharedConnection):
    """A server: the connection for short commands, and beside it one for what is large.

    Replies come in the order of the commands: behind a long log, an append would be late.
    """

    def __init__(self, name: str, open_connection: Open, clock: Clock, *, timeout: float) -> None:
        super().__init__(name, open_connection, clock, timeout=timeout)
        self.bulk = SharedConnection(name, open_connection, clock, timeout=timeout, is_bulk=True)

    async def open_apart(self) -> "BlockingConnection":
        """Return a connection beside the shared ones, for commands that wait.

        Raises:
            StoreError: it can't be opened.
        """
        return await self._attempt(self._open_blocking)

    def forget_scripts(self) -> None:
        """Load scripts again: the server has lost them."""
        super().forget_scripts()
        self.bulk.forget_scripts()

    def close(self) -> None:
        """Close the connections, also before the one for short commands is opened again: it may lead elsewhere then."""
        super().close()
        self.bulk.close()

    async def _open_blocking(self, *, is_probe: bool) -> "BlockingConnection":
        async with time_limit(self._timeout, self._clock):
            return BlockingConnection(await self._open(), self.name, self._clock, self._timeout)


class BlockingConnection:
    """A connection for one caller, whose commands may wait. It is closed by the first failure."""

    def __init__(self, connection: RedisConnection, name: str, clock: Clock, timeout: float) -> None:
        self._connection = connection
        self._name = name
        self._clock = clock
        self._timeout = timeout

    async def execute(self, *commands: Sequence[Argument], seconds: float = 0.0) -> Replies:
        """Send commands that wait up to `seconds`; return a reply or an error of Redis for each.

        Raises:
            StoreError: no reply in time, or no connection any more.
        """
        limit = seconds + self._timeout
        try:
            async with time_limit(limit, self._clock):
                return await self._connection.exchange(commands)
        except RedisError as error:
            raise translate(error, self._name) from error
        except TimeoutError as error:
            raise StoreError("timeout", f"Redis at {self._name} did not answer within {limit:g} s") from error

    def close(self) -> None:
        """Close it."""
        self._connection.close()
