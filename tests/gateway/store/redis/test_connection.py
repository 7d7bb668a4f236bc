"""Several callers share one connection; its replies come in order, in pieces of any size."""

import asyncio
from math import inf
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import AuthenticationError, ConnectionError, InvalidResponse, NoScriptError  # noqa: A004

from tests.event_loop import settle
from tests.gateway.store.redis.opened import open_connection
from tests.manual_clock import ManualClock

PING = [("PING",)]


class Case:
    """A connection, and what it writes to."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.connection, self.written = open_connection(self.clock)
        self.connection.silence_limit = 1.0

    def send(self, commands: int = 1, seconds: float = 1.0) -> "asyncio.Future[object]":
        """Send commands with a time limit."""
        return cast("asyncio.Future[object]", self.connection.send(PING * commands, seconds))

    async def advance(self, seconds: float) -> None:
        """Move the clock, and let the connection judge."""
        self.clock.advance(seconds)
        await settle()


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


async def test_a_silent_connection_fails_all_that_is_awaited() -> None:
    case = Case()
    case.send()
    await case.advance(0.9)
    case.connection.data_received(b"+a\r\n")
    second = case.send()
    await case.advance(0.9)
    assert case.clock.pending == 1
    third = case.send()
    await case.advance(0.2)
    assert isinstance(second.exception(), TimeoutError)
    assert isinstance(third.exception(), TimeoutError)
    assert case.connection.is_closed
    assert case.clock.pending == 0


async def test_a_late_exchange_fails_alone_and_its_late_reply_is_dropped() -> None:
    case = Case()
    case.send()
    late = case.send(2)
    await case.advance(0.5)
    other = case.send()
    case.connection.data_received(b"+a\r\n+b\r\n")
    await case.advance(0.6)
    assert isinstance(late.exception(), TimeoutError)
    assert not other.done()
    assert not case.connection.is_closed
    case.connection.data_received(b"+c\r\n+d\r\n")
    assert other.result() == [b"d"]
    await case.advance(2)
    assert not case.connection.is_closed
    assert case.clock.pending == 0


async def test_a_connection_is_dead_that_reads_nothing_after_a_late_exchange() -> None:
    case = Case()
    first, late = case.send(), case.send()
    await case.advance(0.5)
    case.connection.data_received(b"+a\r\n")
    assert first.done()
    await case.advance(0.6)
    assert isinstance(late.exception(), TimeoutError)
    third = case.send()
    await case.advance(0.3)
    assert not case.connection.is_closed
    await case.advance(0.1)
    assert isinstance(third.exception(), TimeoutError)
    assert case.connection.is_closed


async def test_a_late_exchange_does_not_hold_up_others_for_as_long_as_its_reply_takes() -> None:
    case = Case()
    late = case.send()
    case.connection.data_received(b"$100\r\n")
    await case.advance(0.9)
    case.connection.data_received(b"x")
    await case.advance(0.2)
    assert isinstance(late.exception(), TimeoutError)
    case.connection.data_received(b"x")
    behind = case.send()
    await case.advance(0.8)
    case.connection.data_received(b"x")
    assert case.written.closed == 0
    await case.advance(0.2)
    assert isinstance(behind.exception(), TimeoutError)
    assert case.written.closed > 0
    assert case.clock.pending == 0


async def test_a_reply_without_limit_may_take_as_long_as_it_comes() -> None:
    case = Case()
    large = case.send(seconds=inf)
    case.connection.data_received(b"$100\r\n")
    for _ in range(10):
        await case.advance(0.9)
        case.connection.data_received(b"x" * 10)
    case.connection.data_received(b"\r\n")
    assert large.result() == [b"x" * 100]
    silent = case.send(seconds=inf)
    case.connection.data_received(b"$100\r\n")
    await case.advance(1.1)
    assert isinstance(silent.exception(), TimeoutError)


@given(data=st.data())
async def test_replies_reach_their_exchanges_whichever_are_late(data: st.DataObject) -> None:
    case, sent, read = Case(), list["asyncio.Future[object]"](), 0
    for _ in range(data.draw(st.integers(1, 30))):
        match data.draw(st.sampled_from(["send", "cancel", "read", "wait"])):
            case "send":
                sent.append(case.send())
            case "cancel" if sent:
                sent[-1].cancel()
            case "read" if read < len(sent):
                case.connection.data_received(f":{read}\r\n".encode())
                read += 1
            case _:
                await case.advance(data.draw(st.sampled_from([0.1, 0.4, 0.7])))
        if case.connection.is_closed:
            break
    for number, waiter in enumerate(sent):
        if waiter.cancelled() or not waiter.done():
            assert waiter.cancelled() or number >= read
        elif waiter.exception() is None:
            assert waiter.result() == [number]
        else:
            assert isinstance(waiter.exception(), TimeoutError)
    if case.connection.is_closed:
        assert all(waiter.done() for waiter in sent)


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


async def test_a_connection_that_is_retired_ends_when_the_last_exchange_is_late() -> None:
    case = Case()
    first, late = case.send(), case.send()
    await case.advance(0.5)
    case.connection.retire()
    case.connection.data_received(b"+a\r\n")
    assert first.done()
    assert case.written.closed == 0
    await case.advance(0.6)
    assert isinstance(late.exception(), TimeoutError)
    assert case.written.closed > 0


async def test_what_is_cut_off_closes_the_connection_of_a_sole_caller() -> None:
    case = Case()
    task = asyncio.create_task(case.connection.exchange(PING))
    await settle()
    task.cancel()
    await settle()
    assert case.written.closed > 0
