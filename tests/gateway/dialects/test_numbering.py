"""Numbers of projected events do not depend on how a log or a viewer joins text."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.numbering import NumberedProjection, pieces_of
from gateway.generation.event_log import Entry, EventLog, merge
from gateway.protocol.events import Chunk, Event, Reasoning, Start, TextBatch, ToolCall

START = Start("p", "m", 1, 1)
EVENTS = st.lists(
    st.one_of(
        st.builds(Chunk, st.text(max_size=5)),
        st.builds(Reasoning, st.text(max_size=5)),
        st.builds(lambda text: ToolCall(0, None, None, text), st.text(max_size=5)),
        st.just(START),
    ),
    max_size=40,
)


class EachAsTwo:
    """Projects each event as its JSON, twice."""

    is_cut = False

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        return [ProjectedEvent(entry.data)] * 2


def projected(entries: Sequence[Entry]) -> list[bytes]:
    projection = NumberedProjection(EachAsTwo())
    found = [event.data for entry in entries for event in projection.project(entry)]
    assert projection.count == len(found)
    return found


@given(EVENTS, st.integers(2, 8))
def test_joined_text_is_projected_piece_by_piece(events: list[Event], max_entries: int) -> None:
    single, small = EventLog("g"), EventLog("g", max_entries=max_entries)
    for event in events:
        single.append(event)
        small.append(event)
    expected = projected(single.since(0))
    assert projected(list(merge(single.since(0), with_ends=True))) == expected
    assert projected(small.since(0)) == expected
    small.compact()
    assert projected(small.since(0)) == expected


@given(st.lists(st.text(max_size=5), min_size=2, max_size=9))
def test_a_batch_of_one_read_is_several_events(texts: list[str]) -> None:
    log, singles = EventLog("g"), EventLog("g")
    log.extend([TextBatch.of(Chunk, texts)])
    singles.extend(map(Chunk, texts))
    pieces = list(pieces_of(log.since(0)[0]))
    assert [(piece.first, piece.last, piece.data) for piece in pieces] == [
        (entry.first, entry.last, entry.data) for entry in singles.since(0)
    ]
