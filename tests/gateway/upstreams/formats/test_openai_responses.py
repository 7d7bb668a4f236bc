"""The Responses wire format: transcripts as OpenAI documents them, as other servers spell them, and every mapping."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import count

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.protocol.commands import JsonObject, Message, Options
from gateway.protocol.errors import Code, Failed
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat, ResponsesReader
from tests.gateway.upstreams.parts import pieces, streamed
from tests.support import user

KEY = SecretStr("nobody knows")
Event = dict[str, object]


def event(kind: str, **fields: object) -> Event:
    return {"type": f"response.{kind}", **fields}


def item(kind: str, place: int, content: Event) -> Event:
    return event(f"output_item.{kind}", output_index=place, item=content)


def ended(how: str = "completed", **fields: object) -> Event:
    return event(how, response={"id": "resp_1", "object": "response", "status": how, **fields})


def text(kind: str, place: int, value: str, **fields: object) -> Event:
    """Make a delta, or with the key `text` or `refusal` what is whole."""
    where = {"item_id": f"item_{place}", "output_index": place, "content_index": 0}
    return event(kind, **{**where, **({"delta": value} if kind.endswith("delta") else fields)})


def message(place: int, *words: str) -> list[Event]:
    """Make a message as it is streamed: every event that the documentation lists for it."""
    whole = "".join(words)
    part = {"type": "output_text", "text": whole, "annotations": []}
    at = {"item_id": f"item_{place}", "output_index": place, "content_index": 0}
    head = {"type": "message", "id": f"item_{place}", "role": "assistant"}
    return [
        item("added", place, {**head, "status": "in_progress", "content": []}),
        event("content_part.added", **at, part={**part, "text": ""}),
        *(text("output_text.delta", place, word, logprobs=[]) for word in words),
        event("output_text.done", **at, text=whole),
        event("content_part.done", **at, part=part),
        item("done", place, {**head, "status": "completed", "content": [part]}),
    ]


def call(place: int, call_id: str, name: str, *arguments: str) -> list[Event]:
    head = {"type": "function_call", "id": f"fc_{place}", "call_id": call_id, "name": name}
    at = {"item_id": f"fc_{place}", "output_index": place}
    return [
        item("added", place, {**head, "status": "in_progress", "arguments": ""}),
        *(event("function_call_arguments.delta", **at, delta=piece) for piece in arguments),
        event("function_call_arguments.done", **at, arguments="".join(arguments)),
        item("done", place, {**head, "status": "completed", "arguments": "".join(arguments)}),
    ]


def summary(place: int, *paragraphs: Sequence[str]) -> list[Event]:
    head = {"type": "reasoning", "id": f"rs_{place}"}
    events = [item("added", place, {**head, "summary": []})]
    for number, words in enumerate(paragraphs):
        at = {"item_id": f"rs_{place}", "output_index": place, "summary_index": number}
        whole = {"type": "summary_text", "text": "".join(words)}
        events += [
            event("reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""}),
            *(event("reasoning_summary_text.delta", **at, delta=word) for word in words),
            event("reasoning_summary_text.done", **at, text="".join(words)),
            event("reasoning_summary_part.done", **at, part=whole),
        ]
    parts = [{"type": "summary_text", "text": "".join(words)} for words in paragraphs]
    return [*events, item("done", place, {**head, "summary": parts})]


def refusal(place: int, *words: str) -> list[Event]:
    at = {"item_id": f"item_{place}", "output_index": place, "content_index": 0}
    return [
        *(event("refusal.delta", **at, delta=word) for word in words),
        event("refusal.done", **at, refusal="".join(words)),
        item("done", place, {"type": "message", "content": [{"type": "refusal", "refusal": "".join(words)}]}),
    ]


def spelled(events: Sequence[Event | bytes], *, numbered: bool = True) -> bytes:
    """Spell them as OpenAI does: the type as the event's name too, a number in each."""
    numbers, written = count(), list[bytes]()
    for each in events:
        if isinstance(each, bytes):
            written.append(each)
            continue
        data = {**each, "sequence_number": next(numbers)} if numbered else each
        written.append(b"event: %b\ndata: %b\n\n" % (str(each["type"]).encode(), orjson.dumps(data)))
    return b"".join(written)


