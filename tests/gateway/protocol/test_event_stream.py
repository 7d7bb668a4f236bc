"""The text/event-stream decoder, compared with the standard for every split of the input."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.event_stream import EventStreamDecoder, EventTooLongError, ServerSentEvent, event_frame

STREAM = (
    "\ufeff: a comment\n"
    "data: Xin chào, thế giới\r\n"
    "data:👩‍👩‍👧 second line\r"
    "id: 7\n\n"
    "event: done\rdata\r\n\r\n"
    "id: bad\0\nretry: 250\nretry: soon\n: only an id, nothing to dispatch\n\r"
    "unknown: field\ndata:  two blanks\nid\n\n"
    "data: never finished"
).encode()

EVENTS = [
    ServerSentEvent("Xin chào, thế giới\n👩‍👩‍👧 second line".encode(), "message", "7"),
    ServerSentEvent(b"", "done", "7"),
    ServerSentEvent(b" two blanks", "message", ""),
]


def decode(pieces: list[bytes]) -> tuple[list[ServerSentEvent], str, int | None]:
    decoder = EventStreamDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events, decoder.last_event_id, decoder.retry_ms


def reference(stream: str) -> list[tuple[str, str, str]]:
    """Decode a complete stream step by step, as the standard words it: the reference implementation."""
    stream = stream.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    data, event, last_id = "", "", ""
    dispatched: list[tuple[str, str, str]] = []
    for line in stream.split("\n")[:-1]:
        if line == "":
            if data:
                dispatched.append((data.removesuffix("\n"), event or "message", last_id))
            data, event = "", ""
            continue
        name, colon, value = line.partition(":")
        if colon and not name:
            continue
        value = value.removeprefix(" ")
        if name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_id = value
    return dispatched


def test_the_whole_stream_at_once() -> None:
    assert decode([STREAM]) == (EVENTS, "", 250)


def test_every_split_in_two_and_byte_by_byte() -> None:
    assert decode([STREAM[i : i + 1] for i in range(len(STREAM))])[0] == EVENTS
    for cut in range(len(STREAM) + 1):
        assert decode([STREAM[:cut], STREAM[cut:]])[0] == EVENTS, cut


def test_every_split_in_three() -> None:
    short = "data: é\r\n\r\ndata: 🙂\r\rid:1\ndata:x\n\n".encode()
    expected = decode([short])
    assert len(expected[0]) == 3
    for first, second in combinations(range(len(short) + 1), 2):
        assert decode([short[:first], short[first:second], short[second:]]) == expected


line_ends = st.sampled_from(["\n", "\r", "\r\n"])
fields = st.sampled_from(
    ["data: a", "data:", "data", "data: đ🙂", "id: 1", "id", "event: x", ": c", "", "", "what", "data:  b"]
)


@given(st.lists(st.tuples(fields, line_ends)), st.booleans(), st.lists(st.integers(0, 400)))
def test_every_split_gives_what_the_reference_implementation_gives(
    lines: list[tuple[str, str]], mark: bool, cuts: list[int]
) -> None:
    text = ("\ufeff" if mark else "") + "".join(line + end for line, end in lines)
    stream = text.encode()
    places = sorted({min(cut, len(stream)) for cut in cuts})
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    expected = reference(text)
    fast = EventStreamDecoder()
    assert [data for piece in pieces for data in fast.feed_data(piece)] == [event.data for event in decode(pieces)[0]]
    # A CR at the very end may be half of a CRLF: the line has ended either way.
    assert [(event.data.decode(), event.event, event.last_event_id) for event in decode(pieces)[0]] == expected


plain_events = st.sampled_from([b"data: a\n\n", b"data: b c\n\n", b"data: \n\n", "data: đ🙂\n\n".encode()])
other_events = st.sampled_from(
    [b"data:x\n\n", b": ping\n\n", b"data: a\ndata: b\n\n", b"event: e\ndata: a\n\n", b"\n\n"]
)


@given(st.lists(plain_events | other_events), st.lists(st.integers(0, 200)))
def test_the_fast_path_gives_what_decoding_by_line_gives(events: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(events)
    places = sorted({min(cut, len(stream)) for cut in cuts})
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    fast = EventStreamDecoder()
    read = [fast.feed_data(piece) for piece in pieces]
    assert [data for events_of_read in read for data in events_of_read] == [event.data for event in decode(pieces)[0]]
    assert fast.at_boundary


def test_at_boundary_is_true_if_nothing_is_held() -> None:
    decoder = EventStreamDecoder()
    for piece, at_boundary in [(b"data: a", False), (b"\n\n", True), (b"event: x\n", False), (b"data: b\n\n", True)]:
        decoder.feed_data(piece)
        assert decoder.at_boundary is at_boundary, piece
    assert decoder.feed_data(b"data: c\n\ndata: d\n\n") == [b"c", b"d"]


def test_an_empty_data_line_is_held() -> None:
    decoder = EventStreamDecoder()
    pieces = [b"data:\n:c", b"\n", b"data: [DONE]\n\n"]
    assert [data for piece in pieces for data in decoder.feed_data(piece)] == [b"\n[DONE]"]


def test_thousands_of_short_lines_count_as_what_they_take() -> None:
    decoder = EventStreamDecoder(limit=1000)
    with pytest.raises(EventTooLongError):
        decoder.feed(b"data:xy\n" * 100)


def test_invalid_utf8_stays_bytes() -> None:
    assert decode([b"data: \xff\xfe\n\n"])[0][0].data == b"\xff\xfe"


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 50, b"data: 1234567890\n"])
def test_an_event_without_end_is_refused(piece: bytes) -> None:
    decoder = EventStreamDecoder(limit=100)
    with pytest.raises(EventTooLongError, match="longer than 100 bytes"):
        for _ in range(20):
            decoder.feed(piece)


def test_events_that_are_complete_before_the_long_one_are_kept() -> None:
    decoder = EventStreamDecoder(limit=100)
    with pytest.raises(EventTooLongError) as raised:
        decoder.feed_data(b"data: a\n\nevent: ping\ndata: {}\n\ndata: b\n\ndata: " + b"x" * 100)
    assert raised.value.payloads == [b"a", b"b"]


def test_lines_that_are_split_between_reads_count_toward_the_limit() -> None:
    decoder = EventStreamDecoder(limit=100)
    with pytest.raises(EventTooLongError):
        for _ in range(101):
            decoder.feed(b"data:")
            decoder.feed(b"\n")


def test_a_retry_of_thousands_of_digits_is_ignored() -> None:
    decoder = EventStreamDecoder()
    decoder.feed(b"retry: 250\nretry: %b\n" % (b"9" * 5000))
    assert decoder.retry_ms == 250


def test_the_limit_applies_to_each_event() -> None:
    decoder = EventStreamDecoder(limit=100)
    for _ in range(50):
        assert len(decoder.feed(b"data: 1234567890\n\n")) == 1
        assert decoder.feed(b": a comment of some length, again and again\n") == []


def test_a_position_comes_after_the_data_of_its_event() -> None:
    """Some clients take a line of a position for reached at once: fetch-event-source loses what was to follow it."""
    assert event_frame(b"{}", b"x", b"g:1", 500) == b"event: x\ndata: {}\nretry: 500\nid: g:1\n\n"
    assert event_frame(b"{}", position=b"g:2") == b"data: {}\nid: g:2\n\n"
    assert event_frame(b"{}") == b"data: {}\n\n"


@pytest.mark.parametrize("broken", [b"a\nb", b"a\rb", b"a\r\ndata: x", b"\n"])
def test_no_field_may_contain_a_line_break(broken: bytes) -> None:
    for fields in ((broken, b"n", b"p"), (b"d", broken, b"p"), (b"d", b"n", broken)):
        with pytest.raises(ValueError, match="line break"):
            event_frame(*fields)
