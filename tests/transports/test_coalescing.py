"""The listener between a log and a viewer: what waits, and for how long."""

from dataclasses import dataclass, field

from gateway.generation.event_log import EventLog
from gateway.protocol.events import (
    Chunk,
    Event,
    Interrupted,
    Reasoning,
    Revision,
    TextBatch,
    ToolCall,
    Verbatim,
)
from tests.gateway.generation.test_event_log import TERMINAL
from tests.manual_clock import ManualClock
from transports.coalescing import CoalescedListener, Coalescer, chosen_ms

INTERRUPTED = Interrupted("client", None, 1.0, TERMINAL.usage, None, TERMINAL.metrics)
CALL = ToolCall(0, "call_1", "search", "")


@dataclass
class Reader:
    """What a listener of one log calls."""

    log: EventLog
    clock: ManualClock
    seq: int = 0
    reads: list[tuple[float, int]] = field(default_factory=list)
    """When it was called, in milliseconds, and the last event then."""

    def __call__(self) -> None:
        self.reads.append((round((self.clock.now() - 1000) * 1000), self.log.last))


@dataclass
class Harness:
    """One coalescer, and a listener of one log."""

    clock: ManualClock = field(default_factory=ManualClock)
    log: EventLog = field(default_factory=lambda: EventLog("g_1"))

    def __post_init__(self) -> None:
        self.coalescer = Coalescer(self.clock)
        self.reader = self.follow(self.log)

    def follow(self, log: EventLog, seconds: float = 0.05, *, sees_verbatim: bool = False) -> Reader:
        reader = Reader(log, self.clock)
        self.listener = CoalescedListener(self.coalescer, log, seconds, reader, sees_verbatim=sees_verbatim)
        log.subscribe(self.listener)
        return reader

    def append(self, *events: Event, ms: int = 0) -> None:
        """Append events one by one, and wait some milliseconds after each."""
        for event in events:
            self.log.append(event)
            self.clock.advance(ms / 1000)


def test_the_first_text_is_read_at_once_and_what_follows_is_joined() -> None:
    harness = Harness()
    harness.append(*map(Chunk, "abcdefgh"), ms=20)
    harness.clock.advance(1)
    # "c" takes "b" with it at 40 ms, "e" at 80 and "g" at 120; nothing comes for "h", at 140.
    assert harness.reader.reads == [(0, 1), (40, 3), (80, 5), (120, 7), (170, 8)]


def test_text_waits_for_the_interval_at_most() -> None:
    harness = Harness()
    harness.append(Chunk("a"), ms=33)
    harness.append(Chunk("b"), ms=17)
    assert harness.reader.reads == [(0, 1), (50, 2)]
    harness.append(Chunk("c"), ms=34 - 17)
    harness.append(Chunk("d"), ms=17)
    harness.append(Chunk("e"))
    assert harness.reader.reads[2:] == [(84, 5)]


def test_after_a_silence_text_is_read_at_once_again() -> None:
    harness = Harness()
    harness.append(Chunk("a"), Chunk("b"), ms=50)
    harness.append(Chunk("c"), ms=20)
    harness.append(Chunk("d"))
    assert harness.reader.reads == [(0, 1), (50, 2), (100, 3)]
    harness.clock.advance(0.03)
    assert harness.reader.reads[-1] == (150, 4)


def test_a_reader_that_comes_while_text_flows_has_just_read_some() -> None:
    harness, log = Harness(), EventLog("g_2")
    log.append(Chunk("a"))
    reader = harness.follow(log)
    log.append(Chunk("b"))
    harness.clock.advance(0.05)
    assert reader.reads == [(50, 2)]


def test_what_is_not_text_takes_what_waits_with_it_at_once() -> None:
    for event in (TERMINAL, INTERRUPTED, CALL, Revision(2, None, None, "failover")):
        harness = Harness()
        harness.append(Chunk("a"), Chunk("b"), ms=10)
        harness.append(event)
        assert harness.reader.reads == [(0, 1), (20, 3)]
        assert not harness.listener.waits
        harness.clock.advance(1)
        assert (len(harness.reader.reads), harness.clock.pending) == (2, 0)


