"""The provider's own data in the log: each line is read exactly once, wherever a reader stands."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.generation.event_log import Entry, EventLog, merge
from gateway.protocol.events import Chunk, Event, Reasoning, TextBatch, ToolCall, Verbatim

Step = tuple[list[Event], bytes | None]
"""Content that came from one event of the provider, and the data of that event; None if it is not passed on."""

lines = st.binary(min_size=1, max_size=4).map(lambda data: data.replace(b"\n", b" "))
contents = st.lists(
    st.one_of(
        st.just(Chunk("ab")),
        st.just(Reasoning("c")),
        st.builds(ToolCall, index=st.integers(0, 1), id=st.none(), name=st.none(), arguments=st.just("{")),
    ),
    max_size=3,
)


def written(steps: Sequence[Step], max_entries: int = 512) -> EventLog:
    """Return a log to which each step was added as one read."""
    log = EventLog("g", max_entries=max_entries)
    for content, data in steps:
        log.extend([*([] if data is None else [Verbatim(data)]), *content])
    return log


def lines_of(entries: Sequence[Entry]) -> list[bytes]:
    """Return the provider's data of entries, in order."""
    found: list[bytes] = []
    for entry in entries:
        if entry.verbatim is not None:
            own = entry.verbatim.split(b"\n")
            assert len(own) == entry.last - entry.first + 1, "a line for each event"
            found += [line for line in own if line]
    return found


@given(st.lists(st.tuples(contents, lines | st.none()), max_size=30), st.integers(2, 8), st.booleans())
def test_every_line_is_read_once_from_every_position(steps: list[Step], hold: int, compacted: bool) -> None:
    log, single = written(steps, hold), written(steps)
    if compacted:
        log.compact()
    sent = [data for _, data in steps if data is not None]
    assert lines_of(log.since(0)) == sent
    assert lines_of([*merge(log.since(0))]) == sent
    for after in range(log.last):
        assert lines_of(log.since(after)) == lines_of([entry for entry in single.since(0) if entry.first > after])
    assert log.text() == single.text()


def test_data_without_content_has_a_number_and_nothing_to_show() -> None:
    log = written([([], b"{1}"), ([Chunk("a")], b"{2}"), ([], b"{3}")])
    assert [(entry.first, entry.kind, entry.data, entry.verbatim) for entry in log.since(0)] == [
        (1, Verbatim, b"", b"{1}"),
        (2, Chunk, b'{"type":"chunk","content":"a"}', b"{2}"),
        (3, Verbatim, b"", b"{3}"),
    ]


def test_the_data_is_plain_bytes() -> None:
    (entry,) = written([([Chunk("a")], b"{1}")]).since(0)
    assert type(entry.verbatim) is bytes


def test_data_that_came_in_one_read_stays_beside_its_own_content() -> None:
    log = EventLog("g")
    log.extend([Verbatim(b"{1}"), Verbatim(b"{2}"), Chunk("a"), Chunk("b"), Verbatim(b"{3}")])
    assert [(entry.kind, entry.verbatim) for entry in log.since(0)] == [
        (Verbatim, b"{1}"),
        (Chunk, b"{2}"),
        (Chunk, None),
        (Verbatim, b"{3}"),
    ]


@pytest.mark.parametrize(("after", "rest"), [(0, b"{1}\n{2}\n{3}"), (1, b"{2}\n{3}"), (2, b"{3}")])
def test_a_batch_is_split_where_a_reader_stands(after: int, rest: bytes) -> None:
    log = EventLog("g")
    log.extend([Verbatim(b"{1}\n{2}\n{3}"), TextBatch.of(Chunk, ["a", "b", "c"])])
    (entry,) = log.since(after)
    assert (entry.text, entry.verbatim) == ("abc"[after:], rest)
