"""Anthropic's Messages API: its streams as documented, whole, cut and broken; and how a call is spelled for it."""

from collections.abc import Sequence
from itertools import pairwise

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.protocol.commands import Message, Options
from gateway.protocol.errors import Code, Failed
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.formats.anthropic import AnthropicFormat, MessagesReader
from gateway.upstreams.formats.anthropic_request import EFFORTS, MAX_TOKENS
from tests.gateway.upstreams.parts import cuts, pieces, streamed
from tests.support import user

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


def piece(words: str, index: int) -> Json:
    return delta(index, "input_json_delta", partial_json=words)


def stop(index: int) -> Json:
    return event("content_block_stop", index=index)


def ending(reason: str | None, **usage: object) -> tuple[Json, Json]:
    said = event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)
    return said, event("message_stop")


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
    *ending("end_turn", output_tokens=15),
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
    *ending("end_turn", output_tokens=90, output_tokens_details={"thinking_tokens": 70}),
)
TOOLS = stream(
    message_start(input_tokens=472, output_tokens=2),
    start(0, "text", text=""),
    text("Okay, let's check"),
    stop(0),
    start(1, "tool_use", id="toolu_01T1x1fJ34qAmk2tNTrN7Up6", name="get_weather", input={}),
    *(piece(words, 1) for words in ["", '{"location":', ' "San', " Francisc", "o,", ' CA"', "}"]),
    stop(1),
    start(2, "tool_use", id="toolu_2", name="get_time", input={}),
    piece("", 2),
    stop(2),
    start(3, "tool_use", id="toolu_3", name="get_weather", input={}),
    piece('{"location": "Huế"}', 3),
    stop(3),
    *ending("tool_use", output_tokens=89),
)
SEARCH = stream(
    message_start(input_tokens=2679, cache_creation_input_tokens=0, cache_read_input_tokens=0, output_tokens=3),
    start(0, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    piece('{"query', 0),
    piece('": "weather"}', 0),
    stop(0),
    start(1, "web_search_tool_result", tool_use_id="srvtoolu_1", content=[{"type": "web_search_result", "url": "u"}]),
    stop(1),
    start(2, "text", text="", citations=[]),
    delta(2, "citations_delta", citation={"type": "web_search_result_location", "cited_text": "62°F"}),
    text("It is mild.", 2),
    stop(2),
    event("something_new", index=9),
    *ending("end_turn", input_tokens=10682, output_tokens=510, server_tool_use={"web_search_requests": 1}),
)
# llama.cpp: blocks that overlap, all ended at the end; no event names, as far as we look.
OVERLAPPING = stream(
    start(0, "tool_use", id="a", name="one"),
    start(1, "tool_use", id="b", name="two"),
    piece('{"x":', 1),
    piece('{"y":1}', 0),
    piece("2}", 1),
    stop(0),
    stop(1),
    *ending("tool_use", output_tokens=1),
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
            Usage(1240, 3, "exact", 1000),
            Reasoning("I need to find the GCD of 1071 and 462."),
            Reasoning("\n\n1071 = 2·462 + 147"),
            Chunk("The GCD"),
            Chunk(" is **21**."),
            Finished("stop"),
            Usage(1240, 90, "exact", 1000, 70),
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
        [Usage(2679, 3, "exact", 0), Chunk("It is mild."), Finished("stop"), Usage(10682, 510, "exact", 0)],
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


def slowly(raw: bytes) -> tuple[list[UpstreamEvent], str]:
    """Decode every event in full, one after the other."""
    reader, parts = MessagesReader(), list[UpstreamEvent]()
    for sent in EventStreamDecoder().feed(raw):
        if reader.done:
            break
        try:
            reader.read(sent.data, parts)
        except Failed as failure:
            return parts, "" if reader.finished else failure.code
    return parts, "" if reader.finished else "truncated"


async def answered(raw: bytes, places: Sequence[int] = ()) -> tuple[list[UpstreamEvent], str]:
    return await streamed(pieces(raw, places), MessagesReader())


def failed(*events: Json) -> Failed:
    reader = AnthropicFormat().reader(SecretStr("sk-ant-secret"))
    with pytest.raises(Failed) as failure:
        for sent in events:
            reader.read(orjson.dumps(sent), [])
    return failure.value


@transcripts
async def test_a_stream_becomes_parts(raw: bytes, expected: list[UpstreamEvent]) -> None:
    assert await answered(raw) == (expected, "")
    assert slowly(raw) == (expected, "")


@transcripts
async def test_it_survives_every_split_in_two(raw: bytes, expected: list[UpstreamEvent]) -> None:
    for place in range(1, len(raw)):
        assert await answered(raw, [place]) == (expected, ""), place


@transcripts
async def test_it_survives_single_bytes_and_carriage_returns(raw: bytes, expected: list[UpstreamEvent]) -> None:
    assert await answered(raw, range(len(raw))) == (expected, "")
    assert await answered(raw.replace(b"\n", b"\r\n")) == (expected, "")


async def test_it_ends_with_message_stop_and_needs_a_stop_reason_before() -> None:
    cut = TEXT.partition(b"event: message_delta")[0]
    assert (await answered(cut))[1] == "truncated"
    whole = TEXT.partition(b"event: message_stop")[0]
    assert await answered(whole) == await answered(TEXT)
    assert (await answered(cut + stream(event("message_stop"))))[0][-1] == Finished(None)
    assert await answered(TEXT + b"data: oops\n\n" + stream(text("more"))) == await answered(TEXT)


async def test_nothing_of_the_answer_comes_after_its_end_mark() -> None:
    end = ending("end_turn", output_tokens=1)[0]
    late = event("error", error={"type": "overloaded_error"})
    parts, code = await answered(
        stream(text("a"), end, text("b"), stop(0), ending("refusal", output_tokens=2)[0], late)
    )
    assert parts == [Chunk("a"), Finished("stop"), Usage(None, 1, "exact"), Usage(None, 2, "exact")]
    assert code == ""


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "something_new"),
    ],
)
async def test_stop_reasons_in_openai_words(reason: str, expected: str) -> None:
    parts, _ = await answered(stream(message_start(), text("Once"), *ending(reason)))
    assert parts == [Chunk("Once"), Finished(expected)]