def read(*events: Event) -> list[UpstreamEvent]:
    """Decode every event in full, one after the other."""
    reader, parts = ResponsesReader(KEY), list[UpstreamEvent]()
    for each in events:
        reader.read(orjson.dumps(each), parts)
    return parts


def failure(*events: Event) -> tuple[Failed, list[UpstreamEvent]]:
    reader, parts = ResponsesReader(KEY), list[UpstreamEvent]()
    with pytest.raises(Failed) as failed:
        for each in events:
            reader.read(orjson.dumps(each), parts)
    return failed.value, parts


async def answered(stream: bytes, places: Sequence[int] = ()) -> tuple[list[UpstreamEvent], str]:
    return await streamed(pieces(stream, places), ResponsesReader(KEY))


def slowly(stream: bytes) -> tuple[list[UpstreamEvent], str]:
    reader, parts = ResponsesReader(KEY), list[UpstreamEvent]()
    for each in EventStreamDecoder().feed(stream):
        if reader.done:
            break
        try:
            reader.read(each.data, parts)
        except Failed as failed:
            return parts, failed.code
    return parts, "" if reader.done else "truncated"


BEGIN = [
    event(kind, response={"id": "resp_1", "status": "in_progress", "output": []}) for kind in ("created", "queued")
]
USAGE = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 12, "cache_write_tokens": 0},
    "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 64},
    "total_tokens": 123,
}
EXACT = Usage(36, 87, "exact", 12, 64)

TRANSCRIPTS: dict[str, tuple[list[Event], list[UpstreamEvent]]] = {
    "text": (
        [*BEGIN, *message(0, "Xin ", "chào ", "🙂"), ended(usage=USAGE)],
        [Chunk("Xin "), Chunk("chào "), Chunk("🙂"), Finished("stop"), EXACT],
    ),
    "reasoning summary": (
        [*BEGIN, *summary(0, ["**Look**", " first"], ["**Add**"]), *message(1, "Five."), ended(usage=USAGE)],
        [
            *(Reasoning("**Look**"), Reasoning(" first"), Reasoning("\n\n"), Reasoning("**Add**"), Chunk("Five.")),
            *(Finished("stop"), EXACT),
        ],
    ),
    "reasoning text": (
        [
            text("reasoning_text.delta", 0, "Hm. "),
            text("reasoning_text.delta", 0, "Well."),
            text("reasoning_text.done", 0, "", text="Hm. Well."),
            *message(1, "Yes."),
            ended(),
        ],
        [Reasoning("Hm. "), Reasoning("Well."), Chunk("Yes."), Finished("stop")],
    ),
    "parallel calls": (
        [
            *summary(0, ["Both."]),
            *call(1, "call_a", "weather", '{"city":', '"Huế"}'),
            *call(2, "call_b", "time", "{}"),
            ended(usage=USAGE),
        ],
        [
            Reasoning("Both."),
            *(ToolCall(0, "call_a", "weather", ""), ToolCall(0, None, None, '{"city":')),
            *(ToolCall(0, None, None, '"Huế"}'), ToolCall(1, "call_b", "time", ""), ToolCall(1, None, None, "{}")),
            *(Finished("tool_calls"), EXACT),
        ],
    ),
    "refusal": (
        [*BEGIN, *refusal(0, "I can't ", "do that."), ended()],
        [Chunk("I can't "), Chunk("do that."), Finished("stop")],
    ),
    "out of tokens": (
        [*message(0, "Once "), ended("incomplete", incomplete_details={"reason": "max_output_tokens"}, usage=USAGE)],
        [Chunk("Once "), Finished("length"), EXACT],
    ),
}


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("name", TRANSCRIPTS)
async def test_a_transcript_cut_in_two_anywhere(name: str, *, numbered: bool) -> None:
    events, expected = TRANSCRIPTS[name]
    stream = spelled(events, numbered=numbered)
    for place in range(len(stream)):
        assert await answered(stream, [place]) == (expected, "")


async def test_comments_pings_and_done_say_nothing() -> None:
    events, expected = TRANSCRIPTS["text"]
    between: list[Event | bytes] = [b": keep-alive\n\n", b'event: ping\ndata: {"type":"ping"}\n\n', b"data: [DONE]\n\n"]
    assert await answered(spelled([part for each in events for part in (*between, each)])) == (expected, "")


