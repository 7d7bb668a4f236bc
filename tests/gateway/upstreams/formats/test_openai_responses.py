"""OpenAI's Responses API: transcripts as documented, and as other servers send them."""

from collections.abc import Iterator, Sequence

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Part, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent
from gateway.upstreams.formats.openai_responses import ResponsesReader
from gateway.upstreams.formats.parts import REFUSAL, citation_part
from tests.gateway.upstreams.formats.responses_events import (
    Event,
    call,
    encode_stream,
    ended,
    event,
    item,
    message,
    refusal,
    summary,
    text,
)
from tests.gateway.upstreams.formats.test_openai_responses_request import assistant, input_of
from tests.gateway.upstreams.replay import decode_each, replay, split_at, telling_positions

KEY = SecretStr("nobody knows")


def read(*events: Event) -> list[UpstreamEvent]:
    """Decode every event in full, one after the other, and return the output."""
    reader, output = ResponsesReader(KEY), list[UpstreamEvent]()
    for each in events:
        reader.read(orjson.dumps(each), output)
    return output


def failure(*events: Event) -> tuple[Failed, list[UpstreamEvent]]:
    reader, output = ResponsesReader(KEY), list[UpstreamEvent]()
    with pytest.raises(Failed) as failed:
        for each in events:
            reader.read(orjson.dumps(each), output)
    return failed.value, output


async def replayed(stream: bytes, points: Sequence[int] = ()) -> tuple[list[UpstreamEvent], str]:
    return await replay(split_at(stream, points), ResponsesReader(KEY))


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
EXACT = Usage(36, 87, "exact", 12, 64, 0)
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
        [REFUSAL, Chunk("I can't "), Chunk("do that."), Finished("stop")],
    ),
    "out of tokens": (
        [*message(0, "Once "), ended("incomplete", incomplete_details={"reason": "max_output_tokens"}, usage=USAGE)],
        [Chunk("Once "), Finished("length"), EXACT],
    ),
}


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("name", TRANSCRIPTS)
async def test_a_transcript_split_in_two_anywhere(name: str, *, numbered: bool) -> None:
    events, expected = TRANSCRIPTS[name]
    stream = encode_stream(events, numbered=numbered)
    for point in telling_positions(stream):
        assert await replayed(stream, [point]) == (expected, "")


async def test_comments_pings_and_done_are_ignored() -> None:
    events, expected = TRANSCRIPTS["text"]
    between: list[Event | bytes] = [b": keep-alive\n\n", b'event: ping\ndata: {"type":"ping"}\n\n', b"data: [DONE]\n\n"]
    assert await replayed(encode_stream([part for each in events for part in (*between, each)])) == (expected, "")


async def test_done_alone_is_no_end_mark() -> None:
    output, code = await replayed(encode_stream([*message(0, "Once "), b"data: [DONE]\n\n"]))
    assert (output, code) == ([Chunk("Once ")], "truncated")


async def test_events_after_the_end_mark_are_ignored() -> None:
    late: list[Event | bytes] = [*message(1, "late"), b"data: oops\n\n"]
    assert await replayed(encode_stream([*message(0, "a"), ended(), *late])) == ([Chunk("a"), Finished("stop")], "")


