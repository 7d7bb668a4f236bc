"""The viewer alone, on a connection whose buffer the test fills and empties."""

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
from gateway.protocol.events import Part
from gateway.replicas.generations import Generations
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream
from tests.start_requests import ANONYMOUS, start_request
from transports.viewer import Viewer


@dataclass
class FakeConnection:
    """A connection that records frames; unless `open`, each write fills it."""

    framing: str = "fake"
    transport: str = "sse"
    open: bool = True
    batches: list[list[str]] = field(default_factory=list)
    written: list[Sequence[bytes]] = field(default_factory=list)
    framed: int = 0
    heartbeats: int = 0
    broken: bool = False
    unsent: int = 0

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        self.framed += 1
        if self.broken:
            message = "a connection that fails"
            raise ValueError(message)
        return entry.data

    def write(self, frames: Sequence[bytes]) -> bool:
        self.batches.append([frame.decode() for frame in frames])
        self.written.append(frames)
        return self.open

    def unsent_bytes(self) -> int:
        return self.unsent

    def send_heartbeat(self) -> bool:
        self.heartbeats += 1
        return self.open

    @property
    def text(self) -> str:
        events = [orjson.loads(frame) for batch in self.batches for frame in batch]
        return "".join(event["content"] for event in events if event["type"] == "chunk")


@dataclass
class ObservedViewer:
    """A viewer, and how often it has reported its end."""

    viewer: Viewer
    ends: int = 0


@dataclass
class Harness:
    services: Services
    upstream: ScriptedUpstream
    clock: ManualClock
    viewings: list[ObservedViewer] = field(default_factory=list)

    async def start(self) -> Generation:
        generation = self.services.hub.start(start_request(), request_id="r", principal=ANONYMOUS)
        await settle()
        return generation

    def view(self, *generations: Generation, connection: FakeConnection, after: int = 0) -> ObservedViewer:
        def ended() -> None:
            viewing.ends += 1

        viewing = ObservedViewer(Viewer(self.services, connection, ended, close_at_end=True))
        for generation in generations:
            viewing.viewer.attach(generation, after)
        viewing.viewer.begin()
        self.viewings.append(viewing)
        return viewing


@asynccontextmanager
async def new_harness() -> AsyncIterator[Harness]:
    clock, upstream = ManualClock(), ScriptedUpstream()
    limits = Limits(stall_timeout=0, first_token_timeout=0)
    model = Model("m", [Target(upstream, limits=limits)], Policy(limits))
    hub = Hub(ModelRegistry([model]), Slots(0, 0), clock)
    harness = Harness(Services(hub, Generations(hub), clock, heartbeat=15), upstream, clock)
    yield harness
    for viewing in harness.viewings:
        viewing.viewer.close()
    assert hub.viewers == 0
    await hub.close()
    assert clock.pending == 0


async def test_a_slow_viewer_receives_joined_text_and_loses_nothing() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        quick, slow = FakeConnection(), FakeConnection(open=False)
        harness.view(generation, connection=quick)
        lagging = harness.view(generation, connection=slow)
        for number in range(100):
            harness.upstream.last.send(f"{number} ")
            await settle()
        assert len(quick.batches) == 101
        assert len(slow.batches) == 1
        slow.open = True
        lagging.viewer.resume()
        harness.upstream.last.finish()
        await settle()
        assert slow.text == quick.text == "".join(f"{number} " for number in range(100))
        assert sum(map(len, slow.batches)) < 10


async def test_the_size_of_a_write_is_limited() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        for _ in range(10):
            harness.upstream.last.send("x" * 20_000)
            await settle()
        connection = FakeConnection()
        harness.view(generation, connection=connection)
        assert len(connection.text) == 200_000
        assert max(sum(map(len, batch)) for batch in connection.batches) < 64 * 1024


async def test_viewers_share_each_frame() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        outlets = [FakeConnection() for _ in range(20)]
        for connection in outlets:
            harness.view(generation, connection=connection)
        before = sum(connection.framed for connection in outlets)
        harness.upstream.last.send("one ", "two ")
        await settle()
        assert sum(connection.framed for connection in outlets) - before == 2
        assert {connection.text for connection in outlets} == {"one two "}