async def test_done_alone_is_no_end() -> None:
    parts, code = await answered(spelled([*message(0, "Once "), b"data: [DONE]\n\n"]))
    assert (parts, code) == ([Chunk("Once ")], "truncated")


async def test_nothing_counts_behind_the_end() -> None:
    late: list[Event | bytes] = [*message(1, "late"), b"data: oops\n\n"]
    assert await answered(spelled([*message(0, "a"), ended(), *late])) == ([Chunk("a"), Finished("stop")], "")


def test_what_no_chat_shows_is_ignored() -> None:
    assert not read(
        *BEGIN,
        event("in_progress", response={}),
        item("added", 0, {"type": "web_search_call", "id": "ws_0", "status": "in_progress"}),
        event("web_search_call.searching", item_id="ws_0", output_index=0),
        item("done", 0, {"type": "web_search_call", "id": "ws_0", "status": "completed"}),
        event("mcp_call_arguments.delta", item_id="mcp_0", output_index=1, delta="{}"),
        event("output_text.annotation.added", item_id="item_0", annotation={"type": "url_citation"}),
        event("something.new", delta="x"),
        {"delta": "x"},
        {"type": 7},
        {"type": None, "error": None},
    )


def without(events: Sequence[Event], *kinds: str) -> list[Event]:
    return [each for each in events if not str(each["type"]).endswith(kinds)]


@pytest.mark.parametrize("gone", [(".delta",), (".delta", "text.done", "arguments.done", "refusal.done")])
@pytest.mark.parametrize("name", ["text", "reasoning summary", "parallel calls", "refusal"])
def test_what_came_by_no_delta_comes_whole_and_once(name: str, gone: tuple[str, ...]) -> None:
    events, expected = TRANSCRIPTS[name]
    parts = read(*without(events, *gone))
    assert whole(parts) == whole(expected)
    assert parts[-1] == expected[-1]


def whole(parts: Sequence[UpstreamEvent]) -> tuple[str, str, dict[int, str], list[object]]:
    """Join what was said."""
    calls: dict[int, str] = {}
    for part in parts:
        if isinstance(part, ToolCall):
            calls[part.index] = calls.get(part.index, "") + (part.id or "") + (part.name or "") + part.arguments
    said = "".join(part.content for part in parts if isinstance(part, Chunk))
    thought = "".join(part.content for part in parts if isinstance(part, Reasoning))
    return said, thought, calls, [part for part in parts if isinstance(part, Finished | Usage)]


def test_an_answer_told_only_at_its_end() -> None:
    output = [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        },
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "c"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "d"}, {"type": "refusal", "refusal": "e"}]},
        {"type": "message", "content": [{"type": "output_audio", "transcript": "f"}, {}, "g"]},
        {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"},
    ]
    assert read(*BEGIN, ended(output=output)) == [
        *(Reasoning("a\n\nb"), Reasoning("c"), Chunk("d"), Chunk("e")),
        *(ToolCall(0, "call_a", "f", ""), ToolCall(0, None, None, "{}"), Finished("tool_calls")),
    ]
    # What came before is not told again.
    assert read(*message(0, "x"), ended(output=output)) == [Chunk("x"), Finished("stop")]


def test_two_messages_told_whole() -> None:
    events = [*without(message(0, "One. "), ".delta"), *without(message(1, "Two."), ".delta")]
    assert read(*events) == [Chunk("One. "), Chunk("Two.")]


@pytest.mark.parametrize(
    "differ",
    [
        {},
        {"item_id": "x1"},  # GitHub Copilot: an id of its own in each event
        {"output_index": None},  # llama.cpp: no place
        {"output_index": 0},  # litellm: one place for several
    ],
)
def test_calls_told_in_turns_are_kept_apart(differ: Event) -> None:
    first, second = call(1, "call_a", "f", '{"a":', "1}"), call(3, "call_b", "g", '{"b":', "2}")
    events = [each for pair in zip(first, second, strict=True) for each in pair]
    assert whole(read(*oddly(events, differ), ended()))[2] == {0: 'call_af{"a":1}', 1: 'call_bg{"b":2}'}


def oddly(events: Sequence[Event], differ: Event) -> list[Event]:
    return [{**each, **{key: differ[key] for key in differ if key in each}} for each in events]