def test_events_without_a_counterpart_are_ignored() -> None:
    assert not read(
        *BEGIN,
        event("in_progress", response={}),
        item("added", 0, {"type": "web_search_call", "id": "ws_0", "status": "in_progress"}),
        event("web_search_call.searching", item_id="ws_0", output_index=0),
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
def test_content_without_deltas_arrives_complete_and_once(name: str, gone: tuple[str, ...]) -> None:
    events, expected = TRANSCRIPTS[name]
    output = read(*without(events, *gone))
    assert joined(output) == joined(expected)
    assert output[-1] == expected[-1]


def joined(output: Sequence[UpstreamEvent]) -> tuple[str, str, dict[int, str], list[object]]:
    """Return the joined text, reasoning and calls, and the remaining events."""
    calls: dict[int, str] = {}
    for part in output:
        if isinstance(part, ToolCall):
            calls[part.index] = calls.get(part.index, "") + (part.id or "") + (part.name or "") + part.arguments
    answer = "".join(part.content for part in output if isinstance(part, Chunk))
    reasoning = "".join(part.content for part in output if isinstance(part, Reasoning))
    return answer, reasoning, calls, [part for part in output if isinstance(part, Finished | Usage)]


def test_a_response_with_its_content_only_in_the_last_event() -> None:
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
        *(Reasoning("a\n\nb"), Reasoning("c"), Chunk("d"), REFUSAL, Chunk("e"), Chunk("f")),
        *(ToolCall(0, "call_a", "f", ""), ToolCall(0, None, None, "{}"), Finished("tool_calls")),
    ]
    # Content that was streamed is not repeated.
    assert read(*summary(0, ["a"], ["b"]), *message(1, "d"), ended(output=output[:1] + output[2:3])) == [
        *(Reasoning("a"), Reasoning("\n\n"), Reasoning("b"), Chunk("d"), REFUSAL, Chunk("e"), Finished("stop"))
    ]


WHOLE: Event = {"type": "message", "content": [{"type": "output_text", "text": " Two."}]}


@pytest.mark.parametrize("changed", [{}, {"item_id": "x1"}, {"output_index": None}, {"item_id": None}])
def test_a_second_item_that_comes_only_whole(changed: Event) -> None:
    first = with_fields(message(0, "One", "."), changed)
    expected = [Chunk("One"), Chunk("."), Chunk(" Two."), Finished("stop")]
    both = [*[each["item"] for each in first if "item" in each][-1:], WHOLE]
    for events in (
        [*first, item("done", 1, WHOLE), ended()],
        [*first, item("done", 1, WHOLE), ended(output=both)],
        [*first, ended(output=both)],
        [*without(first, "item.done"), ended(output=both)],
    ):
        assert read(*events) == expected
    if not changed:
        assert read(*without(first, "item.done"), item("done", 1, WHOLE), ended(output=both)) == expected


def test_a_second_part_of_an_item_that_comes_only_whole() -> None:
    *first, done = message(0, "One.")
    parts = [{"type": "output_text", "text": words} for words in ("One.", " Two.")]
    assert read(*first, {**done, "item": {"type": "message", "content": parts}}) == [Chunk("One."), Chunk(" Two.")]
    paragraphs = [{"type": "summary_text", "text": words} for words in ("a", "b")]
    *first, done = summary(0, ["a"])
    assert read(*first, {**done, "item": {"type": "reasoning", "summary": paragraphs}}) == [
        *(Reasoning("a"), Reasoning("\n\nb"))
    ]


def test_reasoning_as_text_and_as_summary() -> None:
    item_done: Event = {
        "summary": [{"type": "summary_text", "text": "Short."}],
        "content": [{"type": "reasoning_text", "text": "Long."}],
    }
    streamed = [text("reasoning_text.delta", 0, "Long.")]
    assert read(*streamed, item("done", 0, {"type": "reasoning", **item_done})) == [
        Reasoning("Long."),
        Reasoning("Short."),
    ]


def test_encrypted_reasoning_is_a_part_to_be_given_back() -> None:
    reasoning: Event = {"type": "reasoning", "id": "rs_0", "summary": [], "encrypted_content": "gAAAA"}
    expected = [Part("redacted_reasoning", {"data": "gAAAA", "format": "openai-responses"}), Finished("stop")]
    assert read(item("done", 0, reasoning), ended(output=[reasoning])) == expected
    assert read(ended(output=[reasoning])) == expected


def test_items_of_other_types() -> None:
    search: JsonObject = {"type": "web_search_call", "id": "ws_0", "status": "completed"}
    image: Event = {"type": "image_generation_call", "id": "ig_0", "result": "iVBOR", "output_format": "webp"}
    mcp: JsonObject = {"type": "mcp_call", "id": "mcp_0", "name": "look", "arguments": "{}"}
    expected = [
        Part("server_tool", {"name": "web_search_call", "block": search}),
        Part("image", {"media_type": "image/webp", "data": "iVBOR"}),
        Part("server_tool", {"name": "look", "block": mcp}),
    ]
    items: list[Event] = [{**search}, image, {**mcp}]
    done = [item("done", at, each) for at, each in enumerate(items)]
    assert read(*done, ended(output=items)) == [*expected, Finished("stop")]
    assert read(ended(output=items)) == [*expected, Finished("stop")]


