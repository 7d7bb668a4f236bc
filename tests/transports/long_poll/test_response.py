"""How long a poll waits for text, what it sends of a log, and what becomes of a client that does not read."""

import asyncio

import pytest

from gateway.api.context import PRINCIPAL
from gateway.api.services import Services
from gateway.asgi import WRITER_EXTENSION
from gateway.config import Settings
from gateway.generation.event_log import EventLog
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Chunk, Event, Part, Revision, Start, Verbatim
from gateway.replicas.generations import Generations
from gateway.security.principals import Principal, anonymous
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import one_target
from tests.manual_clock import ManualClock
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.long_poll.test_transport import begun, types, waits
from transports.long_poll.pollers import Pollers
from transports.long_poll.response import MAX_BYTES, PollResponse, Waiting, read_events


def log_of(*events: Chunk | Start | Part) -> EventLog:
    log = EventLog("g_1")
    for event in events:
        log.append(event)
    return log


def test_events_are_the_bytes_of_the_log_with_their_position() -> None:
    log = log_of(Start("p", "m", 1, 1), Chunk("Xin"))
    pieces, reached = read_events(log, 0)
    start = (
        b'{"generation_id":"g_1","seq":1,"type":"start","provider":"p","upstream_model":"m","attempt":1,"revision":1}'
    )
    assert b"".join(pieces) == start + b',{"generation_id":"g_1","seq":2,"type":"chunk","content":"Xin"}'
    assert reached == 2
    assert read_events(log, 2) == ([], 2)


def test_data_of_a_provider_is_skipped() -> None:
    log = log_of()
    log.extend([Verbatim(b"{}"), Chunk("Xin"), Verbatim(b"{}")])
    pieces, reached = read_events(log, 0)
    assert b"".join(pieces).count(b"seq") == 1
    assert reached == log.last


def test_a_large_part_is_sent_whole_and_what_follows_in_another_response() -> None:
    part = Part("image", {"data": "A" * (2 * MAX_BYTES)})
    log = log_of(Chunk("Here "), part, Chunk("it is."))
    positions = [0]
    while positions[-1] < log.last:
        pieces, reached = read_events(log, positions[-1])
        assert sum(map(len, pieces)) < 2 * MAX_BYTES + 200
        positions.append(reached)
    assert positions == [0, 1, 2, 3]


class TestWaiting:
    """Text waits for the interval since the last response; the end does not."""

    async def start(self, log: EventLog, clock: ManualClock, earliest: float) -> "asyncio.Task[bool]":
        waiting = Waiting(log, clock, log.last, earliest, earliest)
        assert not waiting.is_over
        task = asyncio.create_task(waiting.run(25))
        await settle()
        return task

    async def test_the_first_event_after_a_silence_ends_it_at_once(self) -> None:
        log, clock = log_of(Chunk("a")), ManualClock()
        task = await self.start(log, clock, clock.now())
        log.append(Chunk("b"))
        assert await task
        assert (log.readers, clock.pending) == (0, 0)

    async def test_an_event_that_comes_before_it_has_begun_ends_it(self) -> None:
        log, clock = log_of(Chunk("a")), ManualClock()
        waiting = Waiting(log, clock, log.last, clock.now(), clock.now())
        assert not waiting.is_over
        task = asyncio.create_task(waiting.run(25))
        log.append(Chunk("b"))
        await settle()
        assert task.done()
        assert (log.readers, clock.pending) == (0, 0)

    async def test_what_comes_within_the_interval_waits_for_its_end(self) -> None:
        log, clock = log_of(Chunk("a")), ManualClock()
        task = await self.start(log, clock, clock.now() + 0.05)
        for word in ("b", "c"):
            log.append(Chunk(word))
            clock.advance(0.02)
            await settle()
            assert not task.done()
        clock.advance(0.01)
        assert await task
        assert (log.readers, clock.pending) == (0, 0)

    @pytest.mark.parametrize(("event", "seconds"), [(Chunk("c"), 0.5), (Revision(2, None, None, "failover"), 0.05)])
    async def test_text_that_is_coalesced_waits_longer_than_other_events(self, event: Event, seconds: float) -> None:
        log, clock = log_of(Chunk("a")), ManualClock()
        waiting = Waiting(log, clock, log.last, clock.now() + 0.05, clock.now() + 0.5)
        assert not waiting.is_over
        task = asyncio.create_task(waiting.run(25))
        await settle()
        log.append(Chunk("b"))
        log.append(event)
        clock.advance(seconds - 0.01)
        await settle()
        assert not task.done()
        clock.advance(0.01)
        assert await task
        assert (log.readers, clock.pending) == (0, 0)

    async def test_the_interval_does_not_make_the_wait_longer(self) -> None:
        log, clock = log_of(Chunk("a")), ManualClock()
        task = await self.start(log, clock, clock.now() + 100)
        log.append(Chunk("b"))
        clock.advance(25)
        assert await task

    async def test_data_of_a_provider_does_not_end_it(self) -> None:
        log, clock = log_of(Chunk("a")), ManualClock()
        task = await self.start(log, clock, 0)
        log.extend([Verbatim(b"{}")])
        await settle()
        assert not task.done()
        task.cancel()
        await settle()
        assert (log.readers, clock.pending) == (0, 0)


class TestInterval:
    """Text that comes soon after a response waits, for one client; the next client is answered at once."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"poll_interval": 0.05})

    async def test_text_is_collected_and_the_end_is_not_awaited(self, served: Served) -> None:
        client = await begun(served)
        position = (await client.poll())["position"]
        served.upstream.last.send("one ")
        await until(lambda: served.only.log.last == 3)
        waiting = client.waiting(position)
        await waits(served)
        served.upstream.last.send("two ")
        await until(lambda: served.only.log.last == 4)
        served.clock.advance(0.05)
        answer = await waiting
        assert types(answer) == ["chunk", "chunk"]
        waiting = client.waiting(answer["position"])
        await waits(served)
        served.upstream.last.finish()
        assert (await waiting)["ended"]


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    async with one_target() as harness:
        services = Services(harness.hub, Generations(harness.hub), harness.clock)
        generation = harness.start()
        aborted: list[str] = []

        class Aborting:
            def abort(self) -> None:
                aborted.append("abort")

        async def send(_message: object) -> None:
            await asyncio.Event().wait()

        scope: dict[str, object] = {
            "type": "http",
            "method": "GET",
            "headers": [],
            "query_string": b"",
            PRINCIPAL: anonymous(""),
            "extensions": {WRITER_EXTENSION: Aborting()},
        }
        response = PollResponse(services, Pollers(services), generation, 0, 25, {})
        task = asyncio.create_task(response(scope, None, send))  # type: ignore[arg-type]
        await settle()
        assert harness.hub.viewers == 1
        harness.clock.advance(services.viewer_timeout)
        await task
        assert aborted == ["abort"]
        assert harness.hub.viewers == 0


async def test_a_generation_of_another_principal_is_not_shown_even_if_its_route_forgot_to_ask() -> None:
    async with one_target() as harness:
        services = Services(harness.hub, Generations(harness.hub), harness.clock)
        response = PollResponse(services, Pollers(services), harness.start(principal="alice"), 0, 25, {})
        scope: dict[str, object] = {"type": "http", "headers": [], "client": None, PRINCIPAL: Principal("bob", "key")}
        with pytest.raises(Refused) as refused:
            await response(scope, None, None)  # type: ignore[arg-type]
        assert refused.value.code is Code.GENERATION_LOST
        assert harness.hub.viewers == 0
