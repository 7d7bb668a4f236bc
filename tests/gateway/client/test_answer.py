"""One answer against a scripted gateway: lost connections, refusals, commands, switches of transport."""

import asyncio

import pytest
from aiohttp.test_utils import TestServer

from gateway.client import Retries, TransportName
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Accepted, Chunk, Event, Gap, Interrupted, Revision
from tests.gateway.client.events import error_of
from tests.gateway.client.fake_gateway import (
    CLOSE,
    COMPLETE,
    HOLD,
    ID,
    METRICS,
    STREAMS,
    TRANSPORTS,
    USAGE,
    FakeGateway,
    listen,
    log_of,
    read_all,
)
from tests.served.viewers import until


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_lost_connections_are_resumed_after_the_last_event(
    servers: list[TestServer], transport: TransportName
) -> None:
    log = log_of(*"abcdefgh")
    # The third connection repeats events 4 and 5, which must not be returned twice.
    script = [[1, 2, 3, CLOSE], [4, 5, CLOSE], [4, 5, 6, 7, 8, CLOSE], []]
    harness = await listen(servers, FakeGateway(log, script))
    async with harness.client(transport) as client:
        answer = await client.start("hi")
        assert await read_all(answer) == log
    assert answer.text == "abcdefgh"
    assert harness.gateway.attached == [3, 5, 8]
    assert len(harness.gateway.starts) == 1
    # Each connection made progress, so each wait is the first step of the backoff.
    assert harness.waits == [0.2, 0.2, 0.2]
    assert answer.attachments == 3