async def test_figures_come_without_an_end_too_and_the_last_count() -> None:
    midway = event("message_delta", delta={"stop_reason": None}, usage={"output_tokens": 7, "input_tokens": None})
    parts, _ = await answered(stream(message_start(input_tokens=3), midway, *ending("end_turn", input_tokens=5)))
    assert parts == [
        Usage(3, None, "exact"),
        Usage(3, 7, "exact"),
        Finished("stop"),
        Usage(5, 7, "exact"),
    ]


async def test_a_block_may_begin_with_its_content() -> None:
    raw = stream(
        start(0, "thinking", thinking="Hm."),
        start(1, "text", text="Xin "),
        text("chào", 1),
        stop(1),
        start(2, "tool_use", id="a", name="go", input={"to": "Huế"}),
        stop(2),
        start(3, "tool_use", id="b", name="go", input={"to": "?"}),
        piece("{}", 3),
        stop(3),
        *ending("tool_use"),
    )
    assert (await answered(raw))[0] == [
        Reasoning("Hm."),
        Chunk("Xin "),
        Chunk("chào"),
        ToolCall(0, "a", "go", ""),
        ToolCall(0, None, None, '{"to":"Hu\\u1ebf"}'),
        ToolCall(1, "b", "go", ""),
        ToolCall(1, None, None, "{}"),
        Finished("tool_calls"),
    ]


async def test_a_character_cut_between_surrogates_is_put_together() -> None:
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
    raw = b"".join(b"data: %b\n\n" % data for data in sent) + stream(*ending("end_turn"))
    assert (await answered(raw))[0] == [
        Chunk("a"),
        Chunk("🙂b"),
        ToolCall(0, "t", "n", ""),
        Chunk("\ufffd!"),
        ToolCall(0, None, None, "🙂"),
        Chunk("c"),
        Finished("stop"),
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
        ("authentication_error", Code.AUTH_ERROR, False),
        ("permission_error", Code.AUTH_ERROR, False),
        ("billing_error", Code.AUTH_ERROR, False),
        ("not_found_error", Code.MODEL_NOT_FOUND, False),
        ("something_new", Code.SERVER_ERROR, True),
    ],
)
def test_an_error_inside_the_stream(kind: str, code: Code, retryable: bool) -> None:
    failure = failed(event("error", error={"type": kind, "message": "Oops sk-ant-secret"}, request_id="req_1"))
    assert (failure.code, failure.retryable) == (code, retryable)
    assert "secret" not in failure.message
    assert ("Oops" in failure.message) == (code is Code.INVALID_REQUEST)


