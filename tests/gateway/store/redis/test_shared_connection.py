"""A connection is opened once for all callers; what is late alone leaves it to the others."""

import asyncio

import pytest

from gateway.store.errors import StoreError
from gateway.store.redis.calls import Command, Script, ScriptCall
from gateway.store.redis.connection import RedisConnection, Replies
from gateway.store.redis.node import Node
from gateway.store.redis.shared_connection import SharedConnection
from tests.event_loop import settle
from tests.gateway.store.redis.opened import Written, open_connection
from tests.manual_clock import ManualClock

PING = [Command("", ("PING",))]
SCRIPT = [ScriptCall(Script("return 1"), ("key",))]


class Server:
    """Counts the connections that are opened, and answers on them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.opened: list[tuple[RedisConnection, Written]] = []

    async def open(self) -> RedisConnection:
        """Open a connection."""
        self.opened.append(open_connection(self.clock))
        return self.opened[-1][0]

    def shared(self, *, is_bulk: bool = False) -> SharedConnection:
        """Return a shared connection with a time limit of a second."""
        return SharedConnection("server", self.open, self.clock, timeout=1, is_bulk=is_bulk)

    async def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.advance(seconds)
        await settle()

    async def answer(self, data: bytes) -> None:
        """Answer on the newest connection."""
        self.opened[-1][0].data_received(data)
        await settle()


async def started(shared: SharedConnection) -> "asyncio.Task[Replies]":
    """Send a command."""
    task = asyncio.create_task(shared.execute(PING))
    await settle()
    return task


async def fault_of(task: "asyncio.Task[Replies]") -> str:
    """Return how an exchange failed."""
    with pytest.raises(StoreError) as error:
        await task
    return error.value.fault


async def test_what_is_late_alone_leaves_the_connection_to_others() -> None:
    server = Server()
    shared = server.shared()
    first, late = await started(shared), await started(shared)
    await server.advance(0.5)
    other = await started(shared)
    await server.answer(b"+a\r\n")
    await server.advance(0.6)
    assert await first == [b"a"]
    assert await fault_of(late) == "timeout"
    last = await started(shared)
    await server.answer(b"+b\r\n+c\r\n+d\r\n")
    assert (await other, await last) == ([b"c"], [b"d"])
    assert len(server.opened) == 1


async def test_a_silent_connection_is_replaced() -> None:
    server = Server()
    shared = server.shared()
    waiting = [await started(shared), await started(shared)]
    await server.advance(1.1)
    assert [await fault_of(task) for task in waiting] == ["timeout", "timeout"]
    assert await fault_of(await started(shared)) == "timeout"
    await server.advance(1)
    again = await started(shared)
    await server.answer(b"+a\r\n")
    assert await again == [b"a"]
    assert len(server.opened) == 2


async def test_a_large_reply_is_not_late_while_it_comes() -> None:
    server = Server()
    large = await started(server.shared(is_bulk=True))
    for data in (b"$4\r\n", b"a", b"b", b"c", b"d\r\n"):
        await server.advance(0.9)
        await server.answer(data)
    assert await large == [b"abcd"]


async def test_the_time_to_connect_is_a_part_of_the_limit() -> None:
    server, may_open = Server(), asyncio.Event()

    async def open_late() -> RedisConnection:
        await may_open.wait()
        return await server.open()

    shared = SharedConnection("server", open_late, server.clock, timeout=1)
    first = await started(shared)
    await server.advance(0.7)
    may_open.set()
    await settle()
    await server.advance(0.4)
    assert await fault_of(first) == "timeout"


async def test_a_node_closes_all_its_connections_before_it_opens_the_short_one_again() -> None:
    server = Server()
    node = Node("server", server.open, server.clock, timeout=1)
    short = await started(node)
    await server.answer(b"+a\r\n")
    bulk = await started(node.bulk)
    await server.answer(b"+b\r\n")
    assert (await short, await bulk) == ([b"a"], [b"b"])
    server.opened[0][0].eof_received()
    assert [connection.is_closed for connection, _ in server.opened] == [True, False]
    short = await started(node)
    await server.answer(b"+c\r\n")
    assert await short == [b"c"]
    assert [connection.is_closed for connection, _ in server.opened] == [True, True, False]


async def test_scripts_are_loaded_once_for_each_connection() -> None:
    server = Server()
    shared = server.shared()
    for data in (b"+sha\r\n:1\r\n", b":2\r\n"):
        task = asyncio.create_task(shared.execute(SCRIPT))
        await settle()
        await server.answer(data)
        assert len(await task) == 1
    assert server.opened[0][1].sent.count(b"LOAD") == 1
