"""A viewer whose text is coalesced: it reads the same as another one, later by its interval at most."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.slots import Slots
from gateway.api.services import Services
from gateway.generation.event_log import Entry
from gateway.generation.fan_out import SLICE
from gateway.generation.generation import Generation
from gateway.pipeline.hub import Hub
from gateway.protocol.events import Chunk, Event, Part, ToolCall, Verbatim
from gateway.replicas.generations import Generations
from gateway.routing.registry import ModelRegistry
from tests.gateway.generation.test_event_log import TERMINAL, events, read
from tests.manual_clock import ManualClock
from tests.start_requests import start_request
from transports.coalescing import SHORTEST, is_text
from transports.viewer import Viewer


@dataclass
class Connection:
    """A connection that records what it writes, and when; unless `open`, each write fills it."""

    answer: "Answer"
    framing: str = "fake"
    transport: str = "sse"
    open: bool = True
    writes: list[tuple[float, list[Entry]]] = field(default_factory=list)
    heartbeats: int = 0

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        # Viewers share frames, so a frame is the number of an entry in a list that they share, too.
        self.answer.framed.append(entry)
        return str(len(self.answer.framed) - 1).encode()

    def write(self, frames: Sequence[bytes]) -> bool:
        self.writes.append((self.answer.clock.now(), [self.answer.framed[int(frame)] for frame in frames]))
        return self.open

    def unsent_bytes(self) -> int:
        return 0

    def send_heartbeat(self) -> bool:
        self.heartbeats += 1
        return self.open

    @property
    def entries(self) -> list[Entry]:
        return [entry for _, entries in self.writes for entry in entries]

    @property
    def texts(self) -> list[str]:
        return [entry.text for entry in self.entries if entry.kind is Chunk]


@dataclass
class Answer:
    """A generation that the test appends to, and viewers that only watch it."""

    setting: int = 0
    option: int | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    framed: list[Entry] = field(default_factory=list)
    viewers: list[Viewer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.generation = Generation("g_1", start_request(coalesce_ms=self.option), "r", "m", self.clock.now())
        self.log = self.generation.log
        hub = Hub(ModelRegistry([]), Slots(0, 0), self.clock)
        self.services = Services(hub, Generations(hub), self.clock, coalesce_ms=self.setting)
        self.appended = {1: self.clock.now()}
        """When each event was appended."""

    def view(self, coalesce_ms: int | None = None, after: int = 0, framing: str = "fake") -> Connection:
        connection = Connection(self, framing)
        self.viewer = Viewer(self.services, connection, lambda: None, watches=True)
        self.viewer.attach(self.generation, after, coalesce_ms)
        self.viewer.begin()
        self.viewers.append(self.viewer)
        return connection

    def append(self, *events: Event) -> None:
        for event in events:
            self.appended[self.log.last + 1] = self.clock.now()
            self.log.append(event)

    def close(self) -> None:
        for viewer in self.viewers:
            viewer.close()
        assert (self.log.readers, self.clock.pending) == (0, 0)


@pytest.mark.parametrize(
    ("setting", "option", "asked", "is_joined"),
    [
        (0, None, None, False),
        (50, None, None, True),
        (0, 50, None, True),
        (50, 0, None, False),
        (0, 0, 50, True),
        (50, 50, 0, False),
    ],
)
def test_viewer_start_and_settings_say_for_how_long(
    setting: int, option: int | None, asked: int | None, *, is_joined: bool
) -> None:
    answer = Answer(setting, option)
    connection = answer.view(asked)
    answer.append(*map(Chunk, "abc"))
    assert connection.texts == (["a"] if is_joined else ["a", "b", "c"])
    answer.clock.advance(0.05)
    assert connection.texts == (["a", "bc"] if is_joined else ["a", "b", "c"])
    answer.close()


def test_viewers_with_and_without_it_do_not_share_frames_and_those_alike_do() -> None:
    answer = Answer()
    plain, first, second = answer.view(), answer.view(50), answer.view(50)
    answer.append(Chunk("a"))
    plain_too = answer.view(after=answer.log.last)
    answer.append(Chunk("b"))
    answer.append(Chunk("c"))
    framed = len(answer.framed)
    answer.clock.advance(0.05)
    assert plain.texts == ["a", "b", "c"]
    assert plain_too.texts == ["b", "c"]
    assert first.texts == second.texts == ["a", "bc"]
    assert len(answer.framed) == framed + 1
    answer.close()


def test_an_answer_that_has_ended_is_read_joined() -> None:
    answer = Answer(option=50)
    answer.append(*map(Chunk, "abc"), TERMINAL)
    assert answer.view().texts == ["abc"]
    answer.close()


def test_what_waits_is_written_before_a_viewer_detaches() -> None:
    answer = Answer()
    connection = answer.view(50)
    answer.append(*map(Chunk, "abc"))
    assert answer.viewer.detach("g_1")
    assert connection.texts == ["a", "bc"]
    answer.append(Chunk("d"))
    answer.clock.advance(1)
    assert connection.texts == ["a", "bc"]
    answer.close()


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("coalesce_ms", [0, 50])
def test_what_others_are_called_for_first_is_written_before_a_viewer_detaches(coalesce_ms: int, *, ends: bool) -> None:
    answer = Answer()
    connection = [answer.view(coalesce_ms) for _ in range(SLICE + 1)][-1]
    answer.append(*map(Chunk, "abc"), *([TERMINAL] if ends else []))
    assert answer.viewer.detach("g_1")
    assert ("".join(connection.texts), connection.entries[-1].last) == ("abc", answer.log.last)
    assert not answer.viewer.detach("g_1")
    answer.clock.advance(0.05)
    assert "".join(connection.texts) == "abc"
    answer.close()


@pytest.mark.parametrize("coalesce_ms", [0, 50])
def test_a_log_that_is_emptied_shows_what_another_owner_appends(coalesce_ms: int) -> None:
    answer = Answer()
    connection = answer.view(coalesce_ms)
    answer.append(*map(Chunk, "ab"))
    answer.log.supersede(0)
    answer.log.wake()
    answer.log.begin_epoch(1)
    answer.append(Chunk("c"))
    answer.clock.advance(0.05)
    assert connection.texts[-1] == "c"
    assert answer.viewer.failure is None
    answer.close()


def test_a_viewer_that_moves_in_its_log_may_change_its_interval() -> None:
    answer = Answer()
    connection = answer.view(50)
    answer.append(*map(Chunk, "ab"))
    answer.viewer.attach(answer.generation, 2, 0)
    answer.viewer.follow()
    answer.append(Chunk("c"))
    assert connection.texts == ["a", "b", "b", "c"]
    answer.close()


def test_nothing_is_written_after_a_stop() -> None:
    answer = Answer()
    connection = answer.view(50)
    answer.append(*map(Chunk, "ab"))
    answer.viewer.stop()
    answer.clock.advance(1)
    answer.close()
    assert connection.texts == ["a"]


def test_a_slow_client_gets_what_has_come_when_it_reads_again() -> None:
    answer = Answer()
    connection = answer.view(50)
    connection.open = False
    answer.append(*map(Chunk, "abc"))
    answer.clock.advance(0.05)
    answer.append(Chunk("d"))
    assert connection.texts == ["a"]
    # It is not sent what still waits for the interval.
    connection.open = True
    answer.viewer.resume()
    assert connection.texts == ["a", "bcd"]
    answer.close()


def test_a_heartbeat_does_not_wait_for_text_nor_text_for_a_heartbeat() -> None:
    answer = Answer()
    connection = answer.view(1000)
    answer.append(Chunk("a"))
    answer.clock.advance(14.5)
    answer.append(Chunk("b"), Chunk("c"))
    answer.clock.advance(1)
    assert (connection.texts, connection.heartbeats) == (["a", "b", "c"], 0)
    answer.clock.advance(15)
    assert connection.heartbeats == 1
    answer.close()


def test_a_connection_of_a_provider_s_api_knows_where_each_event_of_joined_text_ends() -> None:
    answer = Answer()
    connection = answer.view(50, framing="")
    answer.append(*map(Chunk, ("a", "bcd", "e")))
    answer.log.extend([Verbatim(b'{"usage":1}')])
    assert connection.texts == ["a", "bcde"]
    assert [*connection.entries[-2].ends] == [3, 4]
    assert connection.entries[-1].kind is Verbatim
    answer.close()


intervals = st.sampled_from([None, 0, 20, 50, 1000])
steps = st.lists(
    st.one_of(
        events,
        st.integers(0, 30).map(lambda count: [Chunk("x")] * count),
        st.sampled_from([1, 5, 20, 49, 50, 51, 1500]),
        st.sampled_from(["full", "drained"]),
    ),
    max_size=40,
)


def rest_after(answer: Answer, seq: int) -> list[tuple[str, str]]:
    return read([*answer.log.since(seq)])


@given(steps=steps, asked=st.lists(intervals, min_size=1, max_size=4), framing=st.sampled_from(["fake", ""]))
def test_every_viewer_reads_the_log_and_can_resume_at_each_position(
    steps: list[object], asked: list[int | None], framing: str
) -> None:
    answer = Answer(setting=20)
    connections = [answer.view(milliseconds, framing=framing) for milliseconds in asked]
    for step in steps:
        if isinstance(step, int):
            answer.clock.advance(step / 1000)
        elif isinstance(step, str):
            connections[0].open = step == "drained"
            if connections[0].open:
                answer.viewers[0].resume()
        else:
            answer.append(*step if isinstance(step, list) else (step,))
    answer.append(TERMINAL)
    connections[0].open = True
    answer.viewers[0].resume()
    for connection in connections:
        # Nothing is lost, doubled or in another order, and the end is there at once.
        assert read(connection.entries) == rest_after(answer, 0)
        positions = [entry.last for entry in connection.entries]
        assert positions == sorted(set(positions))
        for place, position in enumerate(positions):
            assert rest_after(answer, position) == read(connection.entries[place + 1 :])
    for milliseconds, connection in [*zip(asked, connections, strict=True)][1:]:
        check_times(answer, connection, (20 if milliseconds is None else milliseconds) / 1000)
    answer.close()


def check_times(answer: Answer, connection: Connection, interval: float) -> None:
    """Check when a viewer wrote that was never slow."""
    next_text = 0.0
    for time, entries in connection.writes:
        for entry in entries:
            delay = time - answer.appended[entry.first]
            assert delay < interval + 1e-6
            if not is_text(entry):
                assert delay == 0
        if all(map(is_text, entries)):
            assert time > next_text - 1e-6
            next_text = time + SHORTEST * interval


def test_tool_calls_and_parts_are_not_delayed() -> None:
    answer = Answer(option=50)
    connection = answer.view()
    answer.append(Chunk("a"), Chunk("b"), ToolCall(0, "call_1", "search", ""))
    answer.append(Chunk("c"), Part("image", {"data": "d"}))
    assert connection.texts == ["a", "b", "c"]
    assert [entry.last for entry in connection.entries] == [1, 2, 3, 4, 5, 6]
    answer.close()
