"""One connection to Redis, which several callers share: what each sends is a pipeline, and replies come in order.

redis-py opens it, logs in and encrypts it (`connector`). From then on its transport is served here: redis-py awaits
each reply by itself, in five coroutines and a stream, which costs more than what a batch of replies says.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Final, TypeAlias

from hiredis import Reader, pack_command
from redis.asyncio.connection import Connection, DefaultParser, UnixDomainSocketConnection
from redis.exceptions import ConnectionError, InvalidResponse, RedisError, ResponseError  # noqa: A004 - of the library

from gateway.clock import Clock, RestartableTimer
from gateway.store.redis.replies import Argument, Reply

OpenedConnection: TypeAlias = Connection | UnixDomainSocketConnection
"""A connection of redis-py."""

NodeReply: TypeAlias = "Reply | ResponseError"
"""A reply, or the error that one command got."""

_INCOMPLETE: Final = object()
"""What the parser returns where a reply is not complete yet."""


class Replies(list[NodeReply]):
    """Replies in the order of their commands."""

    __slots__ = ("has_errors",)

    def __init__(self) -> None:
        super().__init__()
        self.has_errors = False
        """Some of them are errors."""

    def add_all(self, others: "Replies") -> None:
        """Add the replies of a pipeline that was sent afterwards."""
        self += others
        self.has_errors |= others.has_errors


class _Exchange:
    """Commands that were sent, and their replies so far: dropped if `waiter` is done before they are complete."""

    __slots__ = ("deadline", "expected", "replies", "sent", "waiter")

    def __init__(self, expected: int, sent: float, deadline: float, waiter: asyncio.Future[Replies]) -> None:
        self.expected = expected
        self.sent = sent
        self.deadline = deadline
        self.waiter = waiter
        self.replies = Replies()


class RedisConnection(asyncio.Protocol):
    """A connection that is logged in. Its owner closes it."""

    def __init__(self, opened: OpenedConnection, clock: Clock) -> None:
        self.is_closed = False
        """It can't be used any more: the server has closed it, or has sent what was not asked for, a farewell."""
        self.silence_limit = inf
        """Time after which it counts as dead, in seconds, while replies are awaited and nothing at all is read.

        And after which an exchange that is late holds up what was sent behind it no longer.
        """
        writer = opened._writer  # noqa: SLF001 - no public name leads to the transport
        if writer is None:
            raise _lost(None)
        # Left alone, each of them would close the transport, or warn of it, when it is collected.
        opened._reader = opened._writer = None  # noqa: SLF001
        self._writer = writer
        self._clock = clock
        self._timer = RestartableTimer(clock)
        """Checks what is awaited. It is not started for each exchange: nearly all end long before."""
        self._read_at = -inf
        """Time of the last read."""
        self._parser = Reader(protocolError=InvalidResponse, replyError=self._read_error, notEnoughData=_INCOMPLETE)
        self._pending = deque[_Exchange]()
        self._has_error = False
        self._fatal: RedisError | None = None
        """An error that is no reply to one command, and ends the connection."""
        writer.transport.set_protocol(self)

    def send(self, commands: Sequence[Sequence[Argument]], seconds: float = inf) -> asyncio.Future[Replies]:
        """Send commands; return what gets a reply or an error for each.

        It fails with a RedisError if the connection is lost, and with TimeoutError after `seconds`, alone: its late
        replies are dropped, as those to a caller that was cancelled. If the connection is silent for its limit, or they
        take as much longer, all that is awaited fails with TimeoutError, and the connection is closed.

        Raises:
            RedisError: the connection is closed.
        """
        if self.is_closed:
            raise _lost(None)
        # In C, in a quarter of the time of redis-py's own encoder. Its type hints know only tuples of one item.
        data = b"".join([pack_command(tuple(words)) for words in commands])  # type: ignore[arg-type]
        try:
            self._writer.write(data)
        except RuntimeError as error:
            # That is what uvloop says where the connection was reset, before it calls `connection_lost`.
            self.close()
            raise _lost(error) from error
        waiter, now = asyncio.get_running_loop().create_future(), self._clock.now()
        self._pending.append(_Exchange(len(commands), now, now + seconds, waiter))
        if not self._timer.is_pending:
            self._start_timer(min(seconds, self.silence_limit))
        return waiter

    async def exchange(self, commands: Sequence[Sequence[Argument]]) -> Replies:
        """Send commands as the only caller, and return their replies. If that is cut off, the connection is closed.

        Raises:
            RedisError: the connection is closed.
        """
        try:
            return await self.send(commands)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it; what is awaited fails."""
        self._fail(_lost(None))

    def retire(self) -> None:
        """Send nothing more, and close it when all replies that are awaited have come."""
        self.is_closed = True
        self._close_if_over()

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        """Collect replies; the last one of an exchange ends it."""
        parser, pending = self._parser, self._pending
        self._read_at = self._clock.now()
        try:
            parser.feed(data)
            while (reply := parser.gets()) is not _INCOMPLETE:
                if self._fatal is not None or not pending:
                    self._fail(self._fatal or _lost(None))
                    return
                exchange = pending[0]
                replies = exchange.replies
                replies.append(reply)
                if self._has_error:
                    replies.has_errors, self._has_error = True, False
                if len(replies) == exchange.expected:
                    pending.popleft()
                    if not exchange.waiter.done():
                        exchange.waiter.set_result(replies)
                    if self.is_closed and not pending:
                        self.close()
                        return
        except RedisError as error:
            self._fail(error)

    def eof_received(self) -> None:
        """Note that the server has closed the connection, before the transport does the same."""
        self.is_closed = True

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what is awaited."""
        self._fail(_lost(error))

    def _read_error(self, text: str) -> RedisError:
        error: RedisError = DefaultParser.parse_error(text)  # type: ignore[no-untyped-call]
        self._has_error = True
        if not isinstance(error, ResponseError):
            self._fatal = error
        return error

    def _fail(self, error: RedisError | TimeoutError) -> None:
        self.is_closed = True
        self._timer.cancel()
        self._writer.close()
        pending, self._pending = self._pending, deque()
        for exchange in pending:
            if not exchange.waiter.done():
                exchange.waiter.set_exception(error)

    def _close_if_over(self) -> None:
        """Close a connection that is retired, if no replies are awaited any more."""
        if all(exchange.waiter.done() for exchange in self._pending):
            self.close()

    @property
    def _dead_at(self) -> float:
        """Return when the connection counts as dead: it is silent, or blocked by what is late by as much again."""
        if not self._pending:
            return inf
        oldest = self._pending[0]
        return min(max(self._read_at, oldest.sent), oldest.deadline) + self.silence_limit

    def _start_timer(self, delay: float) -> None:
        if delay != inf:
            self._timer.start(delay, self._on_timer)

    def _on_timer(self) -> None:
        """Check whether something is late; if not, do it again when the next exchange can be."""
        deadlines = (exchange.deadline for exchange in self._pending if not exchange.waiter.done())
        remaining = min(self._dead_at, *deadlines, inf) - self._clock.now()
        if remaining > 0:
            self._start_timer(remaining)
        else:
            self._timer.judge(self._on_late)

    def _on_late(self) -> None:
        now = self._clock.now()
        if now >= self._dead_at:
            self._fail(TimeoutError())
            return
        for exchange in self._pending:
            if now >= exchange.deadline and not exchange.waiter.done():
                exchange.waiter.set_exception(TimeoutError())
        if self.is_closed:
            self._close_if_over()
        self._on_timer()


def _lost(cause: BaseException | None) -> ConnectionError:
    error = ConnectionError("the connection is closed")
    error.__cause__ = cause
    return error