def test_what_is_not_text_does_not_delay_the_first_text() -> None:
    harness = Harness()
    harness.append(CALL, Chunk("a"))
    assert harness.reader.reads == [(0, 1), (0, 2)]


def test_reasoning_arguments_and_text_wait() -> None:
    harness = Harness()
    harness.append(Reasoning("a"), Reasoning("b"), ToolCall(0, None, None, "{"), Chunk("c"), ms=10)
    assert harness.reader.reads == [(0, 1)]
    harness.clock.advance(0.01)
    assert harness.reader.reads == [(0, 1), (50, 4)]


def test_text_that_came_together_with_something_else_is_read_at_once() -> None:
    harness = Harness()
    harness.append(Chunk("a"))
    harness.log.extend([TextBatch.of(Chunk, ["b", "c"]), TERMINAL])
    assert harness.reader.reads == [(0, 1), (0, 4)]


def test_text_that_came_after_something_else_begins_an_interval() -> None:
    harness = Harness()
    harness.log.extend([Revision(2, None, None), Chunk("a")])
    harness.append(Chunk("b"), ms=60)
    assert harness.reader.reads == [(0, 2), (50, 3)]


def test_data_of_a_provider_calls_only_a_reader_that_sees_it() -> None:
    log = EventLog("g_2")
    harness = Harness()
    blind, seeing = harness.follow(log), harness.follow(log, sees_verbatim=True)
    log.extend([Verbatim(b"{}")])
    assert (blind.reads, seeing.reads) == ([], [(0, 1)])
    log.append(Chunk("a"))
    log.append(Chunk("b"))
    log.extend([Verbatim(b"{}")])
    assert (blind.reads, seeing.reads) == ([(0, 2)], [(0, 1), (0, 2), (0, 4)])
    harness.clock.advance(0.05)
    assert blind.reads == [(0, 2), (50, 4)]


def test_each_log_has_its_own_interval_and_all_share_one_timer() -> None:
    harness, other = Harness(), EventLog("g_2")
    slow = harness.follow(other, 0.5)
    for _ in range(2):
        other.append(Chunk("x"))
        harness.append(Chunk("a"))
    assert harness.clock.pending == 1
    harness.clock.advance(0.05)
    assert (harness.reader.reads, slow.reads) == ([(0, 1), (50, 2)], [(0, 1)])
    harness.clock.advance(0.45)
    assert slow.reads == [(0, 1), (500, 2)]
    assert harness.clock.pending == 0


def test_a_timer_that_is_a_little_early_reads_all_the_same() -> None:
    harness = Harness()
    harness.append(Chunk("a"), Chunk("b"))
    harness.coalescer._on_due()
    assert harness.reader.reads[-1] == (0, 2)


def test_what_waits_can_be_released_and_is_forgotten_at_the_end() -> None:
    harness = Harness()
    harness.append(Chunk("a"), Chunk("b"))
    harness.listener.call_viewer()
    assert harness.reader.reads == [(0, 1), (0, 2)]
    harness.append(Chunk("c"))
    harness.coalescer.close()
    assert (len(harness.reader.reads), harness.clock.pending) == (2, 0)


def test_events_that_another_owner_has_taken_back_are_read_anew_at_once() -> None:
    harness = Harness()
    harness.append(*map(Chunk, "abc"))
    harness.log.supersede(1)
    harness.log.wake()
    assert harness.reader.reads[-1] == (0, 1)


def test_the_most_specific_choice_counts() -> None:
    assert chosen_ms(None, None, 50) == 50
    assert chosen_ms(None, 20, 50) == 20
    assert chosen_ms(0, 20, 50) == 0
    assert chosen_ms(None, None) == 0
