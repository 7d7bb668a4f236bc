"""Anthropic's Messages API: its streams as documented, whole, split and broken."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall, Usage, encode
from gateway.upstreams.base import Finished, UpstreamEvent
from gateway.upstreams.formats.anthropic import AnthropicFormat, MessagesReader
from gateway.upstreams.formats.anthropic_blocks import citation_of
from tests.gateway.upstreams.replay import decode_each, replay, split_at, split_points

Json = dict[str, object]


def event(kind: str, **fields: object) -> Json:
    return {"type": kind, **fields}


def stream(*events: Json) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (str(e["type"]).encode(), orjson.dumps(e)) for e in events)


def message_start(**usage: object) -> Json:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "claude", "usage": usage}
    return event("message_start", message={**message, "stop_reason": None, "stop_sequence": None})


def start(index: int, kind: str, **fields: object) -> Json:
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def delta(index: int, kind: str, **fields: object) -> Json:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def text(words: str, index: int = 0) -> Json:
    return delta(index, "text_delta", text=words)


def json_delta(words: str, index: int) -> Json:
    return delta(index, "input_json_delta", partial_json=words)


def stop(index: int) -> Json:
    return event("content_block_stop", index=index)


def end_events(reason: str | None, **usage: object) -> tuple[Json, Json]:
    message_delta = event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)
    return message_delta, event("message_stop")


PING = event("ping")
TEXT = stream(
    message_start(input_tokens=25, output_tokens=1),
    start(0, "text", text=""),
    PING,
    text("Hello"),
    text(""),
    text("!"),
    text(" Xin chào 🙂"),
    stop(0),
    *end_events("end_turn", output_tokens=15),
)
THINKING = stream(
    message_start(input_tokens=40, cache_read_input_tokens=1000, cache_creation_input_tokens=200, output_tokens=3),
    start(0, "thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="I need to find the GCD of 1071 and 462."),
    delta(0, "thinking_delta", thinking="\n\n1071 = 2·462 + 147"),
    delta(0, "signature_delta", signature="EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds"),
    stop(0),
    start(1, "redacted_thinking", data="EmwKAhgBEgy3va3pzix"),
    stop(1),
    start(2, "text", text=""),
    text("The GCD", 2),
    text(" is **21**.", 2),
    stop(2),
    *end_events("end_turn", output_tokens=90, output_tokens_details={"thinking_tokens": 70}),
)
TOOLS = stream(
    message_start(input_tokens=472, output_tokens=2),
    start(0, "text", text=""),
    text("Okay, let's check"),
    stop(0),
    start(1, "tool_use", id="toolu_01T1x1fJ34qAmk2tNTrN7Up6", name="get_weather", input={}),
    *(json_delta(words, 1) for words in ["", '{"location":', ' "San', " Francisc", "o,", ' CA"', "}"]),
    stop(1),
    start(2, "tool_use", id="toolu_2", name="get_time", input={}),
    json_delta("", 2),
    stop(2),
    start(3, "tool_use", id="toolu_3", name="get_weather", input={}),
    json_delta('{"location": "Huế"}', 3),
    stop(3),
    *end_events("tool_use", output_tokens=89),
)
CITATION: JsonObject = {
    "type": "web_search_result_location",
    "cited_text": "62°F",
    "url": "https://a.example/",
    "title": "Weather",
    "encrypted_index": "Eo8B",
}
SEARCH_CALL: JsonObject = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "weather"},
}
SEARCH_RESULT: JsonObject = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "u"}],
}
SEARCH = stream(
    message_start(input_tokens=2679, cache_creation_input_tokens=0, cache_read_input_tokens=0, output_tokens=3),
    start(0, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    json_delta('{"query', 0),
    json_delta('": "weather"}', 0),
    stop(0),
    start(1, "web_search_tool_result", tool_use_id="srvtoolu_1", content=[{"type": "web_search_result", "url": "u"}]),
    stop(1),
    start(2, "text", text="", citations=[]),
    delta(2, "citations_delta", citation=CITATION),
    text("It is mild.", 2),
    stop(2),
    event("something_new", index=9),
    *end_events("end_turn", input_tokens=10682, output_tokens=510, server_tool_use={"web_search_requests": 1}),
)


# As llama.cpp sends them: blocks that overlap, and all stop at the end.
OVERLAPPING = stream(
    start(0, "tool_use", id="a", name="one"),
    start(1, "tool_use", id="b", name="two"),
    json_delta('{"x":', 1),
    json_delta('{"y":1}', 0),
    json_delta("2}", 1),
    stop(0),
    stop(1),
    *end_events("tool_use", output_tokens=1),
)
TRANSCRIPTS: dict[str, tuple[bytes, list[UpstreamEvent]]] = {
    "text": (
        TEXT,
        [
            Usage(25, 1, "exact"),
            *map(Chunk, ["Hello", "!", " Xin chào 🙂"]),
            Finished("stop"),
            Usage(25, 15, "exact"),
        ],
    ),
    "thinking and a cache": (
        THINKING,
        [
            Usage(1240, 3, "exact", 1000, None, 200),
            Reasoning("I need to find the GCD of 1071 and 462."),
            Reasoning("\n\n1071 = 2·462 + 147"),
            SignedReasoning("", "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds", "anthropic"),
            Part("redacted_reasoning", {"data": "EmwKAhgBEgy3va3pzix", "format": "anthropic"}),
            Chunk("The GCD"),
            Chunk(" is **21**."),
            Finished("stop"),
            Usage(1240, 90, "exact", 1000, 70, 200),
        ],
    ),
    "parallel tools": (
        TOOLS,
        [
            Usage(472, 2, "exact"),
            Chunk("Okay, let's check"),
            ToolCall(0, "toolu_01T1x1fJ34qAmk2tNTrN7Up6", "get_weather", ""),
            *(ToolCall(0, None, None, words) for words in ['{"location":', ' "San', " Francisc", "o,", ' CA"', "}"]),
            ToolCall(1, "toolu_2", "get_time", ""),
            ToolCall(1, None, None, "{}"),
            ToolCall(2, "toolu_3", "get_weather", ""),
            ToolCall(2, None, None, '{"location": "Huế"}'),
            Finished("tool_calls"),
            Usage(472, 89, "exact"),
        ],
    ),
    "a search by the provider": (
        SEARCH,
        [
            Usage(2679, 3, "exact", 0, None, 0),
            Part("server_tool", {"name": "web_search", "block": SEARCH_CALL}),
            Part("server_tool", {"name": "web_search", "block": SEARCH_RESULT}),
            citation_of(CITATION),
            *(Chunk("It is mild."), Finished("stop"), Usage(10682, 510, "exact", 0, None, 0)),
        ],
    ),
    "overlapping blocks": (
        OVERLAPPING,
        [
            ToolCall(0, "a", "one", ""),
            ToolCall(1, "b", "two", ""),
            ToolCall(1, None, None, '{"x":'),
            ToolCall(0, None, None, '{"y":1}'),
            ToolCall(1, None, None, "2}"),
            Finished("tool_calls"),
            Usage(None, 1, "exact"),
        ],
    ),
}

transcripts = pytest.mark.parametrize(("raw", "expected"), TRANSCRIPTS.values(), ids=TRANSCRIPTS)


async def replayed(raw: bytes, points: Sequence[int] = ()) -> tuple[list[UpstreamEvent], str]:
    return await replay(split_at(raw, points), MessagesReader())


def failed(*events: Json) -> Failed:
    reader = AnthropicFormat().reader(SecretStr("sk-ant-secret"))
    with pytest.raises(Failed) as failure:
        for sent in events:
            reader.read(orjson.dumps(sent), [])
    return failure.value


@transcripts
async def test_a_stream_becomes_events(raw: bytes, expected: list[UpstreamEvent]) -> None:
    assert await replayed(raw) == (expected, "")
    assert decode_each(raw, MessagesReader()) == (expected, "")


@transcripts
async def test_it_survives_every_split_in_two(raw: bytes, expected: list[UpstreamEvent]) -> None:
    for point in range(1, len(raw)):
        assert await replayed(raw, [point]) == (expected, ""), point


@transcripts
async def test_it_survives_single_bytes_and_carriage_returns(raw: bytes, expected: list[UpstreamEvent]) -> None:
    assert await replayed(raw, range(len(raw))) == (expected, "")
    assert await replayed(raw.replace(b"\n", b"\r\n")) == (expected, "")


async def test_it_ends_with_message_stop_and_needs_a_stop_reason_before() -> None:
    without_end = TEXT.partition(b"event: message_delta")[0]
    assert (await replayed(without_end))[1] == "truncated"
    complete = TEXT.partition(b"event: message_stop")[0]
    assert await replayed(complete) == await replayed(TEXT)
    assert (await replayed(without_end + stream(event("message_stop"))))[0][-1] == Finished(None)
    assert await replayed(TEXT + b"data: oops\n\n" + stream(text("more"))) == await replayed(TEXT)


async def test_content_after_an_early_stop_reason_counts_and_the_last_reason() -> None:
    end = end_events("end_turn", output_tokens=1)[0]
    early = stream(text("a"), end, text("b"), stop(0), end_events("max_tokens", output_tokens=2)[0])
    for last in (stream(event("message_stop")), b""):
        assert await replayed(early + last) == (
            [
                *(Chunk("a"), Finished("stop"), Usage(None, 1, "exact")),
                *(Chunk("b"), Usage(None, 2, "exact"), Finished("length"), Usage(None, 2, "exact")),
            ],
            "",
        )


async def test_after_an_early_stop_reason_an_error_counts() -> None:
    end, late = end_events("end_turn")[0], event("error", error={"type": "overloaded_error"})
    events, code = await replayed(stream(text("a"), end, text("b"), end, late))
    assert [each for each in events if isinstance(each, Chunk)] == [Chunk("a"), Chunk("b")]
    assert code == "server_error"


async def test_blocks_under_one_index_without_ends_are_calls_with_arguments() -> None:
    raw = stream(
        message_start(),
        start(0, "tool_use", id="a", name="f", input={}),
        start(0, "tool_use", id="b", name="g", input={}),
        json_delta('{"x":1}', 0),
        *end_events("tool_use"),
    )
    calls = [each for each in (await replayed(raw))[0] if isinstance(each, ToolCall)]
    assert calls == [
        *(ToolCall(0, "a", "f", ""), ToolCall(0, None, None, "{}")),
        *(ToolCall(1, "b", "g", ""), ToolCall(1, None, None, '{"x":1}')),
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "pause_turn"),
        ("compaction", "pause_turn"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        # Without a call, clients would wait for one.
        ("tool_use", "stop"),
        ("refusal", "content_filter"),
        ("something_new", "something_new"),
    ],
)
async def test_stop_reasons_become_openai_finish_reasons(reason: str, expected: str) -> None:
    events, _ = await replayed(stream(message_start(), text("Once"), *end_events(reason)))
    assert events == [Chunk("Once"), Finished(expected)]


@pytest.mark.parametrize(("reason", "code"), [("error", Code.SERVER_ERROR), ("network_error", Code.NETWORK_ERROR)])
def test_a_stop_reason_that_is_a_failure_keeps_its_usage(reason: str, code: Code) -> None:
    reader, output = MessagesReader(), list[UpstreamEvent]()
    with pytest.raises(Failed) as failure:
        reader.read(orjson.dumps(end_events(reason, input_tokens=3, output_tokens=1)[0]), output)
    assert (failure.value.code, output, reader.finished) == (code, [Usage(3, 1, "exact")], False)


@pytest.mark.parametrize("reason", ["", "null", None, 7])
async def test_no_stop_reason_yet(reason: object) -> None:
    between = event("message_delta", delta={"stop_reason": reason})
    assert (await replayed(stream(text("a"), between)))[1] == "truncated"
    assert (await replayed(stream(text("a"), between, event("message_stop"))))[0] == [Chunk("a"), Finished(None)]


async def test_an_end_without_a_word_a_reason_or_a_figure_is_no_success() -> None:
    assert await replayed(stream(event("message_start", message={}), event("message_stop"))) == ([], "truncated")


async def test_usage_may_arrive_at_any_time_and_the_last_figures_count() -> None:
    midway = event("message_delta", delta={"stop_reason": None}, usage={"output_tokens": 7, "input_tokens": None})
    events, _ = await replayed(stream(message_start(input_tokens=3), midway, *end_events("end_turn", input_tokens=5)))
    assert events == [
        Usage(3, None, "exact"),
        Usage(3, 7, "exact"),
        Finished("stop"),
        Usage(5, 7, "exact"),
    ]


async def test_a_block_may_start_with_its_content() -> None:
    raw = stream(
        start(0, "thinking", thinking="Hm."),
        start(1, "text", text="Xin "),
        text("chào", 1),
        stop(1),
        start(2, "tool_use", id="a", name="go", input={"to": "Huế"}),
        stop(2),
        start(3, "tool_use", id="b", name="go", input={"to": "?"}),
        json_delta("{}", 3),
        stop(3),
        *end_events("tool_use"),
    )
    assert (await replayed(raw))[0] == [
        Reasoning("Hm."),
        Chunk("Xin "),
        Chunk("chào"),
        ToolCall(0, "a", "go", ""),
        ToolCall(0, None, None, '{"to":"Hu\\u1ebf"}'),
        ToolCall(1, "b", "go", ""),
        ToolCall(1, None, None, "{}"),
        Finished("tool_calls"),
    ]


async def test_a_character_split_between_surrogates_is_joined() -> None:
    """As aimock cuts, in UTF-16 units; a half that its block does not end, or that nothing began, is no character."""
    halves = [b'{"type":"content_block_delta","index":%d,"delta":%b}']
    text_of, json_of = b'{"type":"text_delta","text":"%b"}', b'{"type":"input_json_delta","partial_json":"%b"}'
    sent = [
        halves[0] % (0, text_of % b"a\\ud83d"),
        halves[0] % (0, text_of % b"\\ude42b"),
        orjson.dumps(start(1, "tool_use", id="t", name="n", input={})),
        halves[0] % (1, json_of % b"\\ud83d"),
        halves[0] % (0, text_of % b"\\udc00!"),
        halves[0] % (1, json_of % b"\\ude42"),
        halves[0] % (0, text_of % b"\\ud83d"),
        orjson.dumps(stop(0)),
        halves[0] % (2, text_of % b"c"),
    ]
    raw = b"".join(b"data: %b\n\n" % data for data in sent) + stream(*end_events("end_turn"))
    assert (await replayed(raw))[0] == [
        Chunk("a"),
        Chunk("🙂b"),
        ToolCall(0, "t", "n", ""),
        Chunk("\ufffd!"),
        ToolCall(0, None, None, "🙂"),
        Chunk("c"),
        Finished("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("kind", "code", "retryable"),
    [
        ("overloaded_error", Code.SERVER_ERROR, True),
        ("api_error", Code.SERVER_ERROR, True),
        ("rate_limit_error", Code.RATE_LIMIT, True),
        ("timeout_error", Code.TIMEOUT, True),
        ("invalid_request_error", Code.INVALID_REQUEST, False),
        ("request_too_large", Code.INVALID_REQUEST, False),
        ("authentication_error", Code.PROVIDER_AUTH, False),
        ("permission_error", Code.PROVIDER_AUTH, False),
        ("billing_error", Code.PROVIDER_QUOTA, False),
        ("not_found_error", Code.MODEL_NOT_FOUND, False),
        ("something_new", Code.SERVER_ERROR, True),
    ],
)
def test_an_error_inside_the_stream(kind: str, code: Code, retryable: bool) -> None:
    failure = failed(event("error", error={"type": kind, "message": "Oops sk-ant-secret"}, request_id="req_1"))
    assert (failure.code, failure.retryable) == (code, retryable)
    assert "secret" not in failure.message
    assert ("Oops" in failure.message) == (
        code in {Code.INVALID_REQUEST, Code.SERVER_ERROR} and kind != "something_new"
    )


async def test_events_before_an_error_count() -> None:
    error = event("error", error={"details": None, "type": "overloaded_error", "message": "Overloaded"})
    events, code = await replayed(stream(message_start(), start(0, "text", text=""), text("Once "), error))
    assert (events, code) == ([Chunk("Once ")], "server_error")


@pytest.mark.parametrize("error", [{}, None, "words", {"message": 7}])
def test_an_error_without_details_is_an_error(error: object) -> None:
    assert failed(event("error", error=error)).code is Code.SERVER_ERROR


def test_an_error_in_openai_format() -> None:
    assert failed({"error": {"code": 400, "message": "too long: 9"}}).message.endswith("too long: 9")


@pytest.mark.parametrize(
    "data",
    [
        *(b"{oops", b"[1]", b"\xff", b"7", b'{"choices":[]}', b'{"candidates":[]}'),
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":["a"]}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":null}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":{}}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}',
    ],
)
async def test_a_malformed_event_is_a_failure_and_earlier_events_count(data: bytes) -> None:
    events, code = await replayed(stream(text("Once ")) + b"data: %b\n\n" % data)
    assert (events, code) == ([Chunk("Once ")], "upstream_protocol")


@pytest.mark.parametrize(
    "sent",
    [
        {"type": "message_start"},
        {"type": "message_start", "message": 7},
        {"type": "message_start", "message": {"usage": {"input_tokens": -1, "output_tokens": "x"}}},
        {"type": "message_delta"},
        {"type": "message_delta", "delta": {"stop_reason": 7}, "usage": []},
        {"type": "content_block_start"},
        {"type": "content_block_start", "index": "x", "content_block": {"type": "text", "text": 7}},
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "something_new_delta", "text": "a"}},
        {"type": "content_block_stop"},
        {"type": "ping", "error": {"message": "none"}},
        {},
        {"type": 7},
        {"error": None},
    ],
)
def test_odd_events_without_content_are_ignored(sent: Json) -> None:
    reader, events = MessagesReader(), list[UpstreamEvent]()
    reader.read(orjson.dumps(sent), events)
    assert [part for part in events if part != Usage(None, None, "exact")] == []
    assert not reader.finished
    assert not reader.done


SPELLINGS = [
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}}',
    b'{"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": %b}}',
    b'{"type":"content_block_delta","index":0,"delta":{"text":%b,"type":"text_delta"}}',
    b'{"delta":{"type":"text_delta","text":%b},"index":0,"type":"content_block_delta"}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":%b}}',
    b'{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":%b}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":%b}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x","text":%b}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b,"text":"x"}}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":%b}}',
    b'{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":%b,"name":"n","input":{}}}',
    b'{"type":"content_block_start","index":2,"content_block":{"type":%b,"text":"x"}}',
    b'{"type":%b,"index":0,"delta":{"type":"text_delta","text":"z"}}',
    b'{"type":"message_delta","delta":{"stop_reason":%b},"usage":{"output_tokens":3}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b},"p":"abc"}',
]
VALUES = [
    *(b'""', b'" "', b'"a"', b'"x"', b'"z"', b"null", b"7", b"{}", b'["a"]', b'"a","text":"b"', b'"end_turn"'),
    *(b'"\\u0061"', b'"\\ud83d"', b'"\\ude00"', b'"\\ud83d\\ude00"', b'"\\n\\"\\\\"', '"đ🙂"'.encode(), b'"\xff"'),
    *(b'"a\tb"', b'"\\u0001dualstream\\u0001"', b' "a"', b'"a" ', b'"content_block_delta"', b'"tool_use"', b'"text"'),
]
WHOLE = [
    *(orjson.dumps(e) for e in (PING, message_start(input_tokens=1), stop(0), stop(2), *end_events("end_turn"))),
    orjson.dumps(start(2, "tool_use", id="t", name="n", input={})),
    orjson.dumps(start(2, "server_tool_use", id="t", name="n", input={})),
    *(b"{}", b"oops", b'{"type":"error","error":{"type":"overloaded_error"}}'),
]

payloads = st.lists(
    st.one_of(
        st.builds(lambda spelling, value: spelling % value, st.sampled_from(SPELLINGS), st.sampled_from(VALUES)),
        st.builds(lambda value: SPELLINGS[0] % value, st.sampled_from(VALUES)),
        st.builds(lambda words: SPELLINGS[0] % orjson.dumps(words), st.text(max_size=5)),
        st.sampled_from(WHOLE),
    ),
    max_size=12,
)
FRAMES = [b"data: %b\n\n", b"event: x\ndata: %b\n\n"]


@given(payloads, split_points, st.sampled_from(FRAMES))
@example([SPELLINGS[0] % b'"a"', SPELLINGS[0] % b'"b"', SPELLINGS[4] % b'"c"', SPELLINGS[0] % b'"d"'], [], FRAMES[0])
@example([SPELLINGS[0] % b'"\\ud83d"', SPELLINGS[0] % b'"a"', SPELLINGS[0] % b'"b"'], [], FRAMES[0])
@example([SPELLINGS[9] % b'"a"', SPELLINGS[9] % b'"b"', SPELLINGS[5] % b'"c"'], [], FRAMES[1])
# What also stands between the quotes of the JSON around it.
@example(
    [SPELLINGS[0] % b'","', SPELLINGS[0] % b'"text"', SPELLINGS[0] % b'"type"', SPELLINGS[1] % b'": "'], [], FRAMES[1]
)
async def test_reading_by_template_equals_full_decoding(
    payloads: list[bytes], points: list[int], framed: bytes
) -> None:
    raw = b"".join(framed % data for data in payloads)
    assert await replayed(raw, points) == decode_each(raw, MessagesReader())


def read(*events: Json) -> list[UpstreamEvent]:
    reader, output = MessagesReader(), list[UpstreamEvent]()
    for sent in events:
        reader.read(orjson.dumps(sent), output)
    return output


def test_done_is_no_end_mark_and_no_fault() -> None:
    reader, output = MessagesReader(), list[UpstreamEvent]()
    reader.read(b"[DONE]", output)
    assert (output, reader.finished) == ([], False)
    with pytest.raises(Failed) as failure:
        reader.end()
    assert failure.value.code is Code.TRUNCATED


def test_zeros_and_nulls_after_figures_replace_none_of_them() -> None:
    first = {"input_tokens": 25, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 1}
    later = {"input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": None, "output_tokens": 15}
    usage = [each for each in read(message_start(**first), *end_events("end_turn", **later)) if isinstance(each, Usage)]
    assert usage[-1] == Usage(32, 15, "exact", 5, None, 2)


@pytest.mark.parametrize(
    ("sent", "usage"),
    [
        # Servers that do not count: a prompt has no 0 tokens.
        ({"input_tokens": 0, "output_tokens": 3}, Usage(None, 3, "exact")),
        ({"input_tokens": 0, "cache_read_input_tokens": 9, "output_tokens": 3}, Usage(9, 3, "exact", 9)),
        (
            {
                "input_tokens": 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 300},
                "output_tokens": 3,
            },
            Usage(321, 3, "exact", None, None, 320, 300),
        ),
    ],
)
def test_what_the_figures_mean(sent: Json, usage: Usage) -> None:
    assert read(message_start(**sent))[-1] == usage


def test_a_whole_message_in_one_event() -> None:
    message: Json = {
        "type": "message",
        "id": "msg_1",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "SIG"},
            {"type": "text", "text": "Hello", "citations": [{"type": "char_location", "document_title": "d"}]},
            {"type": "tool_use", "id": "a", "name": "go", "input": {"to": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    content: list[UpstreamEvent] = [
        *(Reasoning("Hm."), SignedReasoning("", "SIG", "anthropic"), Chunk("Hello")),
        citation_of({"type": "char_location", "document_title": "d"}),
        *(ToolCall(0, "a", "go", ""), ToolCall(0, None, None, '{"to":1}')),
    ]
    assert read(message) == [*content, Finished("tool_calls"), Usage(3, 2, "exact")]
    started = {**message, "stop_reason": None}
    assert read(event("message_start", message=started))[: len(content)] == content


def test_calls_that_their_server_does_not_end_or_name() -> None:
    events = read(
        event("message_start", message={"id": "msg_9"}),
        start(0, "tool_use", id="", name="go", input=None),
        start(1, "tool_use", name="", input='{"a":1}'),
        *end_events("end_turn"),
    )
    assert [each for each in events if isinstance(each, ToolCall | Finished)] == [
        *(ToolCall(0, "call_msg_9_0", "go", ""), ToolCall(1, "call_msg_9_1", None, "")),
        *(ToolCall(0, None, None, "{}"), ToolCall(1, None, None, '{"a":1}'), Finished("tool_calls")),
    ]


def test_other_blocks_are_parts() -> None:
    image = {"type": "base64", "media_type": "image/png", "data": "iVBOR"}
    assert read(
        start(0, "image", source=image),
        stop(0),
        start(1, "document", source={"type": "url", "url": "https://a.example/b.pdf"}),
        stop(1),
        start(2, "compaction", content=""),
        delta(2, "compaction_delta", content="So "),
        delta(2, "compaction_delta", content="far", tokens=7),
        stop(2),
        start(3, "mcp_tool_use", id="m", name="look", server_name="s", input={}),
        json_delta("oops", 3),
        stop(3),
        start(4, "mcp_tool_result", tool_use_id="m", is_error=False),
    ) == [
        Part("image", {"media_type": "image/png", "data": "iVBOR"}),
        Part("file", {"media_type": None, "url": "https://a.example/b.pdf"}),
        Part("server_tool", {"name": "compaction", "block": {"type": "compaction", "content": "So far", "tokens": 7}}),
        Part(
            "server_tool",
            {
                "name": "look",
                "block": {"type": "mcp_tool_use", "id": "m", "name": "look", "server_name": "s", "input": "oops"},
            },
        ),
    ]


def test_half_characters_anywhere_can_be_sent_to_clients() -> None:
    reader, events = MessagesReader(), list[UpstreamEvent]()
    for index, block in enumerate(
        (
            b'{"type":"tool_use","id":"a\\ud800","name":"\\ud800","input":"{\\"x\\":\\"\\ud800\\"}"}',
            b'{"type":"\\ud800"}',
        )
    ):
        reader.read(b'{"type":"content_block_start","index":%d,"content_block":%b}' % (index, block), events)
        reader.read(b'{"type":"content_block_stop","index":%d}' % index, events)
    assert [encode(each) for each in events if isinstance(each, ToolCall | Part)]
    assert isinstance(events[1], ToolCall)
    assert events[1].arguments == '{"x":"\ufffd"}'