def test_parts_of_a_message() -> None:
    content = [
        {"type": "output_audio", "data": "AAAA", "transcript": "Hi."},
        {"type": "output_image", "image_url": "data:image/png;base64,iVBOR"},
        {"type": "image", "url": "https://a.example/b"},
    ]
    assert read(item("done", 0, {"type": "message", "content": content})) == [
        Chunk("Hi."),
        Part("audio", {"media_type": None, "data": "AAAA"}),
        Part("image", {"media_type": "image/png", "data": "iVBOR"}),
        Part("image", {"media_type": None, "url": "https://a.example/b"}),
    ]


def test_citations_once() -> None:
    annotation: JsonObject = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 1}
    file: JsonObject = {"type": "file_citation", "file_id": "file_1", "filename": "a.pdf"}
    part = {"type": "output_text", "text": "x", "annotations": [annotation, file]}
    added = event("output_text.annotation.added", annotation=annotation)
    assert read(*message(0, "x")[:3], added, item("done", 0, {"type": "message", "content": [part]})) == [
        Chunk("x"),
        citation_part("https://a.example", "A", source=annotation, wire_format="openai-responses"),
        citation_part(None, "a.pdf", source=file, wire_format="openai-responses"),
    ]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (item("done", 0, {"type": "computer_call", "id": "cu_0"}), "computer_call"),
        (item("done", 0, {"type": "mcp_approval_request"}), "mcp_approval_request"),
        (item("done", 0, {"type": "message", "content": [{"type": "output_video", "id": "v"}]}), "output_video"),
        (event("output_audio.delta", delta="AAAA"), "audio"),
    ],
)
def test_content_that_can_not_be_passed_on_is_named(sent: Event, name: str) -> None:
    failed, output = failure(*message(0, "Once "), sent)
    assert (failed.code, failed.retryable, output) == (Code.UNSUPPORTED_CONTENT, False, [Chunk("Once ")])
    assert failed.message == f"The provider's answer contains {name}, which can't be passed on."


@pytest.mark.parametrize("given", ["", None])
def test_a_call_without_arguments_has_an_empty_object(given: str | None) -> None:
    head: Event = {"type": "function_call", "id": "fc_0", "call_id": "call_a", "name": "now", "arguments": given}
    expected = [ToolCall(0, "call_a", "now", ""), ToolCall(0, None, None, "{}"), Finished("tool_calls")]
    for events in (
        [item("added", 0, head), item("done", 0, head), ended(output=[head])],
        [item("added", 0, head), ended()],
        [ended(output=[head])],
    ):
        assert read(*events) == expected
    custom: Event = {"type": "custom_tool_call", "call_id": "call_b", "name": "run", "input": ""}
    assert read(item("done", 0, custom)) == [ToolCall(0, "call_b", "run", "")]


def test_arguments_as_an_object_and_an_empty_name() -> None:
    head: Event = {"type": "function_call", "call_id": "", "id": "fc_0", "name": "", "arguments": {"a": 1}}
    assert read(item("done", 0, head)) == [ToolCall(0, "fc_0", None, ""), ToolCall(0, None, None, '{"a":1}')]


@pytest.mark.parametrize("how", ["done", "completed", "cancelled", "incomplete", "failed"])
def test_the_status_of_a_response_says_how_it_ended(how: str) -> None:
    reply = {"input_tokens": 9, "output_tokens": 3}
    end = event(how, response={"status": "completed", "usage": reply})
    if how in {"done", "completed"}:
        assert read(*message(0, "a"), end) == [Chunk("a"), Finished("stop"), Usage(9, 3, "exact")]
    for status in ("failed", "cancelled"):
        failed, output = failure(*message(0, "a"), event(how, response={"status": status, "usage": reply}))
        assert (failed.code, failed.retryable) == (Code.SERVER_ERROR, True)
        assert output == [Chunk("a"), Usage(9, 3, "exact")]
    error: Event = {"code": "rate_limit_exceeded", "message": "slow down"}
    assert failure(event(how, response={"status": "completed", "error": error}))[0].code is Code.RATE_LIMIT


