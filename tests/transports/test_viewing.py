"""The viewing loop alone, over an outlet that the test opens and shuts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest

from gateway.admission.slots import Slots
from gateway.attempts.watchdog import Limits
from gateway.errors import Refused
from gateway.generation import Generation
from gateway.hub import Hub
from gateway.log import Entry
from gateway.models import Models
from gateway.pipeline import Policy, Provider
from tests.support import ManualClock, ScriptedUpstream, ask, settle
from transports.base import Services, Viewing


@dataclass
class GatedOutlet:
    """Takes a batch of frames only while the gate is open."""

    framing: str = "gated"
    open: asyncio.Event = field(default_factory=asyncio.Event)
    batches: list[list[str]] = field(default_factory=list)
    framed: int = 0
    beats: int = 0

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        self.framed += 1
        return entry.data

    async def write(self, frames: Sequence[bytes]) -> None:
        await self.open.wait()
        self.batches.append([frame.decode() for frame in frames])

    async def beat(self) -> None:
        self.beats += 1

    @property
    def text(self) -> str:
        shown = [orjson.loads(frame) for batch in self.batches for frame in batch]
        return "".join(event["content"] for event in shown if event["type"] == "chunk")


@dataclass
class Room:
    services: Services
    upstream: ScriptedUpstream
    clock: ManualClock
    tasks: list[asyncio.Task[bool]] = field(default_factory=list)

    async def streaming(self) -> Generation:
        generation = self.services.hub.start(ask(), request_id="r")
        await settle()
        return generation

    async def view(self, *generations: Generation, outlet: GatedOutlet, after: int = 0) -> Viewing:
        viewing = Viewing(self.services, outlet)
        for generation in generations:
            viewing.attach(generation.id, after)
        self.tasks.append(asyncio.create_task(viewing.run(until_over=True)))
        await settle()
        return viewing


@asynccontextmanager
async def room() -> AsyncIterator[Room]:
    clock, upstream = ManualClock(), ScriptedUpstream()
    hub = Hub(Provider(upstream), Models(("m",)), Slots(0, 0), clock, policy=Policy(Limits(stall=0, first_token=0)))
    made = Room(Services(hub, clock, heartbeat=15), upstream, clock)
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    await hub.close()


def opened() -> GatedOutlet:
    outlet = GatedOutlet()
    outlet.open.set()
    return outlet


async def test_a_viewer_that_lags_gets_the_text_joined_and_nothing_lost() -> None:
    async with room() as it:
        generation = await it.streaming()
        quick, slow = opened(), GatedOutlet()
        await it.view(generation, outlet=quick)
        await it.view(generation, outlet=slow)
        for number in range(100):
            it.upstream.last.send(f"{number} ")
            await settle()
        assert len(quick.batches) == 101
        assert slow.batches == []
        slow.open.set()
        it.upstream.last.finish()
        await settle()
        assert slow.text == quick.text == "".join(f"{number} " for number in range(100))
        assert sum(map(len, slow.batches)) < 10


async def test_viewers_side_by_side_share_each_frame() -> None:
    async with room() as it:
        generation = await it.streaming()
        outlets = [opened() for _ in range(20)]
        for outlet in outlets:
            await it.view(generation, outlet=outlet)
        before = sum(outlet.framed for outlet in outlets)
        it.upstream.last.send("one ", "two ")
        await settle()
        assert sum(outlet.framed for outlet in outlets) - before == 2
        assert {outlet.text for outlet in outlets} == {"one two "}


async def test_it_ends_when_all_that_it_views_has_ended() -> None:
    async with room() as it:
        first, second = await it.streaming(), await it.streaming()
        outlet = opened()
        viewing = await it.view(first, second, outlet=outlet)
        assert it.services.hub.viewers == 2
        it.upstream.calls[0].finish()
        await settle()
        assert len(viewing) == 1
        assert not it.tasks[0].done()
        it.upstream.calls[1].finish()
        await settle()
        assert it.tasks[0].done()
        assert it.services.hub.viewers == 0
        viewing.close()


async def test_one_that_ended_while_it_was_written_is_written_to_its_end() -> None:
    async with room() as it:
        generation = await it.streaming()
        outlet = GatedOutlet()
        await it.view(generation, outlet=outlet)
        it.upstream.last.send("x")
        it.upstream.last.finish()
        await settle()
        outlet.open.set()
        await settle()
        assert orjson.loads(outlet.batches[-1][-1])["type"] == "complete"
        assert it.tasks[0].done()


async def test_attaching_again_moves_the_cursor_and_counts_one_viewer() -> None:
    async with room() as it:
        generation = await it.streaming()
        it.upstream.last.send("one ", "two ")
        await settle()
        outlet = opened()
        viewing = await it.view(generation, outlet=outlet)
        viewing.attach(generation.id, 3)
        await settle()
        assert outlet.text == "one two two "
        assert it.services.hub.viewers == 1
        viewing.close()
        viewing.close()
        assert it.services.hub.viewers == 0


async def test_a_position_that_is_not_reached_yet_is_refused_and_counts_nobody() -> None:
    async with room() as it:
        generation = await it.streaming()
        viewing = Viewing(it.services, opened())
        with pytest.raises(Refused, match="has 2 events so far, not 9"):
            viewing.attach(generation.id, 9)
        assert it.services.hub.viewers == 0


async def test_a_client_that_reads_nothing_for_too_long_is_cut_off_and_holds_nobody_up() -> None:
    async with room() as it:
        generation = await it.streaming()
        stuck, reading = GatedOutlet(), opened()
        viewing = await it.view(generation, outlet=stuck)
        await it.view(generation, outlet=reading)
        for _ in range(4):
            it.upstream.last.send("x")
            it.clock.advance(15)
            await settle()
        assert it.tasks[0].done()
        assert it.tasks[0].result() is False
        viewing.close()
        assert it.services.hub.viewers == 1
        assert reading.text == "xxxx"


async def test_heartbeats_fill_silence_only() -> None:
    async with room() as it:
        generation = await it.streaming()
        outlet = opened()
        viewing = await it.view(generation, outlet=outlet)
        for _ in range(3):
            it.clock.advance(14.9)
            await settle()
            beats = outlet.beats
            it.clock.advance(0.1)
            await settle()
            assert outlet.beats == beats + 1
        it.clock.advance(10)
        it.upstream.last.send("x")
        await settle()
        it.clock.advance(14.9)
        await settle()
        assert outlet.beats == 3
        it.clock.advance(0.1)
        await settle()
        assert outlet.beats == 4
        viewing.close()
        it.clock.advance(100)
        await settle()
        assert outlet.beats == 4