async def test_what_came_before_an_error_counts() -> None:
    error = event("error", error={"details": None, "type": "overloaded_error", "message": "Overloaded"})
    parts, code = await answered(stream(message_start(), start(0, "text", text=""), text("Once "), error))
    assert (parts, code) == ([Chunk("Once ")], "server_error")


@pytest.mark.parametrize("error", [{}, None, "words", {"message": 7}])
def test_an_error_that_says_little_is_one_all_the_same(error: object) -> None:
    assert failed(event("error", error=error)).code is Code.SERVER_ERROR


def test_an_error_as_openai_tells_it() -> None:
    assert failed({"error": {"code": 400, "message": "too long: 9"}}).message.endswith("too long: 9")


@pytest.mark.parametrize(
    "data",
    [
        *(b"{oops", b"[1]", b"\xff", b"7", b"{}", b'{"type":7}', b'{"choices":[]}', b'{"error":null}', b"[DONE]"),
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":["a"]}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":null}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":{}}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}',
    ],
)
async def test_what_is_malformed_is_a_failure_and_what_came_before_counts(data: bytes) -> None:
    parts, code = await answered(stream(text("Once ")) + b"data: %b\n\n" % data)
    assert (parts, code) == ([Chunk("Once ")], "upstream_protocol")


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
    ],
)
def test_what_is_odd_and_says_nothing_is_passed_over(sent: Json) -> None:
    reader, parts = MessagesReader(), list[UpstreamEvent]()
    reader.read(orjson.dumps(sent), parts)
    assert [part for part in parts if part != Usage(None, None, "exact")] == []
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
    *(orjson.dumps(e) for e in (PING, message_start(input_tokens=1), stop(0), stop(2), *ending("end_turn"))),
    orjson.dumps(start(2, "tool_use", id="t", name="n", input={})),
    orjson.dumps(start(2, "server_tool_use", id="t", name="n", input={})),
    *(b"{}", b"oops", b'{"type":"error","error":{"type":"overloaded_error"}}'),
]
spelled = st.lists(
    st.one_of(
        st.builds(lambda spelling, value: spelling % value, st.sampled_from(SPELLINGS), st.sampled_from(VALUES)),
        st.builds(lambda value: SPELLINGS[0] % value, st.sampled_from(VALUES)),
        st.builds(lambda words: SPELLINGS[0] % orjson.dumps(words), st.text(max_size=5)),
        st.sampled_from(WHOLE),
    ),
    max_size=12,
)


FRAMES = [b"data: %b\n\n", b"event: x\ndata: %b\n\n"]


@given(spelled, cuts, st.sampled_from(FRAMES))
@example([SPELLINGS[0] % b'"a"', SPELLINGS[0] % b'"b"', SPELLINGS[4] % b'"c"', SPELLINGS[0] % b'"d"'], [], FRAMES[0])
@example([SPELLINGS[0] % b'"\\ud83d"', SPELLINGS[0] % b'"a"', SPELLINGS[0] % b'"b"'], [], FRAMES[0])
@example([SPELLINGS[9] % b'"a"', SPELLINGS[9] % b'"b"', SPELLINGS[5] % b'"c"'], [], FRAMES[1])
# What also stands between the quotes of the JSON around it.
@example(
    [SPELLINGS[0] % b'","', SPELLINGS[0] % b'"text"', SPELLINGS[0] % b'"type"', SPELLINGS[1] % b'": "'], [], FRAMES[1]
)
async def test_whatever_comes_it_reads_what_decoding_reads(
    datas: list[bytes], places: list[int], framed: bytes
) -> None:
    raw = b"".join(framed % data for data in datas)
    assert await answered(raw, places) == slowly(raw)