async def test_viewers_share_the_frame_of_a_part_wherever_they_stand() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        image = Part("image", {"data": "A" * 100_000})
        connections = [FakeConnection(open=False) for _ in range(10)]
        viewings = []
        for number, connection in enumerate(connections):
            viewings.append(harness.view(generation, connection=connection))
            harness.upstream.last.send(f"{number} ")
            await settle()
        harness.upstream.last.send(image)
        harness.upstream.last.send("after")
        await settle()
        for connection, viewing in zip(connections, viewings, strict=True):
            connection.open = True
            viewing.viewer.resume()
        writes = [frames for connection in connections for frames in connection.written]
        parts = [frame for frames in writes for frame in frames if len(frame) > 100_000]
        assert len(parts) == 10
        assert len({id(frame) for frame in parts}) == 1
        # It is written alone: joined with other frames it would be copied.
        assert all(len(frames) == 1 for frames in writes if parts[0] in frames)
        for viewing in viewings:
            viewing.viewer.close()
        assert generation.log.shared_frames is None


async def test_it_ends_when_all_its_generations_have_ended() -> None:
    async with new_harness() as harness:
        first, second = await harness.start(), await harness.start()
        viewing = harness.view(first, second, connection=FakeConnection())
        assert harness.services.hub.viewers == 2
        harness.upstream.calls[0].finish()
        await settle()
        assert len(viewing.viewer) == 1
        assert viewing.ends == 0
        harness.upstream.calls[1].finish()
        await settle()
        assert viewing.ends == 1
        assert viewing.viewer.finished
        assert harness.services.hub.viewers == 0


async def test_a_generation_that_ends_while_the_buffer_is_full_is_written_to_its_end() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        connection = FakeConnection(open=False)
        viewing = harness.view(generation, connection=connection)
        harness.upstream.last.send("x")
        harness.upstream.last.finish()
        await settle()
        assert len(connection.batches) == 1
        assert viewing.ends == 0
        viewing.viewer.resume()
        assert viewing.ends == 1
        assert viewing.viewer.finished
        assert len(connection.batches) == 1
        assert [orjson.loads(frame)["type"] for frame in viewing.viewer.final_frames] == ["chunk", "complete"]
        viewing.viewer.resume()


async def test_attaching_again_moves_the_cursor_and_counts_one_viewer() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        harness.upstream.last.send("one ", "two ")
        await settle()
        connection = FakeConnection()
        viewing = harness.view(generation, connection=connection)
        viewing.viewer.attach(generation, 3)
        assert connection.text == "one two "
        viewing.viewer.follow()
        assert connection.text == "one two two "
        assert harness.services.hub.viewers == 1
        viewing.viewer.close()
        viewing.viewer.close()
        assert harness.services.hub.viewers == 0


async def test_a_position_that_is_not_reached_yet_is_refused_and_adds_no_viewer() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        viewer = Viewer(harness.services, FakeConnection(), lambda: None)
        with pytest.raises(Refused, match="has 2 events so far, not 9"):
            viewer.attach(generation, 9)
        assert harness.services.hub.viewers == 0


async def test_nothing_is_written_before_the_begin_or_after_the_close() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        connection = FakeConnection()
        viewer = Viewer(harness.services, connection, lambda: None)
        viewer.attach(generation, 0)
        harness.upstream.last.send("one ")
        viewer.resume()
        await settle()
        assert connection.batches == []
        viewer.begin()
        assert connection.text == "one "
        viewer.stop()
        harness.upstream.last.send("two ")
        viewer.resume()
        await settle()
        assert connection.text == "one "
        viewer.close()


async def test_one_that_leaves_is_no_viewer_any_more_and_stops_once() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        left, stopped = (harness.view(generation, connection=FakeConnection()) for _ in range(2))
        stopped.viewer.stop()
        for viewing, viewers in ((left, 1), (stopped, 0), (left, 0)):
            viewing.viewer.leave()
            assert (viewing.ends, harness.services.hub.viewers) == (1, viewers)


async def test_a_client_that_reads_nothing_for_too_long_is_disconnected_and_delays_no_other() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        reading = FakeConnection()
        stuck = harness.view(generation, connection=FakeConnection(open=False))
        harness.view(generation, connection=reading)
        for _ in range(4):
            harness.upstream.last.send("x")
            harness.clock.advance(15)
            await settle()
        assert stuck.ends == 1
        assert not stuck.viewer.finished
        stuck.viewer.close()
        assert harness.services.hub.viewers == 1
        assert reading.text == "xxxx"


