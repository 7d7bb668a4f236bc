"""Batches of log entries, as they are stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.generation.event_log import Entry, EventLog, merge
from gateway.protocol.events import Chunk, Event, Reasoning, TextBatch, Verbatim
from gateway.store.entries import decode_entries, encode_entries
from tests.gateway.client.events import EVENTS

LOGGED = [event for event in EVENTS if event.type not in {"gap", "complete", "interrupted", "error"}]
TEXTS = st.lists(st.text(max_size=300), min_size=1, max_size=9)
BATCHES = st.builds(TextBatch.of, st.sampled_from([Chunk, Reasoning]), TEXTS)
ITEMS = st.lists(st.sampled_from(LOGGED) | BATCHES | st.builds(Verbatim, st.binary(max_size=9)), max_size=9)


@given(ITEMS)
def test_entries_are_decoded_as_they_were_encoded(items: list[Event | TextBatch | Verbatim]) -> None:
    log = EventLog("g")
    log.extend([item for item in items if not _has_line_break(item)])
    entries = [*merge(log.since(0), with_ends=True)]
    decoded = decode_entries(encode_entries(entries))
    assert [entry._replace(ends=tuple(entry.ends)) for entry in decoded] == [
        entry._replace(ends=tuple(entry.ends)) for entry in entries
    ]
    again = EventLog("g")
    for entry in decoded:
        again.add_entry(entry)
    for seq in range(log.last + 1):
        assert [entry.data for entry in again.since(seq)][:1] == [entry.data for entry in merge(log.since(seq))][:1]


@pytest.mark.parametrize(
    "entry",
    [
        Entry(1, 1, Chunk, b'{"type":"chunk","content":"%b"}' % (b"x" * 70_000)),
        Entry(1, 2, Chunk, b'{"type":"chunk","content":"%b"}' % (b"x" * 300), (299, 300)),
        Entry(5, 5 + 0x10000, Reasoning, b'{"type":"reasoning","content":""}', (0,) * 0x10001),
        Entry(10**12 + 1, 10**12 + 1, Chunk, b'{"type":"chunk","content":"a"}', verbatim=b""),
        Entry(1, 1, Chunk, b'{"type":"chunk","content":"a" }'),
    ],
    ids=["long text", "long length", "many events", "large number", "other spaces"],
)
def test_sizes_beyond_those_of_the_short_form_are_kept(entry: Entry) -> None:
    (decoded,) = decode_entries(encode_entries([entry]))
    assert decoded._replace(ends=tuple(decoded.ends)) == entry


def test_a_batch_is_small() -> None:
    """Of ten tokens: the version, a header, a byte each, and the text."""
    log = EventLog("g")
    log.extend([Chunk("word ")] * 10)
    assert len(encode_entries([*merge(log.since(0), with_ends=True)])) == 1 + 15 + 10 + 50


@given(st.binary(max_size=60))
def test_damaged_batches_are_value_errors(data: bytes) -> None:
    for damaged in (data, b"\x01" + data):
        try:
            decode_entries(damaged)
        except ValueError:
            continue


def test_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 02"):
        decode_entries(b"\x02")


def _has_line_break(item: Event | TextBatch | Verbatim) -> bool:
    """Return True for what no provider's data has; see `Verbatim`."""
    return isinstance(item, Verbatim) and bytes(item).count(b"\n") > 0
