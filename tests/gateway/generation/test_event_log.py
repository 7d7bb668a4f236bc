"""The log: consecutive positions, readable from each of them, after entries were joined too."""

from itertools import groupby, pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.generation.event_log import Entry, EventLog, merge
from gateway.generation.log_entries import join_text
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Event,
    Metrics,
    Part,
    Reasoning,
    Revision,
    Start,
    TextBatch,
    ToolCall,
    Usage,
    encode,
)

TERMINAL = Complete("stop", Usage(1, 2, "exact"), None, Metrics("r", 1.0, 2.0, 0.0, 1, 1, 1, None, 1, 1))
texts = st.text(min_size=0, max_size=12)
events = st.one_of(
    texts.map(Chunk),
    texts.map(Chunk),
    texts.map(Reasoning),
    st.builds(ToolCall, index=st.integers(0, 1), id=st.none(), name=st.none(), arguments=texts),
    st.builds(ToolCall, index=st.just(0), id=st.just("c"), name=st.just('"arguments":"'), arguments=texts),
    st.builds(ToolCall, index=st.just(0), id=st.none(), name=st.none(), arguments=texts, signature=st.just("s")),
    texts.map(lambda text: Part("image", {"data": text})),
    st.builds(Revision, revision=st.integers(2, 9), feedback_id=st.just("f"), cancel_ms=st.just(1.0)),
)


def read(entries: list[Entry] | tuple[Entry, ...]) -> list[tuple[str, str]]:
    """Return what a client reads: consecutive text joined, everything else unchanged."""
    found: list[tuple[str, str]] = []
    for entry in entries:
        event = orjson.loads(entry.data)
        assert encode(entry.event) == entry.data
        kind = event.pop("type")
        text = str(event.get("content", event))
        is_text = kind in {"chunk", "reasoning"}
        if kind == "tool_call" and event["id"] is None and "signature" not in event:
            kind, text, is_text = f"arguments of {event['index']}", event["arguments"], True
        if is_text and not text:
            continue
        if is_text and found and kind == found[-1][0]:
            found[-1] = (kind, found[-1][1] + text)
        else:
            found.append((kind, text))
    return found


def expected_rest(history: list[Event], after: int) -> list[tuple[str, str]]:
    return read(
        [Entry(n, n, type(event), encode(event), (), event) for n, event in enumerate(history, start=1)][after:]
    )


@given(st.lists(events, max_size=40), st.integers(2, 10), st.booleans())
def test_every_position_reads_the_rest_exactly_once(history: list[Event], hold: int, compacted: bool) -> None:
    log = EventLog("g", max_entries=hold)
    for event in history:
        log.append(event)
    if compacted:
        log.compact()
    assert log.last == len(history)
    for after in range(len(history) + 1):
        entries = log.since(after)
        assert read(list(entries)) == expected_rest(history, after)
        assert read(list(merge(entries))) == expected_rest(history, after)
        reached = after
        for entry in entries:
            assert entry.first == reached + 1
            reached = entry.last
        assert reached == log.last


def separate(entries: list[Entry]) -> list[int]:
    """Return the length of each text, those that were joined one by one."""
    return [
        length
        for entry in entries
        if entry.kind is Chunk or entry.kind is Reasoning
        for length in ([end - begin for begin, end in pairwise((0, *entry.ends))] or [len(entry.text)])
    ]


def lengths(history: list[Event]) -> list[int]:
    """Return the length of each text."""
    return [len(event.content) for event in history if isinstance(event, Chunk | Reasoning)]


runs = st.tuples(st.sampled_from([Chunk, Reasoning]), st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6))


@given(st.lists(st.one_of(events, runs), max_size=20), st.integers(2, 10), st.booleans())
def test_a_batch_is_read_like_single_events(
    history: list[Event | tuple[type[Chunk | Reasoning], list[str]]], hold: int, compacted: bool
) -> None:
    log, one_by_one = EventLog("g", max_entries=hold), list[Event]()
    for event in history:
        if isinstance(event, tuple):
            kind, pieces = event
            log.extend([TextBatch.of(kind, pieces)])
            one_by_one += map(kind, pieces)
        else:
            log.append(event)
            one_by_one.append(event)
    if compacted:
        log.compact()
    assert log.last == len(one_by_one)
    for after in range(log.last + 1):
        entries = log.since(after)
        assert read(list(entries)) == read(list(merge(entries))) == expected_rest(one_by_one, after)
        if len(entries) > 1 and (joined := join_text(entries)) is not None:
            assert [joined] == list(merge(entries))
            assert [join_text(entries, with_ends=True)] == list(merge(entries, with_ends=True))
        assert [entry.first for entry in entries] == [after + 1, *(entry.last + 1 for entry in entries)][: len(entries)]
        # With the ends of the joined events, each of them can be had again.
        assert separate(list(merge(entries, with_ends=True))) == separate(list(entries)) == lengths(one_by_one[after:])


