"""Text read by template, compared with full decoding of each event, the reference implementation."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.protocol.events import Chunk, Reasoning
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.formats.anthropic import MessagesReader
from gateway.upstreams.formats.base import EventReader
from gateway.upstreams.formats.openai_chat import ChunkReader
from gateway.upstreams.formats.openai_responses import ResponsesReader
from gateway.upstreams.text_template import MAX_BATCH_CHARS, MAX_TOGETHER, MAX_UNUSED, RETRY_EVERY, TextTemplate
from tests.gateway.upstreams.replay import decode_each, replay, split_at, split_batches, split_points

PROVIDERS = [
    # The same content as different servers send it: the key of the text is last, first, or in between.
    b'{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":%b},'
    b'"finish_reason":null}]}',
    b'{"choices": [{"finish_reason": null, "index": 0, "delta": {"content": %b}}], "created": 1, "id": "c"}',
    b'{"choices":[{"delta":{"role":"assistant","content":%b},"index":0}],"usage":null}',
    b'{"choices":[{"delta":{"reasoning_content":%b},"index":0}]}',
    b'{"choices":[{"delta":{"content":%b},"index":1}]}',
    b'{"choices":[{"delta":{"content":%b,"content":"x"},"index":0}]}',
    b'{"choices":[{"delta":{"content":"x","content":%b},"index":0}]}',
    b'{"choices":[{"delta":{"reasoning":"so","content":%b},"index":0}]}',
    b'{"choices":[{"delta":{"content":%b},"finish_reason":"stop"}]}',
    b'{"choices":[{"delta":{"refusal":%b}}]}',
    b'{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":%b}}]}}]}',
    b'{"choices":[{"delta":{"content":%b}},{"index":0,"delta":{"content":"y"}}]}',
    b'{"model":%b,"choices":[{"delta":{"content":"z"}}]}',
    b'{"choices":[{"delta":{"content":%b}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
    b'{"choices":[{"delta":{"content":[{"text":%b}]}}]}',
    b'{"obfuscation":"a","choices":[{"delta":{"content":%b}}]}',
    b'{"obfuscation":"bcd","choices":[{"delta":{"content":%b}}]}',
]
VALUES = [
    *(
        b'""',
        b'" "',
        b'"a"',
        b'","',
        b'"content"',
        b'":"',
        b'"x"',
        b'"z"',
        b"null",
        b"7",
        b"{}",
        b'["a"]',
        b'"a","content":"b"',
    ),
    *(b'"\\u0061"', b'"\\ud83d"', b'"\\ude00"', b'"\\ud83d\\ude00"', b'"\\n\\"\\\\"', '"đ🙂"'.encode(), b'"\xff"'),
    *(b'"a\tb"', b'"\\u0001dualstream\\u0001"', b' "a"', b'"a" ', b'"a"},"x":{"content":"b"'),
]
OTHER = [b'\0"a"\0', b"[DONE]", b"{}", b"oops", b'{"error":{"message":"late"}}', b"[1]"]

payload_lists = st.lists(
    st.one_of(
        st.builds(lambda provider, value: provider % value, st.sampled_from(PROVIDERS), st.sampled_from(VALUES)),
        st.builds(lambda value: PROVIDERS[0] % value, st.sampled_from(VALUES)),
        st.builds(lambda text: PROVIDERS[0] % orjson.dumps(text), st.text(max_size=5)),
        st.sampled_from(OTHER),
    ),
    max_size=12,
)


spacings = st.lists(st.sampled_from([b"data: ", b"data:", b"data: "]), min_size=1, max_size=3)
"""What stands before the data of each event, in turns."""


def stream_of(payloads: Sequence[bytes], spacing: Sequence[bytes]) -> bytes:
    return b"".join(b"%b%b\n\n" % pair for pair in zip(cycle(spacing), payloads, strict=False))


def separate(events: Sequence[UpstreamEvent]) -> list[UpstreamEvent]:
    return list(split_batches(events))


@given(payload_lists, split_points, spacings)
@example([PROVIDERS[0] % b'"a"', PROVIDERS[0] % b'"b"', PROVIDERS[3] % b'"c"', PROVIDERS[0] % b'"d"'], [], [b"data:"])
@example([b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', PROVIDERS[0] % b'" "'], [], [b"data:"])
@example([PROVIDERS[12] % b'"z"', PROVIDERS[12] % b'"a"'], [], [b"data:"])
@example(
    [PROVIDERS[0] % b'","', PROVIDERS[0] % b'"b"', PROVIDERS[0] % b'"choices"', PROVIDERS[0] % b'"c"'], [], [b"data:"]
)
@example([PROVIDERS[0] % b'"\\ud83d"', PROVIDERS[0] % b'"a"', PROVIDERS[0] % b'"b"'], [], [b"data:"])
async def test_reading_by_template_equals_full_decoding(
    payloads: list[bytes], points: list[int], spacing: list[bytes]
) -> None:
    stream = stream_of(payloads, spacing)
    events, code = await replay(split_at(stream, points), ChunkReader())
    expected, expected_code = decode_each(stream, ChunkReader())
    assert separate(events) == separate(expected)
    assert code == expected_code


NUMBERED = [
    # Numbers as OpenAI and other servers write them: before the text, behind it, with a space, or with none.
    b'{"type":"response.output_text.delta","sequence_number":%(number)b,"item_id":"m","output_index":0,"delta":%(text)b}',
    b'{"type":"response.output_text.delta","item_id":"m","output_index":0,"delta":%(text)b,"sequence_number":%(number)b}',
    b'{"delta": %(text)b, "sequence_number": %(number)b, "type": "response.output_text.delta"}',
    b'{"type":"response.output_text.delta","sequence_number":1,"delta":%(text)b,"sequence_number":%(number)b}',
    b'{"type":"response.output_text.delta","output_index":%(number)b,"delta":%(text)b}',
    b'{"type":"response.reasoning_summary_text.delta","sequence_number":%(number)b,"delta":%(text)b}',
    b'{"type":"response.output_text.delta","item":{"sequence_number":%(number)b},"delta":%(text)b}',
    b'{"type":"response.function_call_arguments.delta","sequence_number":%(number)b,"delta":%(text)b}',
    b'{"type":"response.output_text.done","sequence_number":%(number)b,"text":%(text)b}',
]
NUMBERS = [b"0", b"1", b"9", b"10", b"99", b"100", b"007", b"-1", b"1.5", b"1e3", b'"5"', b"null", b"9" * 18, b"9" * 19]


def numbered(provider: int, number: bytes, value: bytes) -> bytes:
    """Return an event with a number and a text, both as JSON."""
    return NUMBERED[provider] % {b"number": number, b"text": value}


numbered_payload_lists = st.lists(
    st.one_of(
        st.builds(
            numbered,
            st.integers(0, len(NUMBERED) - 1),
            st.sampled_from(NUMBERS) | st.integers(0, 300).map(lambda number: b"%d" % number),
            st.sampled_from(VALUES) | st.text(max_size=4).map(orjson.dumps),
        ),
        st.builds(
            numbered, st.integers(0, 1), st.integers(0, 12).map(lambda number: b"%d" % number), st.sampled_from(VALUES)
        ),
        st.sampled_from(OTHER),
    ),
    max_size=12,
)


@given(numbered_payload_lists, split_points, spacings)
async def test_reading_numbered_events_by_template_equals_full_decoding(
    payloads: list[bytes], points: list[int], spacing: list[bytes]
) -> None:
    stream = stream_of(payloads, spacing)
    events, code = await replay(split_at(stream, points), ResponsesReader())
    expected, expected_code = decode_each(stream, ResponsesReader())
    assert separate(events) == separate(expected)
    assert code == expected_code


def learned(*payloads: bytes, reader_type: type[EventReader] = ChunkReader) -> TextTemplate:
    def decode(data: bytes) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        reader_type().read(data, events)
        return events

    template, reader = TextTemplate(), reader_type()
    for data in payloads:
        events: list[UpstreamEvent] = []
        reader.read(data, events)
        template.learn(data, events, decode)
    return template


def test_it_matches_one_event_and_several() -> None:
    template = learned(PROVIDERS[0] % b'"a"')
    assert template.kind is Chunk
    assert template.match_read(b"data: %b\n\n" % (PROVIDERS[0] % b'"b\\n"')) == "b\n"
    assert template.match_payloads([PROVIDERS[0] % b'"a"', PROVIDERS[0] % b'"b"', PROVIDERS[1] % b'"c"'], 0) == [
        "a",
        "b",
    ]
    assert learned(PROVIDERS[3] % b'"a"').kind is Reasoning


PIECES = [
    *VALUES,
    *(
        b"",
        b" ",
        b",",
        b'"',
        b'"a',
        b'b"',
        b'"a\\"',
        b'","x"',
        b'"a","b"',
        b'"a",',
        b',"b"',
        b"[",
        b"]",
        b'["a"',
        b'"b"]',
    ),
    *(b"[]", b'"a"\n', b'\n"a"', b'"a\nb"', b'"x" "y"', b"}", b'{"a":', b'"b"}', b"7,7", orjson.dumps("z" * 5000)),
]
"""What may stand in place of a text, also parts of what is only valid with the next one."""


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5).map(orjson.dumps), max_size=8), st.integers(0, 2))
@example([b'"a\\"', b'","x"'], 0)
@example([b'"a', b'b"', b'"c","d"'], 0)
@example([b'["a"', b'"b"]', b'"c"'], 0)
@example([b'"a","b"', b"", b'"c"'], 0)
def test_texts_that_are_decoded_together_are_those_of_each_payload(pieces: list[bytes], start: int) -> None:
    template, payloads = learned(PROVIDERS[0] % b'"a"'), [PROVIDERS[0] % piece for piece in pieces]
    expected, length = list[str](), 0
    for payload in payloads[start:]:
        text = template._match(payload, 0, len(payload))
        if not text or length > MAX_BATCH_CHARS:
            break
        expected.append(text)
        length += len(text)
    assert template.match_payloads(payloads, start) == expected


@pytest.mark.parametrize("provider", [4, 5, 8, 10, 12, 13])
def test_nothing_is_learned_unless_the_text_is_the_only_content(provider: int) -> None:
    template = learned(PROVIDERS[provider] % b'"z"')
    assert template.match_payloads([PROVIDERS[provider] % b'"q"'], 0) == []


def test_a_carriage_return_is_a_line_end() -> None:
    template = learned(PROVIDERS[0] % b'"a"')
    assert template.match_read(b"data: %b\n\n" % (PROVIDERS[0] % b'\r"b"')) == ""


def test_two_events_in_one_read_are_not_one() -> None:
    template, event = learned(PROVIDERS[0] % b'"a"'), b"data: %b\n\n" % (PROVIDERS[0] % b'"b"')
    assert template.match_read(event) == "b"
    assert template.match_read(event + event) == ""


@pytest.mark.parametrize("name", [b"content_block_delta", b"response.output_text.delta"])
def test_an_event_with_a_known_name(name: bytes) -> None:
    template, event = learned(PROVIDERS[0] % b'"a"'), b"data: %b\n\n" % (PROVIDERS[0] % b'"b"')
    named = b"event: %b\n%b" % (name, event)
    assert template.match_read(named) == "b"
    assert template.match_read(named + named) == ""
    assert template.match_read(b"event: error\n" + event) == ""
    assert template.match_read(named.replace(b"\ndata", b"\nid: 1\ndata")) == ""
    assert template.match_read(named.replace(b": ", b":", 2)) == "b"


def test_the_space_behind_the_colon_is_no_part_of_the_data() -> None:
    template, data = learned(PROVIDERS[0] % b'"a"'), PROVIDERS[0] % b'"b"'
    for head, text in ((b"data: ", "b"), (b"data:", "b"), (b"data:  ", ""), (b"data", ""), (b"data:\t", "")):
        assert template.match_read(b"%b%b\n\n" % (head, data)) == text


@pytest.mark.parametrize("mark", [b"", b"\0", b"\r", b"\n", b" "])
def test_before_the_first_template_nothing_matches(mark: bytes) -> None:
    payload = b'%b"a"%b' % (mark, mark)
    assert TextTemplate().match_read(b"data: %b\n\n" % payload) == ""
    if mark != b"\r":
        # A carriage return ends a line: no decoder returns data that contains one.
        assert TextTemplate().match_payloads([payload], 0) == []


def test_an_event_that_must_be_cut_is_left_to_the_reader() -> None:
    template, long = learned(PROVIDERS[0] % b'"a"'), PROVIDERS[0] % orjson.dumps("x" * 8192)
    assert template.match_read(b"data: %b\n\n" % long) == ""
    assert template.match_payloads([long], 0) == []


def test_a_batch_has_a_limit() -> None:
    template = learned(PROVIDERS[0] % b'"a"')
    long = PROVIDERS[0] % orjson.dumps("x" * 5000)
    assert len(template.match_payloads([long] * 5, 0)) == 2
    assert len(template.match_payloads([long] * 5, 4)) == 1


def test_a_batch_may_have_more_texts_than_are_decoded_together() -> None:
    template = learned(PROVIDERS[0] % b'"a"')
    payloads = [PROVIDERS[0] % b'"%d"' % number for number in range(2 * MAX_TOGETHER + 3)]
    for count in (MAX_TOGETHER - 1, MAX_TOGETHER, MAX_TOGETHER + 1, 2 * MAX_TOGETHER, len(payloads)):
        assert template.match_payloads(payloads[:count], 0) == [str(number) for number in range(count)]
    payloads[MAX_TOGETHER + 1] = PROVIDERS[0] % b"null"
    assert len(template.match_payloads(payloads, 0)) == MAX_TOGETHER + 1


class CountingList(list[bytes]):
    """Counts the payloads that are looked at."""

    looked_at = 0

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - one of them, or several
        """Return payloads."""
        found = super().__getitem__(index)
        self.looked_at += len(found) if isinstance(index, slice) else 1
        return found

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over all."""
        return (self[index] for index in range(len(self)))