def test_arguments_that_came_with_the_call_are_not_told_twice() -> None:
    _, *events = call(0, "call_a", "f", "{", "}")
    added = item("added", 0, {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"})
    assert read(added, *events) == [
        *(ToolCall(0, "call_a", "f", ""), ToolCall(0, None, None, "{"), ToolCall(0, None, None, "}"))
    ]
    for following in (events[-1:], [ended(output=[events[-1]["item"]])]):
        assert whole(read(added, *following))[2] == {0: "call_af{}"}


def test_a_call_whose_own_id_is_missing_goes_by_the_item_s() -> None:
    head: Event = {"type": "function_call", "id": "fc_0", "name": "f", "arguments": "{}"}
    assert whole(read(item("added", 0, head), item("done", 0, head)))[2] == {0: "fc_0f{}"}


def test_a_custom_tool() -> None:
    head = {"type": "custom_tool_call", "id": "ctc_0", "call_id": "call_a", "name": "run"}
    at = {"item_id": "ctc_0", "output_index": 0}
    added, done = item("added", 0, {**head, "input": ""}), item("done", 0, {**head, "input": "ls -l"})
    deltas = [event("custom_tool_call_input.delta", **at, delta=piece) for piece in ("ls ", "-l")]
    told = event("custom_tool_call_input.done", **at, input="ls -l")
    began = ToolCall(0, "call_a", "run", "")
    expected = [began, ToolCall(0, None, None, "ls "), ToolCall(0, None, None, "-l")]
    assert read(added, *deltas, told, done) == expected
    for events in ([added, told, done], [added, done], [done]):
        assert read(*events) == [began, ToolCall(0, None, None, "ls -l")]


@pytest.mark.parametrize(
    "differ",
    [{"item_id": "x1"}, {"output_index": None}, {"item_id": None, "output_index": None}],
)
def test_servers_that_name_and_number_as_they_like(differ: Event) -> None:
    events = [*message(0, "Look. "), *call(1, "call_a", "f", "{", "}"), *call(2, "call_b", "g", "[", "]"), ended()]
    assert read(*oddly(events, differ)) == read(*events)


def test_a_character_cut_between_surrogates_is_put_together() -> None:
    """The fake server aimock cuts between UTF-16 units, as servers in JavaScript do."""
    reader, parts = ResponsesReader(), list[UpstreamEvent]()
    at = b'{"type":"response.%b","item_id":"i","delta":"%b"}'
    added = b'{"type":"response.output_item.added","item":{"type":"function_call","id":"i","call_id":"c","name":"f"}}'
    for data in (
        *(at % (b"output_text.delta", half) for half in (b"a\\ud83d", b"\\ude42b", b"\\udc00!")),
        added,
        *(at % (b"function_call_arguments.delta", half) for half in (b"\\ud83d", b"\\ude42")),
    ):
        reader.read(data, parts)
        assert reader.is_stateless == (not data.endswith(b'\\ud83d"}'))
    assert [part.content for part in parts if isinstance(part, Chunk)] == ["a", "🙂b", "\ufffd!"]
    assert whole(parts)[2] == {0: "cf🙂"}


@pytest.mark.parametrize(
    ("how", "fields", "reason"),
    [
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ("incomplete", {"incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ("incomplete", {"incomplete_details": {"reason": "max_messages"}}, "max_messages"),
        ("incomplete", {"incomplete_details": None}, None),
        ("incomplete", {}, None),
        ("completed", {"incomplete_details": None}, "stop"),
        ("completed", {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
    ],
)
def test_how_it_ended(how: str, fields: Event, reason: str | None) -> None:
    reader, parts = ResponsesReader(), list[UpstreamEvent]()
    reader.read(orjson.dumps(ended(how, **fields)), parts)
    assert parts == [Finished(reason)]
    assert reader.finished
    assert reader.done
    assert not reader.is_stateless


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, [EXACT]),
        ({"input_tokens": 3, "output_tokens": 0}, [Usage(3, 0, "exact")]),
        ({"input_tokens": 3, "output_tokens": -1, "input_tokens_details": None}, [Usage(3, None, "exact")]),
        ({}, [Usage(None, None, "exact")]),
        (None, []),
    ],
)
def test_usage_follows_the_end_mark(usage: object, expected: list[UpstreamEvent]) -> None:
    assert read(ended(usage=usage)) == [Finished("stop"), *expected]


@pytest.mark.parametrize(
    ("error", "code", "retryable", "words"),
    [
        ({"code": "server_error", "message": "oops at 10.0.0.7:99"}, Code.SERVER_ERROR, True, ""),
        ({"code": "rate_limit_exceeded", "message": "slow down"}, Code.RATE_LIMIT, True, ""),
        ({"code": "too_many_requests", "type": "too_many_requests"}, Code.RATE_LIMIT, True, ""),
        ({"code": "insufficient_quota", "message": "pay"}, Code.RATE_LIMIT, True, ""),
        ({"code": "invalid_prompt", "message": "it was flagged"}, Code.INVALID_REQUEST, False, "it was flagged"),
        ({"code": "context_length_exceeded", "message": "too long"}, Code.INVALID_REQUEST, False, "too long"),
        ({"code": "image_too_large", "message": "a big one"}, Code.INVALID_REQUEST, False, "a big one"),
        ({"code": "bio_policy", "message": "no"}, Code.CONTENT_FILTER, False, "no"),
        ({"code": "vector_store_timeout", "message": "late"}, Code.TIMEOUT, True, ""),
        ({"code": None, "type": "invalid_request_error", "message": "n > 1"}, Code.INVALID_REQUEST, False, "n > 1"),
        ({"code": "something_new", "message": "?"}, Code.SERVER_ERROR, True, ""),
    ],
)
def test_a_response_that_failed(error: Event, code: Code, words: str, *, retryable: bool) -> None:
    # As it is documented, as it is sent (openai-dotnet #881), and as some proxies send it.
    flat: Event = (
        {**error, "type": "error", "sequence_number": 2} if error["code"] else {"type": "error", "error": error}
    )
    forms: list[Event] = [ended("failed", error=error), {"type": "error", "error": error}, flat, {"error": error}]
    for form in forms:
        failed, parts = failure(*message(0, "Once "), form)
        assert (failed.code, failed.retryable, parts) == (code, retryable, [Chunk("Once ")])
        assert words in failed.message
        assert "10.0.0.7" not in failed.message


def test_a_failed_response_says_what_it_cost() -> None:
    failed, parts = failure(ended("failed", error=None, usage=USAGE))
    assert (failed.code, parts) == (Code.SERVER_ERROR, [EXACT])


def test_the_key_is_not_shown() -> None:
    error: Event = {"code": "invalid_prompt", "message": f"this is bad: {KEY.get_secret_value()}"}
    for form in ({**error, "type": "error"}, ended("failed", error=error)):
        failed, _ = failure(form)
        assert failed.message == "The provider sent an error in its stream."


@pytest.mark.parametrize(
    "data",
    [
        b"{oops",
        b"[1]",
        b"\xff",
        b"null",
        orjson.dumps(event("output_text.delta", delta={"text": "x"})),
        orjson.dumps(event("output_text.done", text=7)),
        orjson.dumps(event("function_call_arguments.delta", item_id="fc_9", delta="{")),
        orjson.dumps(item("added", 0, {"type": "function_call", "name": "f"})),
        orjson.dumps(item("done", 0, {"type": "function_call", "call_id": "c", "arguments": {"a": 1}})),
    ],
)
async def test_what_is_malformed_is_a_failure_and_what_came_before_counts(data: bytes) -> None:
    parts, code = await answered(spelled([*message(0, "Once "), b"data: %b\n\n" % data, ended()]))
    assert code == Code.UPSTREAM_PROTOCOL
    assert parts[0] == Chunk("Once ")


odd_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["", "a", "call_a", "function_call"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "id", "text"]), inner),
    max_leaves=6,
)
kinds = sorted({str(each["type"]) for events, _ in TRANSCRIPTS.values() for each in events} | {"error"})
fields = ["item", "item_id", "output_index", "delta", "text", "arguments", "response", "error", "code"]


