"""One Redis server: a bounded number of connections, pipelines, and what happens when it does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar, TypeVarTuple

from hiredis import pack_command
from redis.exceptions import ConnectionError, RedisError, ResponseError  # noqa: A004 - of the library

from gateway.clock import Clock, time_limit
from gateway.store.errors import StoreError
from gateway.store.redis.availability import Availability
from gateway.store.redis.calls import Call, Command, ScriptCall
from gateway.store.redis.connector import Open, RedisConnection
from gateway.store.redis.errors import translate
from gateway.store.redis.replies import Argument, Reply

MAX_PIPELINE: Final = 256
"""Maximum number of calls that are sent before their replies are read: each such batch has the whole time limit."""

NodeReply: TypeAlias = "Reply | ResponseError"
"""A reply, or the error that one call got."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Node:
    """A server. `name` is how it is called in messages; `timeout` bounds each exchange, in seconds.

    After a failure, all its idle connections are closed: a server that was restarted has closed them anyway.
    """

    def __init__(self, name: str, open_connection: Open, clock: Clock, *, timeout: float, max_connections: int) -> None:
        self.name = name
        self._open = open_connection
        self._clock = clock
        self._timeout = timeout
        self._availability = Availability()
        self._idle: list[RedisConnection] = []
        self._slots = asyncio.Semaphore(max_connections)
        self._loaded: set[str] = set()
        """Scripts that the server has, by their names, since it was reached first."""

    async def execute(self, calls: Sequence[Call]) -> list[NodeReply]:
        """Send calls in one pipeline; return a reply or an error of Redis for each, in order.

        Scripts that the server does not have yet are loaded in the same pipeline, before the calls.

        Raises:
            StoreError: no connection, or no reply in time. What of it was done is not known.
        """
        replies: list[NodeReply] = []
        for start in range(0, len(calls), MAX_PIPELINE):
            replies += await self._attempt(self._exchange, calls[start : start + MAX_PIPELINE])
        return replies

    async def execute_raw(self, *commands: Sequence[Argument]) -> list[NodeReply]:
        """Send commands as they are; see `execute`."""
        return await self.execute([Command("", words) for words in commands])

    def forget_scripts(self) -> None:
        """Load scripts again: the server has lost them."""
        self._loaded.clear()

    async def open_apart(self) -> "BlockingConnection":
        """Return a connection beside the others, for commands that wait.

        Raises:
            StoreError: it can't be opened.
        """
        return await self._attempt(self._open_blocking)

    async def _open_blocking(self, _attempt: "_Attempt") -> "BlockingConnection":
        return BlockingConnection(await self._open(), self.name, self._clock, self._timeout)

    async def close(self) -> None:
        """Close all idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.disconnect(nowait=True)

    async def _exchange(self, attempt: "_Attempt", calls: Sequence[Call]) -> list[NodeReply]:
        attempt.is_waiting = True
        async with self._slots:
            attempt.is_waiting = False
            connection = await self._take_idle() or await self._open()
            used = {call.script.sha: call.script for call in calls if isinstance(call, ScriptCall)}
            missing = [script for sha, script in used.items() if sha not in self._loaded]
            commands = [call.words for call in calls]
            if not missing:
                return await self._send(connection, commands)
            loads: list[Sequence[Argument]] = [("SCRIPT", "LOAD", script.text) for script in missing]
            replies = await self._send(connection, loads + commands)
        for script, reply in zip(missing, replies, strict=False):
            if not isinstance(reply, ResponseError):
                self._loaded.add(script.sha)
        return replies[len(missing) :]

    async def _attempt(self, use: Callable[["_Attempt", *Ts], Awaitable[T]], *args: *Ts) -> T:
        """Use the server within the time limit; translate what fails, and remember it for the callers that follow."""
        is_probe, attempt = self._availability.enter(self._clock.now()), _Attempt()
        try:
            async with time_limit(self._timeout, self._clock):
                result = await use(attempt, *args)
        except StoreError as error:
            await self._on_failure(error, is_probe=is_probe)
            raise
        except RedisError as error:
            translated = translate(error, self.name)
            await self._on_failure(translated, is_probe=is_probe)
            raise translated from error
        except TimeoutError as error:
            if attempt.is_waiting:
                self._availability.leave(is_probe=is_probe)
                raise StoreError("timeout", f"too many calls at once wait for Redis at {self.name}") from error
            late = StoreError("timeout", f"Redis at {self.name} did not answer within {self._timeout:g} s")
            await self._on_failure(late, is_probe=is_probe)
            raise late from error
        except BaseException:
            self._availability.leave(is_probe=is_probe)
            raise
        self._availability.on_success(is_probe=is_probe)
        return result

    async def _on_failure(self, error: StoreError, *, is_probe: bool) -> None:
        self._availability.on_failure(error, self._clock.now(), is_probe=is_probe)
        self._loaded.clear()
        await self.close()

    async def _take_idle(self) -> RedisConnection | None:
        while self._idle:
            connection = self._idle.pop()
            # Unexpected data is the end of the connection, or a farewell (maxclients, CLIENT KILL).
            if not await connection.can_read():
                return connection
            await connection.disconnect(nowait=True)
            self._loaded.clear()
        return None

    async def _send(self, connection: RedisConnection, commands: Sequence[Sequence[Argument]]) -> list[NodeReply]:
        replies = await exchange(connection, commands)
        self._idle.append(connection)
        return replies


@dataclass(slots=True)
class _Attempt:
    is_waiting: bool = False
    """It waits for others of this process, not for the server."""


class BlockingConnection:
    """A connection for one caller, whose commands may wait. It is closed by the first failure."""

    def __init__(self, connection: RedisConnection, name: str, clock: Clock, timeout: float) -> None:
        self._connection = connection
        self._name = name
        self._clock = clock
        self._timeout = timeout

    async def execute(self, *commands: Sequence[Argument], seconds: float = 0.0) -> list[NodeReply]:
        """Send commands that wait up to `seconds`; return a reply or an error of Redis for each.

        Raises:
            StoreError: no reply in time, or no connection any more.
        """
        limit = seconds + self._timeout
        try:
            async with time_limit(limit, self._clock):
                return await exchange(self._connection, commands)
        except RedisError as error:
            raise translate(error, self._name) from error
        except TimeoutError as error:
            raise StoreError("timeout", f"Redis at {self._name} did not answer within {limit:g} s") from error

    async def close(self) -> None:
        """Close it."""
        await self._connection.disconnect(nowait=True)


async def exchange(connection: RedisConnection, commands: Sequence[Sequence[Argument]]) -> list[NodeReply]:
    """Send commands, and return a reply or an error for each. If that is cut off, the connection is closed.

    Raises:
        RedisError: the connection is closed.
    """
    replies: list[NodeReply] = []
    try:
        # In C, in a quarter of the time of redis-py's own encoder. Its type hints know only tuples of one item.
        data = b"".join([pack_command(tuple(words)) for words in commands])  # type: ignore[arg-type]
        await connection.send_packed_command(data, check_health=False)
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except ResponseError as error:
                replies.append(error)
    except RuntimeError as error:
        # That is what uvloop says where the connection was reset after it was looked at, and before it is written to.
        await connection.disconnect(nowait=True)
        message = "the connection is closed"
        raise ConnectionError(message) from error
    except BaseException:
        # The replies that are left would be taken for those of the next commands.
        await connection.disconnect(nowait=True)
        raise
    return replies
