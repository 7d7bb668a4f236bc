"""Text read by template, compared with full decoding of each event, the reference implementation."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.protocol.events import Chunk, Reasoning
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.formats.base import EventReader
from gateway.upstreams.formats.openai_chat import ChunkReader
from gateway.upstreams.formats.openai_responses import ResponsesReader
from gateway.upstreams.text_template import MAX_UNUSED, TextTemplate
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


def separate(events: Sequence[UpstreamEvent]) -> list[UpstreamEvent]:
    return list(split_batches(events))


@given(payload_lists, split_points)
@example([PROVIDERS[0] % b'"a"', PROVIDERS[0] % b'"b"', PROVIDERS[3] % b'"c"', PROVIDERS[0] % b'"d"'], [])
@example([b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', PROVIDERS[0] % b'" "'], [])
@example([PROVIDERS[12] % b'"z"', PROVIDERS[12] % b'"a"'], [])
@example([PROVIDERS[0] % b'","', PROVIDERS[0] % b'"b"', PROVIDERS[0] % b'"choices"', PROVIDERS[0] % b'"c"'], [])
@example([PROVIDERS[0] % b'"\\ud83d"', PROVIDERS[0] % b'"a"', PROVIDERS[0] % b'"b"'], [])
async def test_reading_by_template_equals_full_decoding(payloads: list[bytes], points: list[int]) -> None:
    stream = b"".join(b"data: %b\n\n" % data for data in payloads)
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


@given(numbered_payload_lists, split_points)
async def test_reading_numbered_events_by_template_equals_full_decoding(
    payloads: list[bytes], points: list[int]
) -> None:
    stream = b"".join(b"data: %b\n\n" % data for data in payloads)
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


def test_it_stops_learning_when_no_two_events_look_alike() -> None:
    template = learned(*(b'{"id":%d,"choices":[{"delta":{"content":"a"}}]}' % n for n in range(MAX_UNUSED + 1)))
    assert template.match_payloads([b'{"id":%d,"choices":[{"delta":{"content":"a"}}]}' % (MAX_UNUSED - 1)], 0) == ["a"]
    assert template.match_payloads([b'{"id":%d,"choices":[{"delta":{"content":"a"}}]}' % MAX_UNUSED], 0) == []


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


@pytest.mark.parametrize(("provider", "in_head"), [(0, True), (1, False)])
def test_the_layout_has_the_number_of_the_next_event(provider: int, in_head: bool) -> None:
    template = learned(numbered(provider, b"9", b'"%"'), reader_type=ResponsesReader)
    read = b"data: %b\n\n" % numbered(provider, b"99", b'"b"')
    assert template.match_read(read) == "b"
    layout = template.layout(b"%x\r\n", read, verbatim=False)
    assert (layout.number, layout.number_in_head) == (100, in_head)
    head, tail = (layout.head % (16, 100), layout.tail) if in_head else (layout.head % 16, layout.tail % 100)
    assert head + b'"b"' + tail == b"10\r\ndata: %b\n\n\r\n" % numbered(provider, b"100", b'"b"')