@given(
    st.lists(
        st.builds(
            lambda kind, more: {**more, "type": kind},
            st.sampled_from(kinds),
            st.dictionaries(st.sampled_from(fields), odd_values),
        ),
        max_size=6,
    )
)
def test_whatever_comes_it_is_read_or_a_failure(events: list[Event]) -> None:
    parts, code = slowly(spelled(events))
    assert code in {"", *Code}
    assert sum(isinstance(part, Finished) for part in parts) <= 1


words = st.text(max_size=4) | st.sampled_from([":", ",", "delta"])
deltas = st.one_of(
    st.builds(lambda value: text("output_text.delta", 0, value), words),
    st.builds(lambda value: text("output_text.delta", 1, value), words),
    st.builds(lambda value: event("output_text.delta", delta=value), words),
    st.builds(lambda value: event("output_text.done", text=value), words),
    st.builds(lambda value: text("reasoning_text.delta", 0, value), words),
    st.builds(lambda value: event("output_text.delta", obfuscation=value, delta="z"), words),
    st.sampled_from([item("done", 0, {"type": "message", "content": [{"type": "output_text", "text": "a"}]}), ended()]),
)


@given(st.lists(deltas, max_size=12), st.booleans(), st.lists(st.integers(0, 2000), max_size=6))
@example([event("output_text.delta", delta="a"), event("output_text.done", text="a")] * 3, False, [])
async def test_by_its_pattern_it_reads_what_decoding_reads(
    events: list[Event], numbered: bool, places: list[int]
) -> None:
    stream = spelled(events, numbered=numbered)
    assert await answered(stream, places) == slowly(stream)


