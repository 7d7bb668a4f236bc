"""Viewers that are written to in one loop get what each of them would get by itself, after every step."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.slots import Slots
from gateway.api.services import Services
from gateway.generation.event_log import Entry, EventLog
from gateway.generation.fan_out import SLICE, FanOut
from gateway.generation.generation import Generation
from gateway.pipeline.hub import Hub
from gateway.protocol.events import Chunk, Event, Reasoning, ToolCall, Verbatim
from gateway.replicas.generations import Generations
from gateway.routing.registry import ModelRegistry
from tests.gateway.generation.generations import new_generation, streaming
from tests.manual_clock import ManualClock
from transports.viewer import Viewer

VIEWERS = SLICE + 40
NOTED = (0, 1, 2, 3, SLICE - 1, SLICE, SLICE + 1, VIEWERS - 2, VIEWERS - 1)
"""The viewers that something happens to: at the edges of a slice, and elsewhere."""


@dataclass
class Connection:
    """A connection that keeps what is written; unless `open`, each write fills it. Its transport has one framing."""

    framing: str
    transport: str = "sse"
    open: bool = True
    broken: bool = False
    written: list[bytes] = field(default_factory=list)

    def frame(self, _generation_id: str, entry: Entry) -> bytes:
        return b"" if entry.kind is Verbatim else b"%b %d %b\n" % (self.framing.encode(), entry.last, entry.data)

    def write(self, frames: Sequence[bytes]) -> bool:
        if self.broken:
            message = "a connection that fails"
            raise ValueError(message)
        self.written.append(b"".join(frames))
        return self.open

    def unsent_bytes(self) -> int:
        return 0

    def send_heartbeat(self) -> bool:
        self.written.append(b"heartbeat")
        return self.open


class CountingClock(ManualClock):
    """A clock that counts how often it is read."""

    reads = 0

    def now(self) -> float:
        self.reads += 1
        return super().now()


class CalledViewer(Viewer):
    """A viewer that is called by itself: the reference."""

    def _new_fan_out(self) -> FanOut:
        return FanOut(self._clock.call_later)


class Audience:
    """The viewers of one generation."""

    def __init__(self, viewer: type[Viewer], generation: Generation | None = None, *, shares: bool = True) -> None:
        self.clock = CountingClock()
        hub = Hub(ModelRegistry([]), Slots(0, 0), self.clock)
        self._services = Services(hub, Generations(hub), self.clock, heartbeat=15)
        self._viewer = viewer
        self.generation: Generation = generation or streaming(1 << 20)
        self.connections: list[Connection] = []
        self.viewers: list[Viewer] = []
        for number in range(VIEWERS):
            # Now and then one with another framing, one that shares no frames, and one whose text is joined.
            framing = "" if number % 97 == 96 or not shares else "other" if number % 7 == 3 else "usual"
            self.add(framing, coalesce_ms=50 if number % 89 == 2 else 0)

    def add(self, framing: str, after: int = 0, coalesce_ms: int = 0) -> None:
        connection = Connection(framing)
        # They watch: the hub does not know the generation.
        viewer = self._viewer(self._services, connection, lambda: None, close_at_end=True, watches=True)
        viewer.attach(self.generation, after, coalesce_ms)
        viewer.begin()
        self.connections.append(connection)
        self.viewers.append(viewer)

    def step(self, name: str, which: int, events: Sequence[Event]) -> None:
        if name == "append":
            self.generation.log.extend(events)
        elif name == "verbatim":
            self.generation.log.extend([Verbatim(b"data")])
        elif name in {"turn", "wait"}:
            self.clock.advance(16 if name == "wait" else 0)
        elif name == "join":
            self.add("usual", after=min(which, self.generation.log.last))
        else:
            self._disturb(name, self.viewers[which], self.connections[which])

    def _disturb(self, name: str, viewer: Viewer, connection: Connection) -> None:
        match name:
            case "slow":
                connection.open = False
            case "resume":
                connection.open = True
                viewer.resume()
            case "break":
                connection.broken = True
            case "leave":
                viewer.leave()
            case "detach":
                viewer.detach(self.generation.id)

    def close(self) -> None:
        for viewer in self.viewers:
            viewer.close()
        # The next slice, in which none is left.
        self.step("turn", 0, ())
        assert self.clock.pending == 0

    @property
    def state(self) -> tuple[object, ...]:
        connections = [connection.written for connection in self.connections]
        viewers = [(viewer.sent_bytes, viewer.is_behind, viewer.finished, len(viewer)) for viewer in self.viewers]
        return connections, viewers, self.generation.log.written_at, self.generation.log.readers, self.clock.pending


EVENTS = st.one_of(
    st.builds(Chunk, st.text("aé", min_size=1, max_size=3)),
    st.builds(Reasoning, st.just("r")),
    st.builds(ToolCall, st.just(0), st.none(), st.none(), st.just("{}")),
)
NAMES = ("slow", "resume", "break", "leave", "detach", "join", "wait", "verbatim")
STEPS = st.tuples(
    st.one_of(*[st.just("append")] * 3, st.just("turn"), st.sampled_from(NAMES)),
    st.sampled_from(NOTED),
    st.lists(EVENTS, min_size=1, max_size=3),
)


@given(steps=st.lists(STEPS, min_size=1, max_size=20), ends=st.booleans())
@settings(max_examples=25, deadline=None)
def test_each_viewer_gets_what_it_would_get_by_itself(
    steps: Sequence[tuple[str, int, Sequence[Event]]], ends: bool
) -> None:
    audience, reference = Audience(Viewer), Audience(CalledViewer)
    for step in steps:
        audience.step(*step)
        reference.step(*step)
        assert audience.state == reference.state
    if ends:
        for each in (audience, reference):
            each.generation.on_finished(200.0)
            each.step("turn", 0, ())
        assert audience.state == reference.state
    audience.close()
    reference.close()


def test_viewers_that_share_no_frames_get_the_first_event_of_an_empty_log() -> None:
    for viewer in (Viewer, CalledViewer):
        # As that of a generation of another gateway is, whose events come later.
        generation = new_generation()
        generation.log = EventLog(generation.id)
        audience = Audience(viewer, generation, shares=False)
        audience.step("append", 0, [Chunk("a")])
        audience.step("turn", 0, ())
        assert {len(connection.written) for connection in audience.connections} == {1}
        assert all(b"".join(connection.written) for connection in audience.connections)
        audience.close()


def test_those_that_keep_up_are_not_called_one_by_one() -> None:
    audience = Audience(Viewer)
    before = audience.clock.reads
    audience.step("append", 0, [Chunk("a")])
    # One that is called by itself reads the clock. Those do that share no frames, and those whose text is joined.
    assert audience.clock.reads - before < VIEWERS / 8
    audience.close()
