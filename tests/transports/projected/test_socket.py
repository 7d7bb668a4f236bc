"""A generation on a socket: numbered events in the envelopes of a dialect."""

from collections.abc import Sequence

import orjson
import pytest

from gateway.dialects.base import ProjectedEvent
from gateway.generation.event_log import Entry, EventLog, merge
from gateway.protocol.events import Chunk, Complete, Metrics, TextBatch, Usage
from transports.projected.socket import SocketStream


class Words:
    """A projection with one event for each piece of text, and one for the end."""

    def __init__(self, cut_at: str = "") -> None:
        self.is_cut = False
        self._cut_at = cut_at

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        if entry.kind is Complete:
            return [ProjectedEvent(b'"end"')]
        self.is_cut = self.is_cut or entry.text == self._cut_at
        return () if self.is_cut else [ProjectedEvent(orjson.dumps(entry.text))]


def stream_of(words: Words, skip: int = 0) -> SocketStream:
    return SocketStream(
        words,
        lambda number, event: b'{"n":%d,"e":%b}' % (number, event.data),
        lambda is_cut: [b'{"cut":true}' if is_cut else b'{"over":true}'],
        skip=skip,
    )


@pytest.fixture
def log() -> EventLog:
    log = EventLog("g")
    log.extend([TextBatch.of(Chunk, ["a", "b"]), Chunk("c")])
    log.append(Complete("stop", Usage(1, 1, "exact"), None, Metrics("", 0.0, 0.0, 0.0, 0, 0, 0, None, 1, 1)))
    return log


ALL = [b'{"n":0,"e":"a"}', b'{"n":1,"e":"b"}', b'{"n":2,"e":"c"}', b'{"n":3,"e":"end"}', b'{"over":true}']


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("skip", range(5))
def test_numbers_do_not_depend_on_what_was_joined(log: EventLog, joined: bool, skip: int) -> None:
    stream = stream_of(Words(), skip)
    entries = log.since(0)
    found = [
        message
        for entry in (merge(entries, with_ends=True) if joined else entries)
        for message in stream.messages(entry)
    ]
    assert found == ALL[skip:]
    assert stream.is_over


def test_a_cut_ends_the_stream_before_its_generation(log: EventLog) -> None:
    stream = stream_of(Words(cut_at="b"))
    found = [message for entry in log.since(0) for message in stream.messages(entry)]
    assert found == [b'{"n":0,"e":"a"}', b'{"cut":true}']