@pytest.mark.parametrize("value", [b'""', b"null", b"7"])
def test_a_read_with_many_events_without_text_is_not_searched_for_each_of_them(value: bytes) -> None:
    template, count = learned(PROVIDERS[0] % b'"a"'), 500
    payloads = CountingList([PROVIDERS[0] % value, PROVIDERS[0] % b'"b"'] * count)
    for at in range(0, 2 * count, 2):
        assert template.match_payloads(payloads, at) == []
        assert template.match_payloads(payloads, at + 1) == ["b"]
    assert payloads.looked_at < 10 * count


def with_id(number: int) -> bytes:
    return b'{"id":%d,"choices":[{"delta":{"content":"a"}}]}' % number


def test_it_learns_from_few_events_when_no_two_look_alike() -> None:
    template = learned(*map(with_id, range(MAX_UNUSED + 1)))
    assert template.match_payloads([with_id(MAX_UNUSED - 1)], 0) == ["a"]
    assert template.match_payloads([with_id(MAX_UNUSED)], 0) == []
    template = learned(*map(with_id, range(RETRY_EVERY + MAX_UNUSED)))
    assert template.match_payloads([with_id(RETRY_EVERY - 1)], 0) == ["a"]


def test_it_learns_again_from_a_stream_that_was_slow() -> None:
    """Each of the first texts came in a second of its own."""
    seconds = [*range(RETRY_EVERY + MAX_UNUSED), *[1000] * RETRY_EVERY]
    template = learned(*map(with_id, seconds))
    assert template.match_payloads([with_id(1000)], 0) == ["a"]