def body(*messages: Message, **given: object) -> Json:
    """Spell a call whose options came through the edge."""
    model = str(given.pop("model", "claude-sonnet-4-5"))
    options = Options.model_validate(given).for_provider()
    spelled: Json = dict(AnthropicFormat().body(UpstreamRequest(model, messages or [user("Hello")], options)))
    orjson.dumps(spelled)
    return spelled


def refusal(*messages: Message, **options: object) -> str:
    with pytest.raises(Failed) as failure:
        body(*messages, **options)
    assert (failure.value.code, failure.value.retryable) == (Code.INVALID_REQUEST, False)
    return failure.value.message


def said(role: str, content: object = None, **extra: object) -> Message:
    return Message.model_validate({"role": role, "content": content, **extra})


def words(spoken: str) -> Json:
    return {"type": "text", "text": spoken}


def called(identity: str, arguments: str, name: str = "go") -> Json:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_where_and_how_it_is_posted() -> None:
    wire = AnthropicFormat()
    assert wire.endpoint(UpstreamRequest("m", [], {})) == Endpoint(("messages",))
    assert wire.headers("k") == {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    assert body() == {
        "model": "claude-sonnet-4-5",
        "messages": [{"role": "user", "content": [words("Hello")]}],
        "max_tokens": MAX_TOKENS,
        "stream": True,
    }


def test_turns_alternate_and_what_stands_above_them_is_the_system() -> None:
    cached = {**words("Be kind."), "cache_control": {"type": "ephemeral"}}
    spelled = body(
        said("system", "Be brief."),
        user("One"),
        said("user", [words("Two"), words(" \n")], name="Ann"),
        said("assistant", "Three "),
        said("developer", [cached]),
        said("assistant", [words("Four"), {"type": "refusal", "refusal": "No."}]),
        user(""),
        user("Five"),
    )
    assert spelled["system"] == [words("Be brief."), cached]
    assert spelled["messages"] == [
        {"role": "user", "content": [words("One"), words("Two")]},
        {"role": "assistant", "content": [words("Three "), words("Four"), words("No.")]},
        {"role": "user", "content": [words("Five")]},
    ]


def test_calls_of_tools_and_their_results() -> None:
    spelled = body(
        user("Go"),
        said("assistant", "", tool_calls=[called("a", '{"to": "Huế"}'), called("b", " ")]),
        said("tool", "there", tool_call_id="a"),
        said("tool", [words("here"), {"type": "image_url", "image_url": {"url": "https://x/y"}}], tool_call_id="b"),
        said("tool", "", tool_call_id="c"),
        user("And?"),
    )
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y"}}
    assert spelled["messages"] == [
        {"role": "user", "content": [words("Go")]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "a", "name": "go", "input": {"to": "Huế"}},
                {"type": "tool_use", "id": "b", "name": "go", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [words("there")]},
                {"type": "tool_result", "tool_use_id": "b", "content": [words("here"), image]},
                {"type": "tool_result", "tool_use_id": "c"},
                words("And?"),
            ],
        },
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR=", "detail": "low"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR="}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/webp;charset=x;base64,UklG"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklG"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg?b=1,2"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.jpg?b=1,2"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        ),
        (
            {"type": "thinking", "thinking": "Hm", "signature": "E"},
            {"type": "thinking", "thinking": "Hm", "signature": "E"},
        ),
        ({"type": "search_result", "title": "t"}, {"type": "search_result", "title": "t"}),
    ],
)
def test_content_parts(part: Json, block: Json) -> None:
    assert body(said("user", [part]))["messages"] == [{"role": "user", "content": [block]}]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (said("user", [{"type": "input_audio", "input_audio": {}}]), "messages[0].content[0]: the provider supports"),
        (said("user", [words("a"), {"type": "file", "file": {"file_id": "f"}}]), "content[1]: the provider supports"),
        (said("user", [{"type": "image_url", "image_url": "https://x"}]), "not this image_url"),
        (said("user", [{"type": "image_url", "image_url": {"url": "ftp://x"}}]), "data:image/…;base64,"),
        (said("user", [{"type": "image_url", "image_url": {"url": "data:image/png,x"}}]), "data:image/…;base64,"),
        (said("user", [{"type": "file", "file": {"file_data": "data:text/csv;base64,x"}}]), "data:application/pdf;"),
        (
            said("system", [{"type": "image_url", "image_url": {"url": "https://x"}}]),
            "a system message may contain only text",
        ),
        (said("tool", "x"), "messages[0].tool_call_id is missing"),
        (said("tool", "x", tool_call_id=7), "messages[0].tool_call_id is missing"),
        (said("assistant", tool_calls=[called("a", '{"to":')]), "messages[0].tool_calls[0].function.arguments is not"),
        (said("assistant", tool_calls=[called("a", "[1]")]), "is not a JSON object"),
        (said("assistant", tool_calls=[called("a", '{"a":' * 252 + "1" + "}" * 252)]), "is not a JSON object"),
        (said("assistant", tool_calls=[called("a", '{"a":"\\ud83d"}')]), "is not a JSON object"),
        (said("assistant", tool_calls=[called("a", "{}"), {"id": "b"}]), "tool_calls[1]: a tool call needs"),
        (said("assistant", tool_calls=[7]), "tool_calls[0]: a tool call needs"),
    ],
)
def test_messages_without_a_word_there_are_refused(message: Message, told: str) -> None:
    assert told in refusal(message)


