"""One Redis server: the connection to it, pipelines, and what happens when it does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Final, TypeVar

from redis.exceptions import RedisError, ResponseError

from gateway.clock import Clock, time_limit
from gateway.store.errors import StoreError
from gateway.store.redis.availability import Availability
from gateway.store.redis.calls import Call, Command, ScriptCall
from gateway.store.redis.connection import RedisConnection, Replies
from gateway.store.redis.connector import Open
from gateway.store.redis.errors import translate
from gateway.store.redis.replies import Argument

MAX_PIPELINE: Final = 256
"""Maximum number of calls that are sent before their replies are read: each such batch has the whole time limit."""

T = TypeVar("T")


class Node:
    """A server. `name` is how it is called in messages; `timeout` bounds each exchange, in seconds.

    All callers share one connection, on which each of them sends a pipeline without waiting for the others.
    """

    def __init__(self, name: str, open_connection: Open, clock: Clock, *, timeout: float) -> None:
        self.name = name
        self._open = open_connection
        self._clock = clock
        self._timeout = timeout
        self._availability = Availability()
        self._connection: RedisConnection | None = None
        self._opening = asyncio.Lock()
        self._loaded: set[str] = set()
        """Scripts that the server has, by their names, since it was reached first."""

    def execute(self, calls: Sequence[Call]) -> Coroutine[object, object, Replies]:
        """Send calls in one pipeline; return a reply or an error of Redis for each, in order.

        Scripts that the server does not have yet are loaded in the same pipeline, before the calls.

        Raises:
            StoreError: no connection, or no reply in time. What of it was done is not known.
        """
        return self._attempt(self._exchange, calls) if len(calls) <= MAX_PIPELINE else self._execute_parts(calls)

    async def _execute_parts(self, calls: Sequence[Call]) -> Replies:
        replies = Replies()
        for start in range(0, len(calls), MAX_PIPELINE):
            replies.add_all(await self._attempt(self._exchange, calls[start : start + MAX_PIPELINE]))
        return replies

    async def execute_raw(self, *commands: Sequence[Argument]) -> Replies:
        """Send commands as they are; see `execute`."""
        return await self.execute([Command("", words) for words in commands])

    def forget_scripts(self) -> None:
        """Load scripts again: the server has lost them."""
        self._loaded.clear()

    async def open_apart(self) -> "BlockingConnection":
        """Return a connection beside the shared one, for commands that wait.

        Raises:
            StoreError: it can't be opened.
        """
        return await self._attempt(self._open_blocking)

    def close(self) -> None:
        """Close the connection, when what was sent is answered; the next call opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.retire()

    async def _open_blocking(self, *, is_probe: bool) -> "BlockingConnection":
        async with time_limit(self._timeout, self._clock):
            return BlockingConnection(await self._open(), self.name, self._clock, self._timeout)

    async def _exchange(self, calls: Sequence[Call], *, is_probe: bool) -> Replies:
        deadline = self._clock.now() + self._timeout
        connection = self._connection
        if connection is None or connection.is_closed:
            connection = await self._connect(is_probe=is_probe)
        loaded = self._loaded
        scripts = [call.script for call in calls if type(call) is ScriptCall and call.script.sha not in loaded]
        commands = [call.words for call in calls]
        if not scripts:
            return await connection.send(commands, deadline)
        missing = {script.sha: script.text for script in scripts}
        loads: list[Sequence[Argument]] = [("SCRIPT", "LOAD", text) for text in missing.values()]
        replies = await connection.send(loads + commands, deadline)
        for sha, reply in zip(missing, replies, strict=False):
            if not isinstance(reply, ResponseError):
                loaded.add(sha)
        del replies[: len(missing)]
        return replies

    async def _connect(self, *, is_probe: bool) -> RedisConnection:
        """Open the connection, once for all callers that find none."""
        async with time_limit(self._timeout, self._clock), self._opening:
            connection = self._connection
            if connection is not None and not connection.is_closed:
                return connection
            if not is_probe:
                # One of those that were first has failed.
                self._availability.check()
            self.close()
            self._loaded.clear()
            connection = self._connection = await self._open()
            return connection

    async def _attempt(self, use: Callable[..., Awaitable[T]], *args: object) -> T:
        """Use the server; translate what fails, and remember it for the callers that follow."""
        is_probe = self._availability.enter(self._clock.now())
        try:
            result = await use(*args, is_probe=is_probe)
        except StoreError as error:
            self._on_failure(error, is_probe=is_probe)
            raise
        except RedisError as error:
            translated = translate(error, self.name)
            self._on_failure(translated, is_probe=is_probe)
            raise translated from error
        except TimeoutError as error:
            late = StoreError("timeout", f"Redis at {self.name} did not answer within {self._timeout:g} s")
            self._on_failure(late, is_probe=is_probe)
            raise late from error
        except BaseException:
            self._availability.leave(is_probe=is_probe)
            raise
        if is_probe:
            self._availability.on_success(is_probe=is_probe)
        return result

    def _on_failure(self, error: StoreError, *, is_probe: bool) -> None:
        self._availability.on_failure(error, self._clock.now(), is_probe=is_probe)
        self._loaded.clear()
        if self._connection is not None and self._connection.is_closed:
            self._connection = None


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