plain = st.one_of(texts.map(Chunk), st.tuples(st.just(Chunk), st.lists(texts, min_size=1, max_size=4)))


@given(st.lists(plain, max_size=6) | st.lists(st.one_of(events, runs), max_size=6), st.booleans(), st.booleans())
def test_a_log_is_joined_as_for_a_reader_of_all_of_it(
    answer: list[Event | tuple[type[Chunk | Reasoning], list[str]]], is_begun: bool, is_ended: bool
) -> None:
    log = EventLog("g")
    log.append(Accepted("g", "r", "m"))
    if is_begun:
        log.append(Start("p", "m", 1, 1))
    for event in answer:
        log.extend([TextBatch.of(*event) if isinstance(event, tuple) else event])
    if is_ended:
        log.append(TERMINAL)
    expected = list(merge(log.entries, with_ends=True))
    log.compact()
    assert log.entries == expected
    assert [type(entry.ends) for entry in log.entries] == [type(entry.ends) for entry in expected]


@given(st.lists(st.tuples(events, st.integers(0, 12)), max_size=20))
def test_batches_that_overlap_are_appended_once(history: list[tuple[Event, int]]) -> None:
    log, copy = EventLog("g"), EventLog("g")
    for event, overlap in history:
        log.append(event)
        for entry in merge(log.since(max(0, copy.last - overlap)), with_ends=True):
            copy.add_entry(entry)
    one_by_one = [event for event, _ in history]
    for after in range(log.last + 1):
        assert read(list(copy.since(after))) == expected_rest(one_by_one, after)


@given(st.lists(events, max_size=30), st.integers(2, 8))
def test_the_text_is_that_of_the_newest_revision(history: list[Event], hold: int) -> None:
    log = EventLog("g", max_entries=hold)
    log.extend(history)
    expected = ""
    for event in history:
        if isinstance(event, Revision):
            expected = ""
        elif isinstance(event, Chunk):
            expected += event.content
    assert log.text() == expected


def test_a_long_answer_of_small_pieces_is_kept_in_few_entries() -> None:
    log = EventLog("g", max_entries=100)
    for _ in range(10_000):
        log.append(Chunk("x"))
    assert len(log) < 200
    assert sum(len(entry.data) for entry in log.since(0)) < 40_000


@given(st.lists(st.tuples(st.integers(0, 1), st.text(min_size=1, max_size=4)), max_size=60))
def test_arguments_are_joined_as_json_strings(deltas: list[tuple[int, str]]) -> None:
    log = EventLog("g", max_entries=4)
    log.extend(ToolCall(index, None, None, text) for index, text in deltas)
    log.compact()
    assert len(log) == len(list(groupby(deltas, lambda delta: delta[0])))
    for entry in log.since(0):
        call = entry.event
        assert isinstance(call, ToolCall)
        assert call.arguments == "".join(text for _, text in deltas[entry.first - 1 : entry.last])


def test_a_tool_call_of_many_small_pieces_is_kept_in_few_entries() -> None:
    log = EventLog("g", max_entries=100)
    log.append(ToolCall(0, "c", "write", ""))
    for _ in range(31_000):
        log.append(ToolCall(0, None, None, "abcd"))
    assert len(log) < 200
    assert sum(len(entry.data) for entry in log.since(0)) < 150_000
    assert max(len(entry.data) for entry in merge(log.since(0))) < 64 * 1024


def test_an_image_is_kept_once() -> None:
    log, image = EventLog("g"), Part("image", {"media_type": "image/png", "data": "A" * 1000})
    log.append(image)
    (entry,) = log.since(0)
    assert entry.other is None
    assert entry.event == image


def test_joined_text_stays_below_the_limit_of_a_message() -> None:
    log = EventLog("g")
    log.extend(Chunk("x" * 1000) for _ in range(200))
    assert max(len(entry.data) for entry in merge(log.since(0))) < 64 * 1024


def test_nothing_follows_the_end() -> None:
    log = EventLog("g")
    log.append(TERMINAL)
    assert log.ended
    with pytest.raises(AssertionError, match="after the terminal event"):
        log.append(Chunk("late"))


def test_content_of_one_read_wakes_once() -> None:
    log, calls = EventLog("g"), list[int]()
    listener = lambda: calls.append(log.last)  # noqa: E731
    log.subscribe(listener)
    log.extend([Chunk("a"), Chunk("b")])
    log.append(Accepted("g", "r", "m"))
    log.unsubscribe(listener)
    log.unsubscribe(listener)
    log.append(Chunk("c"))
    assert calls == [2, 3]