@pytest.mark.parametrize("seconds", [30.0, 45.0])
async def test_a_client_that_has_read_while_the_gateway_was_paused_stays(seconds: float) -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        slow = FakeConnection(open=False)
        viewing = harness.view(generation, connection=slow)
        harness.upstream.last.send("Hello")
        await settle()
        harness.clock.pause(seconds)
        # Due are the check of the viewer, and then the socket that has become writable.
        harness.clock.advance(0)
        viewing.viewer.resume()
        await settle()
        harness.clock.advance(29)
        await settle()
        assert (viewing.ends, slow.text) == (0, "Hello")
        harness.clock.advance(2)
        await settle()
        assert viewing.ends == 1


async def test_a_client_that_reads_a_large_part_slowly_stays_as_long_as_it_reads() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        slow = FakeConnection(open=False, unsent=10 << 20)
        viewing = harness.view(generation, connection=slow)
        for _ in range(100):
            harness.clock.advance(15)
            slow.unsent -= 40_000
        await settle()
        assert viewing.ends == 0
        # A part that it gets later, when it was at its end of the one before, is larger than what was left of that.
        slow.unsent += 20 << 20
        for _ in range(100):
            harness.clock.advance(15)
            slow.unsent -= 40_000
        await settle()
        assert viewing.ends == 0
        # A trickle is not enough: without large parts, a client had to take as much in that time.
        for _ in range(4):
            harness.clock.advance(15)
            slow.unsent -= 1
        await settle()
        assert viewing.ends == 1


async def test_a_connection_that_fails_affects_no_other_viewer() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        reading = FakeConnection()
        failing = harness.view(generation, connection=FakeConnection(framing="failing", broken=True))
        harness.view(generation, connection=reading)
        harness.upstream.last.send("x")
        harness.upstream.last.finish()
        await settle()
        assert failing.ends == 1
        assert isinstance(failing.viewer.failure, ValueError)
        assert reading.text == "x"
        assert generation.state.is_terminal


async def test_heartbeats_are_sent_during_silence_only() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        connection = FakeConnection()
        viewing = harness.view(generation, connection=connection)
        for number in range(3):
            harness.clock.advance(14.9)
            assert connection.heartbeats == number
            harness.clock.advance(0.1)
            assert connection.heartbeats == number + 1
        harness.clock.advance(10)
        harness.upstream.last.send("x")
        await settle()
        harness.clock.advance(14.9)
        assert connection.heartbeats == 3
        harness.clock.advance(0.1)
        assert connection.heartbeats == 4
        viewing.viewer.close()
        harness.clock.advance(100)
        assert connection.heartbeats == 4


async def test_a_heartbeat_that_is_nearly_due_needs_no_second_timer() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        connection = FakeConnection()
        harness.view(generation, connection=connection)
        for after, heartbeats in ((2, 0), (1, 2)):
            harness.clock.advance(after)
            harness.upstream.last.send("x")
            await settle()
            harness.clock.advance(15 - after)
            assert connection.heartbeats == heartbeats
            harness.clock.advance(after)


async def test_it_is_measured_while_it_writes_and_what_it_has_sent_stays() -> None:
    async with new_harness() as harness:
        generation, figures = await harness.start(), harness.services.viewers
        quick, slow = FakeConnection(), FakeConnection(open=False, transport="websocket")
        viewing, lagging = harness.view(generation, connection=quick), harness.view(generation, connection=slow)
        harness.upstream.last.send("one ")
        await settle()
        assert figures.behind() == {"sse": 0, "websocket": 1}
        sent = sum(len(frame) for frames in quick.written for frame in frames)
        assert figures.sent() == {"sse": sent, "websocket": sum(map(len, slow.written[0]))}
        slow.open = True
        lagging.viewer.resume()
        assert figures.behind() == {"sse": 0, "websocket": 0}
        harness.upstream.last.finish()
        await settle()
        assert viewing.viewer.finished
        viewing.viewer.close()
        lagging.viewer.close()
        # The owner of the connection writes the last frames.
        assert figures.sent()["sse"] == sent + sum(map(len, viewing.viewer.final_frames))
        assert figures.sent()["sse"] == figures.sent()["websocket"]
        assert figures.cut == {}


async def test_one_that_does_not_read_is_counted_as_cut() -> None:
    async with new_harness() as harness:
        generation = await harness.start()
        viewing = harness.view(generation, connection=FakeConnection(open=False))
        harness.clock.advance(harness.services.viewer_timeout)
        await settle()
        assert viewing.ends == 1
        assert harness.services.viewers.cut == {"sse": 1}
