"""A log that several gateways share: what is held, dropped, and added in its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.generation.event_log import EPOCH_EVENTS, EventLog, merge
from gateway.protocol.events import Accepted, Chunk, Error, Event, Gap, Reasoning, Revision, Verbatim

ERROR = Error("generation_lost", "lost", True, None, True, None, None, None)


def log_of(*events: Event, max_entries: int = 512) -> EventLog:
    log = EventLog("g_1", max_entries=max_entries)
    for event in events:
        log.append(event)
    return log


def read(log: EventLog, after: int = 0) -> list[Event]:
    return [entry.event for entry in merge(log.since(after))]


def test_nothing_that_can_be_read_changes_while_it_is_held() -> None:
    log = log_of(Accepted("g_1", "r", "m"), Chunk("a"))
    called: list[int] = []
    log.on_append = log.on_end = lambda: called.append(log.last)
    log.subscribe(lambda: called.append(log.last))
    log.hold()
    log.hold()
    log.append(Chunk("b"))
    log.extend([Verbatim(b"data"), Chunk("c"), Verbatim(b"more")])
    log.append(ERROR)
    assert (log.last, log.ended, log.text(), called, log.is_held) == (2, False, "a", [], True)
    assert read(log, 2) == []
    log.release()
    assert (log.last, log.ended, log.text(), called) == (6, True, "abc", [6, 6])
    assert log.since(3)[0].verbatim == b"data"
    log.release()
    assert called == [6, 6]
    with pytest.raises(AssertionError):
        log.append(Chunk("d"))


def test_what_stores_the_log_learns_of_an_append_or_of_the_end() -> None:
    log = log_of(Accepted("g_1", "r", "m"))
    called: list[str] = []
    log.on_append, log.on_end = (lambda: called.append("append")), (lambda: called.append("end"))
    log.extend([Chunk("a"), Chunk("b")])
    log.on_append = None
    log.append(Chunk("c"))
    assert called == ["append"]
    log.append(ERROR)
    assert called == ["append", "end"]


def test_what_another_owner_has_appended_comes_in_place_of_what_is_dropped() -> None:
    log = log_of(Accepted("g_1", "r", "m"), Chunk("kept "), Chunk("lost "), Chunk("lost"))
    log.hold()
    log.append(Chunk("held"))
    other = log_of()
    other.last = EPOCH_EVENTS
    other.append(ERROR)
    log.supersede(2)
    for entry in other.since(EPOCH_EVENTS):
        log.add_entry(entry)
    assert (log.last, log.ended, log.text()) == (EPOCH_EVENTS + 1, True, "kept ")
    assert read(log, 1) == [Chunk("kept "), ERROR]
    assert read(log, 2) == [ERROR]
    for seen in (3, 4):
        assert read(log, seen) == [Gap(seen + 1, EPOCH_EVENTS, "kept "), ERROR]


def test_a_log_that_had_ended_and_is_kept_has_ended() -> None:
    log = log_of(Accepted("g_1", "r", "m"), ERROR)
    log.supersede(2)
    assert log.ended
    log.supersede(1)
    assert not log.ended


def test_the_text_of_a_gap_is_that_of_the_revision_that_was_lost() -> None:
    log = log_of(Accepted("g_1", "r", "m"), Chunk("first"), Revision(2, None, None, "failover"), Chunk("second"))
    log.begin_epoch(1)
    log.append(Revision(3, None, None, "failover"))
    log.append(Chunk("third"))
    gap, *rest = read(log, 7)
    assert gap == Gap(8, EPOCH_EVENTS, "second")
    assert rest == [Revision(3, None, None, "failover"), Chunk("third")]


def test_nothing_follows_a_change_of_the_owner_yet() -> None:
    log = log_of(Accepted("g_1", "r", "m"), Chunk("a"))
    log.begin_epoch(1)
    assert read(log, 2) == read(log, 5) == []
    log.begin_epoch(2)
    log.append(Chunk("b"))
    assert read(log, 2) == [Chunk("b")]
    assert log.last == 2 * EPOCH_EVENTS + 1


@given(
    st.lists(st.sampled_from(["a", "bb", "ç"]), min_size=1, max_size=30),
    st.data(),
)
def test_any_prefix_is_kept_whatever_was_joined(texts: list[str], data: st.DataObject) -> None:
    log = log_of(*(Chunk(text) for text in texts), max_entries=data.draw(st.sampled_from([2, 512])))
    if data.draw(st.booleans()):
        log.compact()
    kept = data.draw(st.integers(0, len(texts)))
    log.supersede(kept)
    log.begin_epoch(1)
    log.append(Reasoning("r"))
    assert log.text() == "".join(texts[:kept])
    for seen in range(len(texts) + 1):
        found = read(log, seen)
        if seen <= kept:
            assert "".join(event.content for event in found if isinstance(event, Chunk)) == "".join(texts[seen:kept])
        else:
            assert found[0] == Gap(seen + 1, EPOCH_EVENTS, "".join(texts[:kept]))
        assert found[-1] == Reasoning("r")


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 8)), max_size=20))
def test_a_long_log_of_another_gateway_is_kept_in_few_entries(batches: list[tuple[int, int]]) -> None:
    source = log_of(*(Chunk("x") for _ in range(200)))
    log = EventLog("g_1", max_entries=8)
    for first, count in batches:
        for entry in source.since(first - 1)[:count]:
            if entry.first <= log.last + 1:
                log.add_entry(entry)
    assert len(log) <= 8
    assert log.text() == "x" * log.last