def test_a_response_that_is_not_over() -> None:
    for status in ("in_progress", "queued"):
        failed, _ = failure(*message(0, "a"), event("done", response={"status": status}))
        assert (failed.code, failed.retryable) == (Code.TRUNCATED, True)
        # Some servers repeat the status of the first event in the last.
        assert read(event("completed", response={"status": status})) == [Finished("stop")]


def test_a_whole_response_in_one_event() -> None:
    whole: Event = {"object": "response", "status": "completed", "output": [WHOLE], "usage": {"input_tokens": 0}}
    assert read(whole) == [Chunk(" Two."), Finished("stop"), Usage(None, None, "exact")]


def test_two_messages_without_deltas() -> None:
    events = [*without(message(0, "One. "), ".delta"), *without(message(1, "Two."), ".delta")]
    assert read(*events) == [Chunk("One. "), Chunk("Two.")]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"item_id": "x1"},  # GitHub Copilot: a new id in each event
        {"output_index": None},  # llama.cpp: no index
        {"output_index": 0},  # litellm: one index for several
    ],
)
def test_interleaved_calls_are_kept_apart(changed: Event) -> None:
    first, second = call(1, "call_a", "f", '{"a":', "1}"), call(3, "call_b", "g", '{"b":', "2}")
    events = [each for pair in zip(first, second, strict=True) for each in pair]
    assert joined(read(*with_fields(events, changed), ended()))[2] == {0: 'call_af{"a":1}', 1: 'call_bg{"b":2}'}


def with_fields(events: Sequence[Event], changed: Event) -> list[Event]:
    return [{**each, **{key: changed[key] for key in changed if key in each}} for each in events]


