"""Numbers of projected events do not depend on how a log or a viewer joins text."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.dialects.base import ProjectedEvent, Projection, ResponseIdentity
from gateway.dialects.numbering import OWNER_NUMBERS, NumberedProjection, count_events, pieces_of
from gateway.dialects.tanstack import TanStackDialect
from gateway.generation.event_log import Entry, EventLog, merge
from gateway.protocol.commands import JsonObject
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


IDENTITY = ResponseIdentity("g", "m", 0)


def projections() -> list[Projection]:
    body: JsonObject = {"threadId": "t", "runId": "r", "messages": []}
    return [EachAsTwo(), AiSdkProjection(IDENTITY, "msg_1"), TanStackDialect().replayed(body, IDENTITY)]


@given(EVENTS, st.integers(0, 120))
def test_events_that_a_client_has_are_left_out_and_counted(events: list[Event], skip: int) -> None:
    log = EventLog("g")
    for event in events:
        log.append(event)
    joined = [*merge(log.since(0), with_ends=True)]
    for whole, resumed, counted in zip(projections(), projections(), projections(), strict=True):
        expected = [event for entry in log.since(0) for event in NumberedProjection(whole).project(entry)]
        numbered = NumberedProjection(resumed, skip)
        found: list[ProjectedEvent] = []
        for entry in joined:
            shown = numbered.project(entry)
            assert numbered.count - len(shown) >= min(skip, numbered.count)
            found += shown
        assert found == expected[skip:]
        assert numbered.count == len(expected) == count_events(counted, joined)


class Recorded(EachAsTwo):
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        self.calls += 1
        return super().project(entry)


def test_text_that_a_client_has_is_not_taken_apart() -> None:
    log, projection = EventLog("g"), Recorded()
    log.extend([TextBatch.of(Chunk, ["a"] * 10_000)])
    assert count_events(projection, log.since(0)) == 20_000
    assert projection.calls == 3


def epochs(*events: Event) -> Sequence[Entry]:
    """Return a log whose owner was lost after two events, and what its successor has appended."""
    log = EventLog("g")
    log.extend([START, Chunk("kept")])
    log.begin_epoch(1)
    log.extend(events)
    return log.since(0)


def numbers(skip: int, *, is_dense: bool = False) -> list[int]:
    projection, found = NumberedProjection(EachAsTwo(), skip, is_dense=is_dense), list[int]()
    for entry in epochs(Chunk("a"), Chunk("b")):
        events = projection.project(entry)
        found += range(projection.count - len(events), projection.count)
    return found


def test_what_another_owner_has_appended_has_numbers_of_its_own() -> None:
    later = [OWNER_NUMBERS + number for number in range(4)]
    assert numbers(0) == [0, 1, 2, 3, *later]
    assert numbers(3) == [3, *later]
    # It has seen events that were lost, or some of those after them.
    assert numbers(90) == later
    assert numbers(OWNER_NUMBERS + 1) == later[1:]
    assert numbers(OWNER_NUMBERS + 4) == []


def test_a_client_that_counts_by_itself_gets_all_that_another_owner_has_appended() -> None:
    assert numbers(0, is_dense=True) == list(range(8))
    assert numbers(4, is_dense=True) == [4, 5, 6, 7]
    assert numbers(90, is_dense=True) == [4, 5, 6, 7]
    assert count_events(EachAsTwo(), epochs(Chunk("a"), Chunk("b"))) == 8
