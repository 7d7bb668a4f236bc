"""A connection to one Redis server that all callers share, and what happens when the server does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from math import inf
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


class SharedConnection:
    """A connection on which each caller sends a pipeline without waiting for the others. It is opened when needed.

    `name` is how the server is called in messages. `timeout` bounds each exchange, in seconds; of a connection that
    `is_bulk`, it bounds the time in which nothing at all is read: a large reply may take as long as it comes.
    """

    def __init__(
        self, name: str, open_connection: Open, clock: Clock, *, timeout: float, is_bulk: bool = False
    ) -> None:
        self.name = name
        self._open = open_connection
        self._clock = clock
        self._timeout = timeout
        self._exchange_limit = inf if is_bulk else timeout
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

    def close(self) -> None:
        """Close the connection, when what was sent is answered; the next call opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.retire()

    def _exchange(self, calls: Sequence[Call], *, is_probe: bool) -> Awaitable[Replies]:
        connection, loaded = self._connection, self._loaded
        lacks = [call for call in calls if type(call) is ScriptCall and call.script.sha not in loaded]
        if lacks or connection is None or connection.is_closed:
            return self._prepare_and_send(calls, is_probe=is_probe)
        return connection.send([call.words for call in calls], self._exchange_limit)

    async def _prepare_and_send(self, calls: Sequence[Call], *, is_probe: bool) -> Replies:
        """Open the connection if there is none, and load scripts that the server does not have."""
        connection, limit = self._connection, self._exchange_limit
        if connection is None or connection.is_closed:
            began = self._clock.now()
            connection = await self._connect(is_probe=is_probe)
            limit -= self._clock.now() - began
        loaded = self._loaded
        scripts = [call.script for call in calls if type(call) is ScriptCall and call.script.sha not in loaded]
        missing = {script.sha: script.text for script in scripts}
        loads: list[Sequence[Argument]] = [("SCRIPT", "LOAD", text) for text in missing.values()]
        replies = await connection.send([*loads, *(call.words for call in calls)], limit)
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
            connection.silence_limit = self._timeout
            return connection

    async def _attempt(self, use: Callable[..., Awaitable[T]], *args: object) -> T:
        """Use the server; translate what fails, and remember it for the callers that follow."""
        availability = self._availability
        is_probe = availability.error is not None and availability.enter(self._clock.now())
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
        if not is_probe and self._connection is not None and not self._connection.is_closed:
            # This one alone was late: the server answers others.
            return
        self._availability.on_failure(error, self._clock.now(), is_probe=is_probe)
        self._loaded.clear()
        if self._connection is not None and self._connection.is_closed:
            self._connection = None