def test_arguments_repeated_in_the_item_are_not_repeated() -> None:
    _, *events = call(0, "call_a", "f", "{", "}")
    added = item("added", 0, {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"})
    assert read(added, *events) == [
        *(ToolCall(0, "call_a", "f", ""), ToolCall(0, None, None, "{"), ToolCall(0, None, None, "}"))
    ]
    for following in (events[-1:], [ended(output=[events[-1]["item"]])]):
        assert joined(read(added, *following))[2] == {0: "call_af{}"}


def test_a_call_without_a_call_id_has_the_id_of_its_item() -> None:
    head: Event = {"type": "function_call", "id": "fc_0", "name": "f", "arguments": "{}"}
    assert joined(read(item("added", 0, head), item("done", 0, head)))[2] == {0: "fc_0f{}"}


def test_a_custom_tool() -> None:
    head: Event = {"type": "custom_tool_call", "id": "ctc_0", "call_id": "call_a", "name": "run"}
    at = {"item_id": "ctc_0", "output_index": 0}
    added, done = item("added", 0, {**head, "input": ""}), item("done", 0, {**head, "input": "ls -l"})
    deltas = [event("custom_tool_call_input.delta", **at, delta=piece) for piece in ("ls ", "-l")]
    done_event = event("custom_tool_call_input.done", **at, input="ls -l")
    began = ToolCall(0, "call_a", "run", "")
    expected = [began, ToolCall(0, None, None, "ls "), ToolCall(0, None, None, "-l")]
    assert read(added, *deltas, done_event, done) == expected
    for events in ([added, done_event, done], [added, done], [done]):
        assert read(*events) == [began, ToolCall(0, None, None, "ls -l")]


@pytest.mark.parametrize(
    "changed",
    [{"item_id": "x1"}, {"output_index": None}, {"item_id": None, "output_index": None}],
)
def test_servers_with_other_ids_and_indexes(changed: Event) -> None:
    events = [*message(0, "Look. "), *call(1, "call_a", "f", "{", "}"), *call(2, "call_b", "g", "[", "]"), ended()]
    assert read(*with_fields(events, changed)) == read(*events)


def test_a_character_split_between_surrogates_is_joined() -> None:
    """The fake server aimock cuts between UTF-16 units, as servers in JavaScript do."""
    reader, output = ResponsesReader(), list[UpstreamEvent]()
    at = b'{"type":"response.%b","item_id":"i","delta":"%b"}'
    added = b'{"type":"response.output_item.added","item":{"type":"function_call","id":"i","call_id":"c","name":"f"}}'
    for data in (
        *(at % (b"output_text.delta", half) for half in (b"a\\ud83d", b"\\ude42b", b"\\udc00!")),
        added,
        *(at % (b"function_call_arguments.delta", half) for half in (b"\\ud83d", b"\\ude42")),
    ):
        reader.read(data, output)
        assert reader.is_stateless == (not data.endswith(b'\\ud83d"}'))
    assert [part.content for part in output if isinstance(part, Chunk)] == ["a", "🙂b", "\ufffd!"]
    assert joined(output)[2] == {0: "cf🙂"}


@pytest.mark.parametrize(
    ("how", "fields", "reason"),
    [
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ("incomplete", {"incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ("incomplete", {"incomplete_details": {"reason": "max_messages"}}, "max_messages"),
        ("incomplete", {"incomplete_details": None}, "incomplete"),
        ("incomplete", {}, "incomplete"),
        ("incomplete", {"incomplete_details": {"reason": "max_tokens"}}, "length"),
        ("completed", {"incomplete_details": None}, "stop"),
        ("completed", {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
    ],
)
def test_finish_reasons(how: str, fields: Event, reason: str | None) -> None:
    reader, output = ResponsesReader(), list[UpstreamEvent]()
    reader.read(orjson.dumps(ended(how, **fields)), output)
    assert output == [Finished(reason)]
    assert reader.finished
    assert reader.done
    assert not reader.is_stateless


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, [EXACT]),
        ({"input_tokens": 3, "output_tokens": 0}, [Usage(3, 0, "exact")]),
        ({"input_tokens": 3, "output_tokens": -1, "input_tokens_details": None}, [Usage(3, None, "exact")]),
        ({}, []),
        (None, []),
    ],
)
def test_usage_follows_the_end_mark(usage: object, expected: list[UpstreamEvent]) -> None:
    assert read(ended(usage=usage)) == [Finished("stop"), *expected]


@pytest.mark.parametrize(
    ("error", "code", "retryable", "quote"),
    [
        ({"code": "server_error", "message": "oops at 10.0.0.7:99"}, Code.SERVER_ERROR, True, ""),
        ({"code": "rate_limit_exceeded", "message": "slow down"}, Code.RATE_LIMIT, True, ""),
        ({"code": "too_many_requests", "type": "too_many_requests"}, Code.RATE_LIMIT, True, ""),
        ({"code": "insufficient_quota", "message": "pay"}, Code.PROVIDER_QUOTA, False, ""),
        ({"code": "invalid_prompt", "message": "it was flagged"}, Code.INVALID_REQUEST, False, "it was flagged"),
        ({"code": "context_length_exceeded", "message": "too long"}, Code.INVALID_REQUEST, False, "too long"),
        ({"code": "image_too_large", "message": "a big one"}, Code.INVALID_REQUEST, False, "a big one"),
        ({"code": "bio_policy", "message": "no"}, Code.CONTENT_FILTER, False, "no"),
        ({"code": "vector_store_timeout", "message": "late"}, Code.TIMEOUT, True, ""),
        ({"code": None, "type": "invalid_request_error", "message": "n > 1"}, Code.INVALID_REQUEST, False, "n > 1"),
        ({"code": "something_new", "message": "?"}, Code.SERVER_ERROR, True, ""),
    ],
)
def test_a_failed_response(error: Event, code: Code, quote: str, *, retryable: bool) -> None:
    # As it is documented, as it is sent (openai-dotnet #881), and as some proxies send it.
    flat: Event = (
        {**error, "type": "error", "sequence_number": 2} if error["code"] else {"type": "error", "error": error}
    )
    forms: list[Event] = [ended("failed", error=error), {"type": "error", "error": error}, flat, {"error": error}]
    for form in forms:
        failed, output = failure(*message(0, "Once "), form)
        assert (failed.code, failed.retryable, output) == (code, retryable, [Chunk("Once ")])
        assert quote in failed.message
        assert "10.0.0.7" not in failed.message


def test_a_failed_response_has_its_usage() -> None:
    failed, output = failure(ended("failed", error=None, usage=USAGE))
    assert (failed.code, output) == (Code.SERVER_ERROR, [EXACT])


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
        b"1",
        orjson.dumps(event("output_text.delta", delta={"text": "x"})),
        orjson.dumps(event("output_text.done", text=7)),
        orjson.dumps(event("function_call_arguments.delta", item_id="fc_9", delta="{")),
        orjson.dumps(item("added", 0, {"type": "function_call", "name": "f"})),
        orjson.dumps(item("done", 0, {"type": "function_call", "call_id": "c", "arguments": [1]})),
    ],
)
async def test_a_malformed_event_is_a_failure_and_earlier_events_count(data: bytes) -> None:
    output, code = await replayed(encode_stream([*message(0, "Once "), b"data: %b\n\n" % data, ended()]))
    assert code == Code.UPSTREAM_PROTOCOL
    assert output[0] == Chunk("Once ")


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
def test_any_events_are_read_or_a_failure(events: list[Event]) -> None:
    output, code = decode_each(encode_stream(events), ResponsesReader(KEY))
    assert code in {"", *Code}
    assert sum(isinstance(part, Finished) for part in output) <= 1


texts = st.text(max_size=4) | st.sampled_from([":", ",", "delta"])

deltas = st.one_of(
    st.builds(lambda value: text("output_text.delta", 0, value), texts),
    st.builds(lambda value: text("output_text.delta", 1, value), texts),
    st.builds(lambda value: event("output_text.delta", delta=value), texts),
    st.builds(lambda value: event("output_text.done", text=value), texts),
    st.builds(lambda value: text("reasoning_text.delta", 0, value), texts),
    st.builds(lambda value: event("output_text.delta", obfuscation=value, delta="z"), texts),
    st.sampled_from([item("done", 0, {"type": "message", "content": [{"type": "output_text", "text": "a"}]}), ended()]),
)


@given(st.lists(deltas, max_size=12), st.booleans(), st.lists(st.integers(0, 2000), max_size=6))
@example([event("output_text.delta", delta="a"), event("output_text.done", text="a")] * 3, False, [])
# The reasoning is no template, because ":" stands in its JSON, too: that of the text must not outlive the item.
@example(
    [
        event("output_text.delta", delta="z"),
        item("done", 0, {"type": "message", "content": [{"type": "output_text", "text": "z"}]}),
        text("reasoning_text.delta", 0, ":"),
        event("output_text.delta", delta="z"),
        event("output_text.done", text="0"),
    ],
    False,
    [],
)
# An item is no template: the second one repeats the delta.
@example(
    [
        item("done", 0, {"type": "message", "content": [{"type": "output_text", "text": "a"}]}),
        text("output_text.delta", 0, ":"),
        item("done", 0, {"type": "message", "content": [{"type": "output_text", "text": "a"}]}),
    ],
    False,
    [],
)
async def test_reading_by_template_equals_full_decoding(events: list[Event], numbered: bool, points: list[int]) -> None:
    stream = encode_stream(events, numbered=numbered)
    assert await replayed(stream, points) == decode_each(stream, ResponsesReader(KEY))


def turns() -> Iterator[Event]:
    """Yield the events of a first turn, whose call the client sends back."""
    yield from call(0, "call_a", "weather", '{"city":', '"Huế"}')
    yield ended()


def test_a_call_that_was_read_can_be_sent_back() -> None:
    calls = [part for part in read(*turns()) if isinstance(part, ToolCall)]
    arguments = "".join(part.arguments for part in calls)
    tool = {"id": calls[0].id, "type": "function", "function": {"name": calls[0].name, "arguments": arguments}}
    (item_sent,) = orjson.loads(orjson.dumps(input_of(assistant(None, tool_calls=[tool]))))
    received = next(each for each in turns() if each["type"] == "response.output_item.done")["item"]
    assert isinstance(received, dict)
    assert item_sent == {key: received[key] for key in received if key not in {"id", "status"}}