def test_the_last_words_of_the_assistant_are_gone_on_from() -> None:
    assert body(user("Hi"), said("assistant", "Once upon \n"))["messages"] == [
        {"role": "user", "content": [words("Hi")]},
        {"role": "assistant", "content": [words("Once upon")]},
    ]
    assert body(user("Hi"), said("assistant", " "))["messages"] == [{"role": "user", "content": [words("Hi")]}]
    last = body(said("assistant", "Go ", tool_calls=[called("a", "{}")]))["messages"]
    assert isinstance(last, list)
    assert last[0]["content"][0] == words("Go ")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
        # What is so by itself need not be said.
        ({"temperature": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "stop": [], "tools": []}, {}),
        ({"response_format": {"type": "text"}, "parallel_tool_calls": True, "user": ""}, {}),
        ({"parallel_tool_calls": False}, {}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ),
    ],
)
def test_options(options: Json, expected: Json) -> None:
    assert body(**options) == {**body(), **expected}


TOOL = {"type": "function", "function": {"name": "go", "description": "Go.", "parameters": {"type": "object"}}}
SPELLED_TOOL = {"name": "go", "description": "Go.", "input_schema": {"type": "object"}}
NAMED = {"type": "function", "function": {"name": "go"}}
ONE = {"disable_parallel_tool_use": True}


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        ({}, None),
        ({"parallel_tool_calls": True}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": NAMED}, {"type": "tool", "name": "go"}),
        ({"parallel_tool_calls": False}, {"type": "auto", **ONE}),
        ({"parallel_tool_calls": False, "tool_choice": "required"}, {"type": "any", **ONE}),
        ({"parallel_tool_calls": False, "tool_choice": NAMED}, {"type": "tool", "name": "go", **ONE}),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_the_choice_of_tools(options: Json, choice: Json | None) -> None:
    chosen = {} if choice is None else {"tool_choice": choice}
    assert body(tools=[TOOL], **options) == {**body(), "tools": [SPELLED_TOOL], **chosen}


def test_tools() -> None:
    bare = {"type": "function", "function": {"name": "stay", "description": None, "strict": True}}
    own = {"type": "web_search_20250305", "name": "web_search"}
    assert body(tools=[bare, own])["tools"] == [
        {"name": "stay", "strict": True, "input_schema": {"type": "object", "properties": {}}},
        own,
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": 0}, "The provider does not support seed: leave it out."),
        ({"presence_penalty": 0.5}, "The provider does not support presence_penalty: leave it out."),
        ({"frequency_penalty": -1}, "does not support frequency_penalty"),
        ({"temperature": 1.5}, "temperature is from 0 to 1"),
        ({"response_format": {"type": "json_object"}}, "response_format must be text, or json_schema"),
        ({"response_format": {"type": "json_schema"}}, "response_format must be text, or json_schema"),
        ({"tools": [{"type": "function"}]}, "tools[0]: a function tool needs a function.name."),
        ({"tools": [TOOL, {"name": "go"}]}, "tools[1]: a function tool needs"),
        ({"tools": [{"type": "function", "function": {"name": 7}}]}, "tools[0]: a function tool needs"),
        ({"tool_choice": "any"}, "tool_choice must be auto, none, required or one function with its name."),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice must be auto"),
        (
            {"reasoning_effort": "much"},
            "reasoning_effort must be none or one of minimal, low, medium, high, xhigh, max.",
        ),
        ({"reasoning_effort": "low", "temperature": 0.5}, "With reasoning_effort, the provider's temperature is 1"),
        ({"reasoning_effort": "low", "tool_choice": "required"}, "tool_choice must be auto or none"),
        ({"reasoning_effort": "low", "tool_choice": NAMED}, "tool_choice must be auto or none"),
        ({"reasoning_effort": "low", "max_tokens": 1024}, "max_tokens must be over 1024: thinking counts, too."),
    ],
)
def test_options_without_a_word_there_are_refused(options: Json, told: str) -> None:
    assert told in refusal(**options)