@pytest.mark.parametrize("provider", [0, 1, 2, 5])
def test_the_number_of_an_event_may_be_any(provider: int) -> None:
    template = learned(numbered(provider, b"9", b'"a"'), reader_type=ResponsesReader)
    payloads = [numbered(provider, number, b'"b"') for number in (b"10", b"100", b"0", b"7")]
    assert template.match_payloads(payloads, 0) == ["b"] * 4
    for number in (b"", b"07", b"-7", b"7.5", b"7 ", b'"7"', b"null", b"1" * 19):
        assert template.match_payloads([numbered(provider, number, b'"b"')], 0) == []


def test_another_number_must_be_the_same() -> None:
    template = learned(numbered(4, b"0", b'"a"'), reader_type=ResponsesReader)
    assert template.match_payloads([numbered(4, b"1", b'"b"')], 0) == []


def test_a_text_that_looks_like_a_number_is_a_text() -> None:
    template = learned(numbered(1, b"9", b'"a"'), reader_type=ResponsesReader)
    text = '"sequence_number":7'
    assert template.match_payloads([numbered(1, b"10", orjson.dumps(text))], 0) == [text]


@pytest.mark.parametrize(("provider", "place"), [(0, "head"), (1, "tail")])
def test_the_layout_has_the_number_of_the_next_event(provider: int, place: str) -> None:
    template = learned(numbered(provider, b"9", b'"%"'), reader_type=ResponsesReader)
    read = b"data: %b\n\n" % numbered(provider, b"99", b'"b"')
    assert template.match_read(read) == "b"
    layout = template.layout(b"%x\r\n", read, verbatim=False)
    assert (layout.number, layout.number_in) == (100, place)
    in_head = place == "head"
    head, tail = (layout.head % (16, 100), layout.tail) if in_head else (layout.head % 16, layout.tail % 100)
    assert head + b'"b"' + tail == b"10\r\ndata: %b\n\n\r\n" % numbered(provider, b"100", b'"b"')


