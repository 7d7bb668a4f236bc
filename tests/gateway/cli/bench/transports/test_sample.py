"""What is recorded of one answer."""

import pytest

from gateway.cli.bench.transports.sample import Answer, Failure, Recorder, Traffic
from gateway.client.frames import Frame
from gateway.protocol.events import Accepted, Chunk, Complete, Error, Event, Metrics, Usage

MS = 1_000_000
BEGAN = 5_000 * MS
TRAFFIC = Traffic(100, 50)
METRICS = Metrics("r", None, 0, 0, 0, 0, 0, None, 1, 1)
USAGE = Usage(1, 1, "exact")


def recorded(*events: tuple[int, Event | None]) -> Recorder:
    recorder = Recorder(BEGAN)
    for seq, (ms, event) in enumerate(events):
        recorder.add(Frame("g", seq, event), BEGAN + ms * MS)
    return recorder


def stamped(ms: int, text: str = "") -> str:
    return f"@{BEGAN + ms * MS:019}@{text}"


def test_times_of_a_complete_answer() -> None:
    found = recorded(
        (2, Accepted("g", "r", "m")),
        (3, None),
        (12, Chunk(stamped(10, "a"))),
        (15, Chunk(stamped(13, "b") + stamped(14, "c"))),
        (15, Chunk("d")),
        (25, Chunk(stamped(24))),
        (30, Complete("stop", USAGE, None, METRICS)),
    ).answer(TRAFFIC)
    assert isinstance(found, Answer)
    assert (found.accepted, found.ttft, found.events, found.traffic) == (0.002, 0.012, 7, TRAFFIC)
    # Two chunks that are read at once have no gap between them.
    assert found.gaps == pytest.approx([0.003, 0.01])
    assert found.delays == pytest.approx([0.002, 0.002, 0.001, 0.001])


def test_an_answer_that_failed_and_one_without_text() -> None:
    error = Error("stall", "Nothing came.", True, None, False, None, None, None)
    assert recorded((1, Accepted("g", "r", "m")), (2, error)).answer(TRAFFIC) == Failure("stall", "Nothing came.")
    empty = recorded((1, Accepted("g", "r", "m")), (2, Complete("stop", USAGE, None, METRICS))).answer(TRAFFIC)
    assert isinstance(empty, Failure)
    assert empty.code == "empty"
