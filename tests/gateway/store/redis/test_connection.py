"""Several callers share one connection; its replies come in order, in pieces of any size."""

import asyncio
from typing import cast

import pytest
from redis.exceptions import AuthenticationError, ConnectionError, InvalidResponse, NoScriptError  # noqa: A004

from gateway.store.redis.connection import OpenedConnection, RedisConnection
from tests.event_loop import settle
from tests.manual_clock import ManualClock

PING = [("PING",)]


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


class Case:
    """A connection, and what it writes to."""

    def __init__(self) -> None:
        opened = Opened()
        self.written = opened._writer
        self.clock = ManualClock()
        self.connection = RedisConnection(cast("OpenedConnection", opened), self.clock)

    def send(self, commands: int = 1) -> "asyncio.Future[object]":
        """Send commands with a time limit of a second."""
        return cast("asyncio.Future[object]", self.connection.send(PING * commands, self.clock.now() + 1))


async def test_each_caller_gets_its_own_replies_however_they_are_cut() -> None:
    for size in range(1, 12):
        case = Case()
        first, second = case.send(2), case.send()
        assert case.written.sent == b"*1\r\n$4\r\nPING\r\n" * 3
        data = b"$1\r\na\r\n:1\r\n*1\r\n$-1\r\n"
        for at in range(0, len(data), size):
            case.connection.data_received(data[at : at + size])
        assert (first.result(), second.result()) == ([b"a", 1], [[None]])
        assert not case.connection.is_closed


async def test_the_error_of_one_command_is_a_reply() -> None:
    case = Case()
    first, second = case.connection.send(PING * 2), case.connection.send(PING)
    case.connection.data_received(b"+a\r\n-NOSCRIPT No matching script\r\n+b\r\n")
    replies = first.result()
    assert replies.has_errors
    assert isinstance(replies[1], NoScriptError)
    assert second.result() == [b"b"]
    assert not second.result().has_errors


async def test_the_replies_of_a_caller_that_was_cancelled_are_for_nobody() -> None:
    case = Case()
    first, second = case.send(), case.send()
    first.cancel()
    case.connection.data_received(b"+a\r\n+b\r\n")
    assert second.result() == [b"b"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"-NOAUTH Authentication required.\r\n", AuthenticationError),
        (b"HTTP/1.1 400 Bad Request\r\n", InvalidResponse),
    ],
)
async def test_what_is_no_reply_to_a_command_ends_the_connection(data: bytes, kind: type[Exception]) -> None:
    case = Case()
    waiting = [case.send(), case.send()]
    case.connection.data_received(data)
    assert [type(each.exception()) for each in waiting] == [kind, kind]
    assert case.connection.is_closed
    assert case.written.closed > 0
    assert case.clock.pending == 0
    with pytest.raises(ConnectionError):
        case.send()


async def test_a_farewell_ends_the_connection() -> None:
    case, other = Case(), Case()
    case.connection.data_received(b"-ERR bye\r\n")
    other.connection.eof_received()
    assert case.connection.is_closed
    assert other.connection.is_closed


async def test_a_lost_connection_fails_what_is_awaited_and_says_why() -> None:
    case, reason = Case(), ConnectionResetError(104, "reset")
    waiting = case.send()
    case.connection.connection_lost(reason)
    error = waiting.exception()
    assert isinstance(error, ConnectionError)
    assert error.__cause__ is reason


async def test_a_late_reply_fails_all_and_others_move_the_limit() -> None:
    case = Case()
    case.send()
    case.clock.advance(0.9)
    case.connection.data_received(b"+a\r\n")
    second = case.send()
    case.clock.advance(0.9)
    assert case.clock.pending == 1
    third = case.send()
    case.clock.advance(0.2)
    await settle()
    assert isinstance(second.exception(), TimeoutError)
    assert isinstance(third.exception(), TimeoutError)
    assert case.connection.is_closed


async def test_nothing_is_left_when_all_is_answered() -> None:
    case = Case()
    case.send()
    case.connection.data_received(b"+a\r\n")
    case.clock.advance(1)
    assert case.clock.pending == 0
    assert not case.connection.is_closed


async def test_a_connection_that_is_retired_ends_after_the_replies() -> None:
    case = Case()
    waiting = case.send()
    case.connection.retire()
    assert case.written.closed == 0
    case.connection.data_received(b"+a\r\n")
    assert waiting.result() == [b"a"]
    assert case.written.closed > 0
    idle = Case()
    idle.connection.retire()
    assert idle.written.closed > 0


async def test_what_is_cut_off_closes_the_connection_of_a_sole_caller() -> None:
    case = Case()
    task = asyncio.create_task(case.connection.exchange(PING))
    await settle()
    task.cancel()
    await settle()
    assert case.written.closed > 0
