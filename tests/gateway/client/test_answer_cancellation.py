"""A call of the client is cancelled at each place where it waits: nothing is lost, and nothing is left open."""

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from itertools import count

import pytest
from aiohttp.test_utils import TestServer

from gateway.client import AsyncAnswer, AsyncClient, TransportName
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Event
from tests.gateway.client.fake_gateway import CLOSE, HOLD, STREAMS, TRANSPORTS, FakeGateway, Harness, listen, log_of
from tests.served.viewers import until


@types.coroutine
def _cancel_at(suspension: int, coroutine: Coroutine[object, object, object]) -> Generator[object, object, None]:
    """Run a coroutine in this task, and cancel the task when it waits for this time."""
    error: BaseException | None = None
    for number in count():
        try:
            future = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration:
            return
        if number == suspension:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_soon(task.cancel)
        error = None
        try:
            yield future
        except BaseException as raised:  # noqa: BLE001 - passed on to the coroutine
            error = raised


async def _run(suspension: int, coroutine: Coroutine[object, object, object]) -> bool:
    """Return True if the coroutine waited so often, and was cancelled."""

    async def call() -> None:
        await _cancel_at(suspension, coroutine)

    task = asyncio.create_task(call())
    await asyncio.wait([task], timeout=10)
    assert task.done()
    if task.cancelled():
        return True
    task.result()
    return False


async def _expect_nothing_open(servers: list[TestServer], before: set[asyncio.Task[object]]) -> None:
    runner = servers[-1].runner
    assert runner is not None
    server = runner.server
    assert server is not None
    await until(lambda: not server.connections)
    mine = [task for task in asyncio.all_tasks() - before if "dualstream" in task.get_name()]
    assert mine == []
    await servers.pop().close()


async def _for_each_suspension(
    servers: list[TestServer],
    gateway: Callable[[], FakeGateway],
    transport: TransportName,
    check: Callable[[AsyncClient, int, Harness], Awaitable[bool]],
) -> int:
    """Run `check` with each number until it returns False: the call did not wait so often. Return that number."""
    for suspension in count():
        before = asyncio.all_tasks()
        harness = await listen(servers, gateway())
        async with harness.client(transport) as client:
            cancelled = await check(client, suspension, harness)
        await _expect_nothing_open(servers, before)
        if not cancelled:
            return suspension
    raise AssertionError


@pytest.mark.parametrize("transport", STREAMS)
async def test_reading_continues_after_the_last_event_that_was_returned(
    servers: list[TestServer], transport: TransportName
) -> None:
    log = log_of(*"abcdefgh")

    async def check(client: AsyncClient, suspension: int, _harness: Harness) -> bool:
        answer = await client.start("hi")
        seen: list[Event] = []

        async def read() -> None:
            async for event in answer:
                seen.append(event)  # noqa: PERF401 - kept when this is cancelled

        cancelled = await _run(suspension, read())
        assert answer.has_ended == (seen == log)
        await read()
        assert seen == log
        assert answer.text == "abcdefgh"
        return cancelled

    script = [[1, 2, 3, CLOSE], [4, 5, CLOSE], [4, 5, 6, 7, 8, CLOSE], []]
    waits = await _for_each_suspension(servers, lambda: FakeGateway(log, script), transport, check)
    assert waits > 5


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_start_leaves_no_connection(servers: list[TestServer], transport: TransportName) -> None:
    async def check(client: AsyncClient, suspension: int, _harness: Harness) -> bool:
        cancelled = await _run(suspension, client.start("hi"))
        if cancelled:
            assert client._shared.connected == set()
            assert await (await client.start("hi")).read() == "a"
        return cancelled

    def gateway() -> FakeGateway:
        return FakeGateway(log_of("a"), refusals=[Refused(Code.QUEUE_FULL, "Full.", retry_after_ms=1000)])

    assert await _for_each_suspension(servers, gateway, transport, check) > 2


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("command", ["interrupt", "feedback", "switch", "aclose"])
async def test_a_command_leaves_an_answer_that_can_be_read(
    servers: list[TestServer], transport: TransportName, command: str
) -> None:
    other: TransportName = "sse" if transport == "ws" else "ws"

    def call(answer: AsyncAnswer) -> Coroutine[object, object, object]:
        return {
            "interrupt": lambda: answer.interrupt("enough"),
            "feedback": lambda: answer.feedback("shorter"),
            "switch": lambda: answer.switch(other),
            "aclose": answer.aclose,
        }[command]()

    async def check(client: AsyncClient, suspension: int, harness: Harness) -> bool:
        answer = await client.start("hi")
        await anext(answer)
        cancelled = await _run(suspension, call(answer))
        harness.gateway.stopped.set()
        assert await answer.read() == ("" if command == "aclose" else "ab")
        return cancelled

    await _for_each_suspension(
        servers, lambda: FakeGateway(log_of("a", "b"), [[1, 2, 3, HOLD, 4, 5], []]), transport, check
    )


@pytest.mark.parametrize("transport", STREAMS)
async def test_closing_the_client_is_finished_by_closing_it_again(
    servers: list[TestServer], transport: TransportName
) -> None:
    async def check(client: AsyncClient, suspension: int, _harness: Harness) -> bool:
        await client.start("hi")
        await client.start("hi")
        cancelled = await _run(suspension, client.aclose())
        await client.aclose()
        return cancelled

    await _for_each_suspension(servers, lambda: FakeGateway(log_of("a"), [[1, 2, 3, HOLD]]), transport, check)