@pytest.mark.parametrize(
    "model",
    [
        *("claude-3-7-sonnet-20250219", "claude-sonnet-4-20250514", "claude-opus-4-0", "claude-opus-4-1-20250805"),
        *("claude-sonnet-4-5", "claude-haiku-4-5-20251001", "claude-opus-4", "anthropic/claude-opus-4.5", "gemma"),
    ],
)
def test_older_models_think_by_a_budget(model: str) -> None:
    spelled = body(model=model, reasoning_effort="medium", temperature=1, tools=[TOOL], tool_choice="auto")
    assert spelled["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    assert spelled["max_tokens"] == MAX_TOKENS + 8192
    assert "temperature" not in spelled
    assert "output_config" not in spelled


@pytest.mark.parametrize(
    "model",
    [
        *("claude-opus-4-6", "claude-sonnet-4-6", "claude-opus-4-8", "claude-opus-4-10", "claude-sonnet-5"),
        *("claude-opus-5-5", "claude-fable-5-1", "claude-mythos-preview", "anthropic.claude-opus-4-6-v1"),
    ],
)
def test_newer_models_think_by_an_effort(model: str) -> None:
    schema = {"type": "json_schema", "json_schema": {"schema": {}}}
    spelled = body(model=model, reasoning_effort="minimal", max_tokens=900, response_format=schema)
    assert spelled["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert spelled["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": {}}}
    assert spelled["max_tokens"] == 900


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5"])
def test_no_thinking(model: str) -> None:
    spelled = body(model=model, reasoning_effort="none", temperature=0.2)
    assert (spelled["thinking"], spelled["temperature"]) == ({"type": "disabled"}, 0.2)
    assert "output_config" not in spelled


@given(st.sampled_from(list(EFFORTS)), st.integers(1025, 100_000))
def test_a_budget_is_always_one_that_the_api_takes(effort: str, max_tokens: int) -> None:
    spelled = body(reasoning_effort=effort, max_tokens=max_tokens)
    thinking = spelled["thinking"]
    assert isinstance(thinking, dict)
    assert spelled["max_tokens"] == max_tokens
    assert 1024 <= thinking["budget_tokens"] < max_tokens
    assert thinking["budget_tokens"] <= EFFORTS[effort][1]


roles = st.sampled_from(["system", "developer", "user", "assistant", "tool"])


@given(st.lists(st.tuples(roles, st.text(" ab\n", max_size=4)), max_size=8))
def test_turns_always_alternate_and_lose_no_words(conversation: list[tuple[str, str]]) -> None:
    spelled = body(user("Hello"), *(said(role, content, tool_call_id="t") for role, content in conversation))
    turns = spelled["messages"]
    assert isinstance(turns, list)
    assert all(one["role"] != other["role"] for one, other in pairwise(turns))
    assert all(turn["content"] for turn in turns)
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant":
        assert last["text"] == last["text"].rstrip()
    told = orjson.dumps(spelled)
    assert all(orjson.dumps(content.rstrip())[1:-1] in told for _, content in conversation)