@pytest.mark.parametrize("transport", STREAMS)
async def test_it_gives_up_after_failures_in_a_row_and_can_be_iterated_again(
    servers: list[TestServer], transport: TransportName
) -> None:
    harness = await listen(servers, FakeGateway(log_of("a"), [[1, CLOSE], [CLOSE], [CLOSE], []]))
    async with harness.client(transport, retries=Retries(resume_failures=3)) as client:
        answer = await client.start("hi")
        with pytest.raises(Failed, match="tried 3 times"):
            await read_all(answer)
        assert harness.waits == [0.2, 0.4]
        assert await read_all(answer) == harness.gateway.log[1:]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_interrupt_ends_the_generation_and_its_terminal_event_is_read(
    servers: list[TestServer], transport: TransportName
) -> None:
    interrupted = Interrupted("client", "enough", 0.5, USAGE, None, METRICS)
    log = [*log_of("a")[:-1], interrupted]
    harness = await listen(servers, FakeGateway(log, [[1, 2, 3, HOLD, 4]]))
    async with harness.client(transport) as client:
        answer = await client.start("hi")
        async for event in answer:
            if isinstance(event, Chunk):
                assert await answer.interrupt("enough")
        assert answer.terminal == interrupted
        assert not await answer.interrupt()
    (transport_used, name, body), *more = harness.gateway.commands
    assert (transport_used, name, more) == ("ws" if transport == "ws" else "post", "interrupt", [])
    assert isinstance(body, dict)
    assert body["reason"] == "enough"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_interrupt_after_the_end_is_no_error(servers: list[TestServer], transport: TransportName) -> None:
    gateway = FakeGateway(log_of("a"), command_refused=Refused(Code.ALREADY_OVER, "It is over."))
    harness = await listen(servers, gateway)
    async with harness.client(transport) as client:
        answer = await client.start("hi")
        assert not await answer.interrupt()
        with pytest.raises(Refused, match="It is over"):
            await answer.feedback("shorter")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_lost_generation_is_not_retried(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(servers, FakeGateway([], refusals=[Refused(Code.GENERATION_LOST, "Gone.")]))
    async with harness.client(transport) as client:
        with pytest.raises(Refused, match="Gone"):
            await read_all(client.attach(ID, after=4))
    assert harness.waits == []


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_attaching_at_the_end_yields_no_events(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    async with harness.client(transport) as client:
        assert await read_all(client.attach(ID, after=f"{ID}:4")) == []


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_for_how_long_text_is_joined_is_said_with_each_connection(
    servers: list[TestServer], transport: TransportName
) -> None:
    harness = await listen(servers, FakeGateway(log_of("a", "b"), [[1, 2, 3, CLOSE], [4, 5]]))
    async with harness.client(transport) as client:
        assert await client.attach(ID, coalesce_ms=50).read() == "ab"
        assert await client.attach(f"{ID}:3").read() == "b"
    assert harness.gateway.attached == [0, 3, 3]
    assert harness.gateway.coalesced == [50, 50, None]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_gap_and_a_revision_replace_the_text(servers: list[TestServer], transport: TransportName) -> None:
    log: list[Event] = [
        Accepted(ID, "r_1", "m"),
        Gap(1, 2, "whole text"),
        Revision(2, "f_1", 0.1),
        Chunk("new"),
        COMPLETE,
    ]
    harness = await listen(servers, FakeGateway(log))
    async with harness.client(transport) as client:
        answer = await client.start("hi")
        texts = [answer.text async for _event in answer]
    assert texts == ["", "whole text", "", "new", "new"]
    assert answer.revision == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_events_of_a_newer_gateway_are_skipped(servers: list[TestServer], transport: TransportName) -> None:
    gateway = FakeGateway(log_of("a", "b"), hidden_types={3: b'{"type":"hologram"}'})
    harness = await listen(servers, gateway)
    async with harness.client(transport) as client:
        answer = await client.start("hi")
        assert await read_all(answer) == [gateway.log[0], gateway.log[1], gateway.log[3], COMPLETE]
    assert answer.attachments == 0


async def test_switching_between_transports_keeps_every_character(servers: list[TestServer]) -> None:
    log = log_of(*[f"{number} " for number in range(40)])
    harness = await listen(servers, FakeGateway(log))
    async with harness.client("sse") as client:
        answer = await client.start("hi")
        events = []
        async for event in answer:
            events.append(event)
            if answer.seq in {7, 9, 20}:
                await answer.switch("ws" if answer.transport == "sse" else "sse")
        assert events == log
    assert harness.gateway.attached == [7, 9, 20]
    assert harness.waits == []


async def test_a_switch_to_an_unknown_transport_is_refused_at_once(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    async with harness.client("sse") as client:
        answer = await client.start("hi")
        with pytest.raises(ValueError, match="'websocket' is unknown; use one of: sse, ws"):
            await answer.switch("websocket")  # type: ignore[arg-type]
        assert (await answer.read(), answer.transport) == ("a", "sse")


async def test_a_switch_wakes_a_waiting_reader(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a", "b"), [[1, 2, 3, HOLD], []]))
    for transport in TRANSPORTS:
        harness.gateway.connections = 0
        async with harness.client(transport) as client:
            answer = await client.start("hi")
            events = [await anext(answer) for _ in range(3)]
            waiting = asyncio.ensure_future(anext(answer))
            await asyncio.wait([waiting], timeout=0)
            await answer.switch("sse" if transport == "ws" else "ws")
            events += [await waiting, *await read_all(answer)]
            assert events == harness.gateway.log
    assert harness.waits == []


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_closing_an_answer_ends_its_iteration(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(servers, FakeGateway(log_of("a"), [[1, 2, 3, HOLD]]))
    async with harness.client(transport) as client, await client.start("hi") as answer:
        reading = asyncio.create_task(read_all(answer))
        await asyncio.wait([reading], timeout=0)
        await answer.aclose()
        await asyncio.wait_for(reading, 5)
    assert harness.gateway.attached == []


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_read_returns_the_text_or_raises_the_error_of_the_generation(
    servers: list[TestServer], transport: TransportName
) -> None:
    error = error_of("stalled", "Nothing came.", 5)
    harness = await listen(servers, FakeGateway([*log_of("a")[:-1], error]))
    async with harness.client(transport) as client:
        answer = await client.start("hi")
        with pytest.raises(Failed, match="Nothing came") as raised:
            await answer.read()
    assert (raised.value.code, raised.value.retryable, raised.value.retry_after_ms) == (Code.STALLED, True, 5)
    assert (answer.text, answer.terminal, answer.has_ended) == ("a", error, True)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_answer_that_takes_too_long_is_left_running(
    servers: list[TestServer], transport: TransportName
) -> None:
    harness = await listen(servers, FakeGateway(log_of("a"), [[1, 2, 3, HOLD, 4]]))
    async with harness.client(transport) as client:
        answer = client.attach(ID, timeout_s=0.05)
        with pytest.raises(Failed, match=r"within 0.05 s") as raised:
            await answer.read()
        assert raised.value.code is Code.TIMEOUT
        assert not answer.has_ended
        assert await answer.interrupt()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_start_that_is_not_accepted_in_time_fails(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(servers, FakeGateway(log_of("a"), [[HOLD]]))
    async with harness.client(transport) as client:
        with pytest.raises(Failed, match=r"within 0.05 s"):
            await client.start("hi", timeout_s=0.05)
        assert client._shared.connected == set()


async def test_an_answer_is_read_in_one_place(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a"), [[1, 2, 3, HOLD, 4]]))
    async with harness.client("sse") as client:
        answer = await client.start("hi")
        reading = asyncio.create_task(answer.read())
        await until(lambda: answer.text)
        with pytest.raises(RuntimeError, match="already being read"):
            await anext(answer)
        harness.gateway.stopped.set()
        assert await reading == "a"


async def test_an_event_that_was_returned_can_be_given_back(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    async with harness.client("sse") as client:
        answer = await client.start("hi")
        answer.unread(await answer.next_event())
        assert await read_all(answer) == harness.gateway.log