# What is sent.


def body(options: JsonObject | None = None, *messages: Message) -> JsonObject:
    call = UpstreamRequest("model-1", messages or [user("Hello")], options or {})
    before = deepcopy(call)
    made = OpenAIResponsesFormat().body(call)
    # It may be called again.
    assert call == before
    return made


def sent(*messages: Message) -> object:
    return body(None, *messages)["input"]


def refused(options: JsonObject | None = None, *messages: Message) -> Failed:
    with pytest.raises(Failed) as failed:
        body(options, *messages)
    assert (failed.value.code, failed.value.retryable) == (Code.INVALID_REQUEST, False)
    return failed.value


def test_the_request_it_makes() -> None:
    wire = OpenAIResponsesFormat()
    call = UpstreamRequest("model-1", [user("Hello")], {"temperature": 0.5})
    assert wire.endpoint(call) == Endpoint(("responses",))
    assert wire.headers("sk-1") == {"Authorization": "Bearer sk-1"}
    assert wire.body(call) == {
        "model": "model-1",
        "input": [{"type": "message", "role": "user", "content": "Hello"}],
        "temperature": 0.5,
        "stream": True,
        "store": False,
    }
    assert isinstance(wire.reader(KEY), ResponsesReader)


WEATHER: JsonObject = {"name": "weather", "description": "w", "parameters": {"type": "object"}}
SCHEMA: JsonObject = {"name": "answer", "schema": {"type": "object"}, "strict": True}


def function(**fields: object) -> JsonObject:
    return {"type": "function", **WEATHER, **fields}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("temperature", 0.0, {"temperature": 0.0}),
        ("top_p", 0.9, {"top_p": 0.9}),
        ("max_tokens", 16, {"max_output_tokens": 16}),
        ("parallel_tool_calls", False, {"parallel_tool_calls": False}),
        ("reasoning_effort", "low", {"reasoning": {"effort": "low"}}),
        ("user", "u-1", {"safety_identifier": "u-1"}),
        ("stop", [], {}),
        ("presence_penalty", 0.0, {}),
        ("frequency_penalty", 0, {}),
        ("response_format", {"type": "text"}, {"text": {"format": {"type": "text"}}}),
        ("response_format", {"type": "json_object"}, {"text": {"format": {"type": "json_object"}}}),
        (
            "response_format",
            {"type": "json_schema", "json_schema": SCHEMA},
            {"text": {"format": {"type": "json_schema", **SCHEMA}}},
        ),
        ("tool_choice", "required", {"tool_choice": "required"}),
        (
            "tool_choice",
            {"type": "function", "function": {"name": "weather"}},
            {"tool_choice": {"type": "function", "name": "weather"}},
        ),
        (
            "tool_choice",
            {"type": "custom", "custom": {"name": "run"}},
            {"tool_choice": {"type": "custom", "name": "run"}},
        ),
        (
            "tool_choice",
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}]},
            },
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "weather"}],
                }
            },
        ),
    ],
)
def test_an_option(option: str, value: object, expected: Event) -> None:
    plain = body()
    assert body({option: value}) == {**plain, **expected}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        # Unsaid, `strict` is false in chat completions and true here.
        ({"type": "function", "function": WEATHER}, function(strict=False)),
        ({"type": "function", "function": {**WEATHER, "strict": True}}, function(strict=True)),
        ({"type": "function", "function": {**WEATHER, "strict": False}}, function(strict=False)),
        ({"type": "function", "function": {**WEATHER, "strict": None}}, function(strict=False)),
        (
            {"type": "function", "function": {"name": "now"}},
            {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": False},
        ),
        ({"type": "custom", "custom": {"name": "run"}}, {"type": "custom", "name": "run"}),
        (
            {
                "type": "custom",
                "custom": {
                    "name": "run",
                    "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}},
                },
            },
            {"type": "custom", "name": "run", "format": {"type": "grammar", "syntax": "regex", "definition": "a+"}},
        ),
        # The provider's own, and what is in this spelling already.
        ({"type": "web_search"}, {"type": "web_search"}),
        (function(), function()),
    ],
)
def test_a_tool(tool: JsonObject, expected: JsonObject) -> None:
    assert body({"tools": [tool]})["tools"] == [expected]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("stop", "\n"),
        ("stop", ["a"]),
        ("seed", 0),
        ("presence_penalty", 0.1),
        ("frequency_penalty", -1.0),
        ("logit_bias", {}),
    ],
)
def test_an_option_that_it_has_no_word_for_is_refused(option: str, value: object) -> None:
    assert refused({option: value}).message == (  # type: ignore[dict-item]
        f"The provider does not support the option '{option}': leave it out."
    )