PADDED = [
    # As servers pad their events: behind the text or before it, with a number or without one, and with other fields.
    b'{"choices":[{"index":0,"delta":{"content":%(text)b}}],"usage":null,"obfuscation":"%(padding)b"}',
    b'{"choices":[{"index":0,"delta":{"content":%(text)b}}],"obfuscation": "%(padding)b", "usage":null}',
    b'{"obfuscation":"%(padding)b","choices":[{"index":0,"delta":{"content":%(text)b}}]}',
    b'{"choices":[{"index":0,"delta":{"content":%(text)b,"p":"%(padding)b"}}]}',
    b'{"choices":[{"index":0,"delta":{"p":"%(padding)b","content":%(text)b}}],"p":"x"}',
    b'{"choices":[{"index":0,"delta":{"content":%(text)b}}],"p":"%(padding)b","p":"%(padding)b"}',
    b'{"choices":[{"index":0,"delta":{"content":%(text)b}}],"obfuscation":["%(padding)b"]}',
]
PADDED_RESPONSES = [
    b'{"type":"response.output_text.delta","sequence_number":%(number)d,"delta":%(text)b,"obfuscation":"%(padding)b"}',
    b'{"type":"response.output_text.delta","delta":%(text)b,"obfuscation":"%(padding)b","sequence_number":%(number)d}',
    b'{"type":"response.output_text.delta","delta":%(text)b,"sequence_number":%(number)d,"obfuscation":"%(padding)b"}',
    b'{"obfuscation":"%(padding)b","type":"response.output_text.delta","sequence_number":%(number)d,"delta":%(text)b}',
    b'{"obfuscation":"%(padding)b","sequence_number":%(number)d,"delta":%(text)b,"type":"response.output_text.delta"}',
]
SPACED = [
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%(text)b}%(padding)b}',
    b'{"type":"content_block_delta","delta":{"type":"text_delta","text":%(text)b},"index":0%(padding)b}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":%(text)b}%(padding)b}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%(text)b%(padding)b}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%(text)b},"p":"%(padding)b"}',
]
PADDINGS = [b"", b"a", b"Xy7", b"abcdefghijklmnopqrstuvwxyz0123456789", b" ", b"-_.:{}[],", b"%d%b", b"text"]
SPACES = [b"", b" ", b"  ", b"       ", b" " * 30]
ODD_PADDINGS = [b"\\", b'\\"', b"\\u0061", b'"', b'","content":"x', b'","obfuscation":"', b"\x01", b"\t", b"\xff"]
ODD_PADDINGS += [b"\x7f", "é".encode(), b'a"}', b'a"} ', b"} ", b"\t ", b'],"delta":{', b",", b"0"]


