"""The viewing loop alone, over an outlet that the test opens and shuts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest

from gateway.admission.slots import Slots
from gateway.api.services import Services
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from gateway.pipeline.hub import Hub
from gateway.protocol.errors import Refused
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from tests.support import ANYBODY, ManualClock, ScriptedUpstream, ask, settle
from transports.viewer import Viewer


@dataclass
class GatedOutlet:
    """Takes frames; while the gate is shut, it takes one batch and says that it is full."""

    framing: str = "gated"
    open: bool = True
    batches: list[list[str]] = field(default_factory=list)
    framed: int = 0
    beats: int = 0
    broken: bool = False

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        self.framed += 1
        if self.broken:
            message = "an outlet that fails"
            raise ValueError(message)
        return entry.data

    def write(self, frames: Sequence[bytes]) -> bool:
        self.batches.append([frame.decode() for frame in frames])
        return self.open

    def send_heartbeat(self) -> bool:
        self.beats += 1
        return self.open

    @property
    def text(self) -> str:
        shown = [orjson.loads(frame) for batch in self.batches for frame in batch]
        return "".join(event["content"] for event in shown if event["type"] == "chunk")


@dataclass
class Seat:
    """A viewing, and how often it said that it is over."""

    viewing: Viewer
    ends: int = 0


@dataclass
class Room:
    services: Services
    upstream: ScriptedUpstream
    clock: ManualClock
    seats: list[Seat] = field(default_factory=list)

    async def streaming(self) -> Generation:
        generation = self.services.hub.start(ask(), request_id="r", principal=ANYBODY)
        await settle()
        return generation

    def view(self, *generations: Generation, outlet: GatedOutlet, after: int = 0) -> Seat:
        def ended() -> None:
            seat.ends += 1

        seat = Seat(Viewer(self.services, outlet, ended, close_at_end=True))
        for generation in generations:
            seat.viewing.attach(generation, after)
        seat.viewing.begin()
        self.seats.append(seat)
        return seat


@asynccontextmanager
async def room() -> AsyncIterator[Room]:
    clock, upstream = ManualClock(), ScriptedUpstream()
    limits = Limits(stall_timeout=0, first_token_timeout=0)
    model = Model("m", [Target(upstream, limits=limits)], Policy(limits))
    hub = Hub(ModelRegistry([model]), Slots(0, 0), clock)
    made = Room(Services(hub, clock, heartbeat=15), upstream, clock)
    yield made
    for seat in made.seats:
        seat.viewing.close()
    assert hub.viewers == 0
    await hub.close()
    assert clock.pending == 0


async def test_a_viewer_that_lags_gets_the_text_joined_and_nothing_lost() -> None:
    async with room() as it:
        generation = await it.streaming()
        quick, slow = GatedOutlet(), GatedOutlet(open=False)
        it.view(generation, outlet=quick)
        lagging = it.view(generation, outlet=slow)
        for number in range(100):
            it.upstream.last.send(f"{number} ")
            await settle()
        assert len(quick.batches) == 101
        assert len(slow.batches) == 1
        slow.open = True
        lagging.viewing.resume()
        it.upstream.last.finish()
        await settle()
        assert slow.text == quick.text == "".join(f"{number} " for number in range(100))
        assert sum(map(len, slow.batches)) < 10


async def test_what_is_written_at_once_has_a_bound_however_few_the_entries() -> None:
    async with room() as it:
        generation = await it.streaming()
        for _ in range(10):
            it.upstream.last.send("x" * 20_000)
            await settle()
        outlet = GatedOutlet()
        it.view(generation, outlet=outlet)
        assert len(outlet.text) == 200_000
        assert max(sum(map(len, batch)) for batch in outlet.batches) < 64 * 1024


async def test_viewers_side_by_side_share_each_frame() -> None:
    async with room() as it:
        generation = await it.streaming()
        outlets = [GatedOutlet() for _ in range(20)]
        for outlet in outlets:
            it.view(generation, outlet=outlet)
        before = sum(outlet.framed for outlet in outlets)
        it.upstream.last.send("one ", "two ")
        await settle()
        assert sum(outlet.framed for outlet in outlets) - before == 2
        assert {outlet.text for outlet in outlets} == {"one two "}


async def test_it_ends_when_all_that_it_views_has_ended() -> None:
    async with room() as it:
        first, second = await it.streaming(), await it.streaming()
        seat = it.view(first, second, outlet=GatedOutlet())
        assert it.services.hub.viewers == 2
        it.upstream.calls[0].finish()
        await settle()
        assert len(seat.viewing) == 1
        assert seat.ends == 0
        it.upstream.calls[1].finish()
        await settle()
        assert seat.ends == 1
        assert seat.viewing.finished
        assert it.services.hub.viewers == 0


async def test_one_that_ended_while_there_was_no_room_is_written_to_its_end() -> None:
    async with room() as it:
        generation = await it.streaming()
        outlet = GatedOutlet(open=False)
        seat = it.view(generation, outlet=outlet)
        it.upstream.last.send("x")
        it.upstream.last.finish()
        await settle()
        assert len(outlet.batches) == 1
        assert seat.ends == 0
        seat.viewing.resume()
        assert seat.ends == 1
        assert seat.viewing.finished
        assert len(outlet.batches) == 1
        assert [orjson.loads(frame)["type"] for frame in seat.viewing.final_frames] == ["chunk", "complete"]
        seat.viewing.resume()


async def test_attaching_again_moves_the_cursor_and_counts_one_viewer() -> None:
    async with room() as it:
        generation = await it.streaming()
        it.upstream.last.send("one ", "two ")
        await settle()
        outlet = GatedOutlet()
        seat = it.view(generation, outlet=outlet)
        seat.viewing.attach(generation, 3)
        assert outlet.text == "one two "
        seat.viewing.follow()
        assert outlet.text == "one two two "
        assert it.services.hub.viewers == 1
        seat.viewing.close()
        seat.viewing.close()
        assert it.services.hub.viewers == 0


async def test_a_position_that_is_not_reached_yet_is_refused_and_counts_nobody() -> None:
    async with room() as it:
        generation = await it.streaming()
        viewing = Viewer(it.services, GatedOutlet(), lambda: None)
        with pytest.raises(Refused, match="has 2 events so far, not 9"):
            viewing.attach(generation, 9)
        assert it.services.hub.viewers == 0


async def test_nothing_is_written_before_it_begins_nor_after_it_is_stopped() -> None:
    async with room() as it:
        generation = await it.streaming()
        outlet = GatedOutlet()
        viewing = Viewer(it.services, outlet, lambda: None)
        viewing.attach(generation, 0)
        it.upstream.last.send("one ")
        viewing.resume()
        await settle()
        assert outlet.batches == []
        viewing.begin()
        assert outlet.text == "one "
        viewing.stop()
        it.upstream.last.send("two ")
        viewing.resume()
        await settle()
        assert outlet.text == "one "
        viewing.close()


async def test_a_client_that_reads_nothing_for_too_long_is_cut_off_and_holds_nobody_up() -> None:
    async with room() as it:
        generation = await it.streaming()
        reading = GatedOutlet()
        stuck = it.view(generation, outlet=GatedOutlet(open=False))
        it.view(generation, outlet=reading)
        for _ in range(4):
            it.upstream.last.send("x")
            it.clock.advance(15)
            await settle()
        assert stuck.ends == 1
        assert not stuck.viewing.finished
        stuck.viewing.close()
        assert it.services.hub.viewers == 1
        assert reading.text == "xxxx"


async def test_an_outlet_that_fails_is_its_owners_fault_and_nobody_elses() -> None:
    async with room() as it:
        generation = await it.streaming()
        reading = GatedOutlet()
        failing = it.view(generation, outlet=GatedOutlet(framing="failing", broken=True))
        it.view(generation, outlet=reading)
        it.upstream.last.send("x")
        it.upstream.last.finish()
        await settle()
        assert failing.ends == 1
        assert isinstance(failing.viewing.failure, ValueError)
        assert reading.text == "x"
        assert generation.state.is_terminal


async def test_heartbeats_fill_silence_only() -> None:
    async with room() as it:
        generation = await it.streaming()
        outlet = GatedOutlet()
        seat = it.view(generation, outlet=outlet)
        for number in range(3):
            it.clock.advance(14.9)
            assert outlet.beats == number
            it.clock.advance(0.1)
            assert outlet.beats == number + 1
        it.clock.advance(10)
        it.upstream.last.send("x")
        await settle()
        it.clock.advance(14.9)
        assert outlet.beats == 3
        it.clock.advance(0.1)
        assert outlet.beats == 4
        seat.viewing.close()
        it.clock.advance(100)
        assert outlet.beats == 4