def test_every_option_is_spelled_or_refused() -> None:
    values = Options(
        temperature=1.0,
        top_p=1.0,
        max_tokens=16,
        stop="a",
        seed=1,
        presence_penalty=1.0,
        frequency_penalty=1.0,
        tools=[],
        tool_choice="auto",
        parallel_tool_calls=True,
        response_format={"type": "text"},
        reasoning_effort="low",
        user="u",
    ).for_provider()
    assert set(values) == set(Options.model_fields) - {"on_disconnect"}
    silent = set()
    for name, value in values.items():
        try:
            spelled_out = len(body({name: value})) > len(body())
        except Failed:
            spelled_out = False
            silent.add(name)
        assert spelled_out or name in silent
    assert silent == {"stop", "seed", "presence_penalty", "frequency_penalty"}


def test_a_summary_is_asked_for_beside_an_effort_where_it_is_set() -> None:
    wire, options = OpenAIResponsesFormat(summary="auto"), {"reasoning_effort": "high"}
    assert wire.body(UpstreamRequest("m", [user("a")], dict(options)))["reasoning"] == {
        "effort": "high",
        "summary": "auto",
    }
    assert "reasoning" not in wire.body(UpstreamRequest("m", [user("a")], {}))
    assert options == {"reasoning_effort": "high"}


def test_a_conversation() -> None:
    calls = [
        {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Huế"}'}},
        {"id": "call_b", "type": "custom", "custom": {"name": "run", "input": "ls"}},
    ]
    assert sent(
        Message(role="system", content="Be brief."),
        Message(role="user", content=[{"type": "text", "text": "Weather?"}]),
        Message(role="assistant", content="I look.", tool_calls=calls),
        Message(role="tool", content="Sunny", tool_call_id="call_a"),
        Message(role="tool", content=[{"type": "text", "text": "a b"}], tool_call_id="call_b", name="run"),
        Message(role="developer", content=[{"type": "text", "text": "In French."}]),
        Message(role="assistant", content=[{"type": "text", "text": "Soleil."}, {"type": "refusal", "refusal": "no"}]),
        Message(role="user", content=""),
    ) == [
        {"type": "message", "role": "system", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "message", "role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "call_a", "name": "weather", "arguments": '{"city":"Huế"}'},
        {"type": "custom_tool_call", "call_id": "call_b", "name": "run", "input": "ls"},
        {"type": "function_call_output", "call_id": "call_a", "output": "Sunny"},
        {"type": "custom_tool_call_output", "call_id": "call_b", "output": [{"type": "input_text", "text": "a b"}]},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "In French."}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "Soleil.", "annotations": []},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {"type": "message", "role": "user", "content": ""},
    ]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
            {"type": "input_image", "image_url": "https://a/b.png", "detail": "auto"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        ),
        (
            {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
        ),
    ],
)
def test_a_part_of_a_message(part: JsonObject, expected: JsonObject) -> None:
    assert sent(Message(role="user", content=[part])) == [{"type": "message", "role": "user", "content": [expected]}]