def padded(event: bytes, text: bytes, padding: bytes, number: int = 0) -> bytes:
    """Return an event with a text as JSON, a padding, and a number."""
    return event % {b"text": text, b"padding": padding, b"number": number}


def padded_lists(events: list[bytes], paddings: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Return lists of events with any padding, most of them like the ones before."""
    fields = st.tuples(
        st.sampled_from(VALUES) | st.text(max_size=4).map(orjson.dumps),
        st.sampled_from(paddings) | st.sampled_from(paddings) | st.sampled_from(ODD_PADDINGS),
        st.integers(0, 120),
    )
    alike = st.builds(
        lambda event, values: [padded(event, *value) for value in values],
        st.sampled_from(events),
        st.lists(fields, min_size=1, max_size=5),
    )
    return st.lists(alike, min_size=1, max_size=4).map(lambda lists: [event for events in lists for event in events])


async def assert_as_decoded(
    payloads: list[bytes], points: list[int], spacing: list[bytes], reader_type: type[EventReader]
) -> None:
    """Compare the events of a stream with those of full decoding."""
    stream = stream_of(payloads, spacing)
    events, code = await replay(split_at(stream, points), reader_type())
    expected, expected_code = decode_each(stream, reader_type())
    assert separate(events) == separate(expected)
    assert code == expected_code


@given(padded_lists(PADDED, PADDINGS), split_points, spacings)
async def test_reading_padded_events_by_template_equals_full_decoding(
    payloads: list[bytes], points: list[int], spacing: list[bytes]
) -> None:
    await assert_as_decoded(payloads, points, spacing, ChunkReader)


@given(padded_lists(PADDED_RESPONSES, PADDINGS), split_points, spacings)
async def test_reading_padded_events_with_numbers_equals_full_decoding(
    payloads: list[bytes], points: list[int], spacing: list[bytes]
) -> None:
    await assert_as_decoded(payloads, points, spacing, ResponsesReader)


@given(padded_lists(SPACED, SPACES), split_points, spacings)
async def test_reading_events_with_spaces_equals_full_decoding(
    payloads: list[bytes], points: list[int], spacing: list[bytes]
) -> None:
    await assert_as_decoded(payloads, points, spacing, MessagesReader)


PADDED_BY = [
    *((event, ChunkReader, PADDINGS) for event in PADDED[:4]),
    *((event, ResponsesReader, PADDINGS) for event in PADDED_RESPONSES),
    *((event, MessagesReader, SPACES) for event in SPACED[:3]),
    (SPACED[4], MessagesReader, PADDINGS),
]


@pytest.mark.parametrize(("event", "reader_type", "paddings"), PADDED_BY)
def test_the_padding_of_an_event_may_be_any(
    event: bytes, reader_type: type[EventReader], paddings: list[bytes]
) -> None:
    template = learned(padded(event, b'"a"', paddings[2]), reader_type=reader_type)
    text = '"obfuscation":"x","p":"","sequence_number":7}'
    payloads = [padded(event, orjson.dumps(text), padding, number) for number, padding in enumerate(paddings)]
    assert template.match_payloads(payloads, 0) == [text] * len(payloads)
    assert [template.match_read(b"data: %b\n\n" % payload) for payload in payloads] == [text] * len(payloads)


@pytest.mark.parametrize(("event", "reader_type"), [(event, reader_type) for event, reader_type, _ in PADDED_BY])
@pytest.mark.parametrize("padding", [b"\\", b"\\u0061", b'"', b'","obfuscation":"', b"\x01", b"\t", b"\xff", b"\x7f"])
def test_a_padding_that_may_mean_something_is_decoded(
    event: bytes, reader_type: type[EventReader], padding: bytes
) -> None:
    template = learned(padded(event, b'"a"', b"  "), reader_type=reader_type)
    assert template.match_payloads([padded(event, b'"b"', padding)], 0) == []


@pytest.mark.parametrize("event", [*PADDED[:1], *PADDED_RESPONSES, *SPACED[:2]])
def test_the_layout_has_the_place_of_the_padding(event: bytes) -> None:
    reader_type = ChunkReader if event in PADDED else MessagesReader if event in SPACED else ResponsesReader
    template = learned(padded(event, b'"%"', b"  "), reader_type=reader_type)
    read = b"data: %b\n\n" % padded(event, b'"b"', b" ", 99)
    assert template.match_read(read) == "b"
    layout = template.layout(b"%x\r\n", read, verbatim=False)
    head, between, tail = layout.head, layout.between, layout.tail
    if layout.number_in == "between":
        between %= layout.number
    elif layout.number_in == "tail":
        tail %= layout.number
    head %= (16, layout.number) if layout.number_in == "head" else 16
    assert layout.padding is not None
    first, second = (b"   ", b'"c"') if layout.padding.is_first else (b'"c"', b"   ")
    assert head + first + between + second + tail == b"10\r\ndata: %b\n\n\r\n" % padded(event, b'"c"', b"   ", 100)
