"""Many readers of one log are called in slices, and none misses anything."""

from collections.abc import Callable
from functools import partial

import pytest

from gateway.generation.event_log import EventLog
from gateway.generation.fan_out import SLICE, FanOut
from gateway.protocol.events import Chunk


class Reader:
    """A cursor that notes what it reads."""

    def __init__(self, log: EventLog) -> None:
        self.read: list[int] = []
        self._log = log

    def __call__(self) -> None:
        self.read += [entry.last for entry in self._log.since(self.read[-1] if self.read else 0)]


class Loop:
    """An event loop whose turns the test takes."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        assert delay == 0
        self.waiting.append(callback)

    def turn(self) -> None:
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()


def log_with(loop: Loop, count: int) -> tuple[EventLog, list[Reader]]:
    log = EventLog("g_1")
    readers = [Reader(log) for _ in range(count)]
    for reader in readers:
        log.subscribe(reader, partial(FanOut, loop.call_later))
    return log, readers


def test_some_readers_are_called_at_once() -> None:
    loop = Loop()
    log, readers = log_with(loop, SLICE)
    log.append(Chunk("a"))
    assert all(reader.read == [1] for reader in readers)
    assert loop.waiting == []


def test_many_readers_are_called_slice_by_slice() -> None:
    loop = Loop()
    log, readers = log_with(loop, 2 * SLICE + 1)
    log.append(Chunk("a"))
    assert [len(reader.read) for reader in readers] == [1] * SLICE + [0] * (SLICE + 1)
    assert len(loop.waiting) == 1
    loop.turn()
    loop.turn()
    assert all(reader.read == [1] for reader in readers)
    assert loop.waiting == []


def test_a_reader_that_waits_is_not_overtaken_and_reads_all_in_one_call() -> None:
    loop = Loop()
    log, readers = log_with(loop, 2 * SLICE)
    log.append(Chunk("a"))
    log.append(Chunk("b"))
    assert (readers[0].read, readers[-1].read) == ([1], [])
    loop.turn()
    assert (readers[0].read, readers[-1].read) == ([1], [1, 2])
    loop.turn()
    assert all(reader.read == [1, 2] for reader in readers)
    assert loop.waiting == []


def test_a_reader_that_unsubscribes_is_not_called() -> None:
    loop = Loop()
    log, readers = log_with(loop, 2 * SLICE)
    log.append(Chunk("a"))
    log.unsubscribe(readers[-1])
    loop.turn()
    assert (readers[-2].read, readers[-1].read) == ([1], [])


def test_readers_may_drop_others_and_append() -> None:
    loop, called = Loop(), list[str]()
    fan_out = FanOut(loop.call_later)
    readers = dict[str, Callable[[], None]]()

    def read(name: str) -> None:
        called.append(name)
        if name == "a" and called.count("a") == 1:
            fan_out.drop(readers["b"])
            fan_out.call([readers["a"]])

    readers |= {name: partial(read, name) for name in "abc"}
    fan_out.call(readers.values())
    assert called == ["a", "c"]
    loop.turn()
    assert called == ["a", "c", "a"]


def test_a_reader_that_fails_keeps_no_other_from_being_called() -> None:
    loop, called = Loop(), list[str]()
    fan_out = FanOut(loop.call_later)

    def fail() -> None:
        message = "a reader that fails"
        raise ValueError(message)

    readers: list[Callable[[], None]] = [fail, partial(called.append, "a")]
    with pytest.raises(ValueError, match="a reader that fails"):
        fan_out.call(readers)
    loop.turn()
    assert called == ["a"]
    fan_out.call(readers[1:])
    assert called == ["a", "a"]