def assistant(content: str | list[JsonObject] | None, **extra: object) -> Message:
    return Message.model_validate({"role": "assistant", "content": content, **extra})


CALLS = [{"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize("content", [None, "", []])
def test_an_assistant_that_only_calls_says_nothing(content: str | list[JsonObject] | None) -> None:
    expected = [{"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"}]
    # What an SDK's message brings along when it is given back as it came.
    noise: Event = {"refusal": None, "audio": None, "function_call": None, "annotations": [], "reasoning": "Hm."}
    assert sent(assistant(content, tool_calls=CALLS, **noise)) == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", []),
        ("Well.", [{"type": "output_text", "text": "Well.", "annotations": []}]),
        ([{"type": "text", "text": "Well."}], [{"type": "output_text", "text": "Well.", "annotations": []}]),
    ],
)
def test_an_assistant_that_refused(content: str | list[JsonObject], said: list[object]) -> None:
    expected = [*said, {"type": "refusal", "refusal": "I can't."}]
    assert sent(assistant(content, refusal="I can't.")) == [
        {"type": "message", "role": "assistant", "content": expected}
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{"type": "text", "text": "Well. "}, {"type": "text", "text": "Yes."}], "Well. Yes."),
        (
            [{"type": "text", "text": "Well.", "annotations": [1]}],
            [{"type": "output_text", "text": "Well.", "annotations": [1]}],
        ),
        ([{"type": "text", "text": None}], [{"type": "output_text", "text": None, "annotations": []}]),
    ],
)
def test_what_an_assistant_said_is_one_text_where_it_is_no_more(content: list[JsonObject], said: object) -> None:
    assert sent(assistant(content)) == [{"type": "message", "role": "assistant", "content": said}]


IMAGE: JsonObject = {"type": "image_url", "image_url": {"url": "https://a/b.png"}}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"role": "user", "content": "a", "name": "Ann"}, "message's 'name'"),
        ({"role": "assistant", "content": "", "audio": {"id": "audio_1"}}, "message's 'audio'"),
        ({"role": "assistant", "content": "", "function_call": {"name": "f"}}, "message's 'function_call'"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "type 'input_audio' in a message"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, "type 'image_url' in a message"),
        ({"role": "user", "content": [{"type": "refusal", "refusal": "x"}]}, "type 'refusal' in a message"),
        ({"role": "assistant", "content": [IMAGE]}, "type 'image_url' in an assistant's message"),
        ({"role": "user", "content": [{}]}, "type 'None'"),
        ({"role": "tool", "content": "a"}, "no tool_call_id"),
        ({"role": "assistant", "content": "", "tool_calls": [{"id": "c"}]}, "needs id, function.name"),
        ({"role": "assistant", "content": "", "tool_calls": ["c"]}, "needs id, function.name"),
    ],
)
def test_a_message_that_it_has_no_word_for_is_refused(said: Event, words: str) -> None:
    assert words in refused(None, Message.model_validate(said)).message


@given(st.lists(st.tuples(st.sampled_from(["system", "developer", "user", "assistant"]), st.text(max_size=5))))
def test_no_message_is_lost_or_moved(said: list[tuple[str, str]]) -> None:
    messages = [Message.model_validate({"role": role, "content": content}) for role, content in said]
    wire = OpenAIResponsesFormat().body(UpstreamRequest("m", messages, {}))["input"]
    assert wire == [
        {"type": "message", "role": role, "content": content}
        for role, content in said
        if content or role != "assistant"
    ]


def turns() -> Iterator[Event]:
    """A first turn as it is read: what a client has of it, it gives back, and it is sent as it came."""
    yield from call(0, "call_a", "weather", '{"city":', '"Huế"}')
    yield ended()


def test_what_was_read_can_be_sent_back() -> None:
    calls = [part for part in read(*turns()) if isinstance(part, ToolCall)]
    arguments = "".join(part.arguments for part in calls)
    tool = {"id": calls[0].id, "type": "function", "function": {"name": calls[0].name, "arguments": arguments}}
    (item_sent,) = orjson.loads(orjson.dumps(sent(assistant(None, tool_calls=[tool]))))
    came = next(each for each in turns() if each["type"] == "response.output_item.done")["item"]
    assert isinstance(came, dict)
    assert item_sent == {key: came[key] for key in came if key not in {"id", "status"}}
