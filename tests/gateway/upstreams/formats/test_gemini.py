"""Google's Gemini API: what it sends, as documented, event by event."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.protocol.events import Chunk, Part, Reasoning, ToolCall, Usage, encode
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.formats.call_ids import MAX_RESPONSE_ID
from gateway.upstreams.formats.gemini import GeminiFormat, GenerateContentReader
from gateway.upstreams.formats.parts import citation_part
from gateway.upstreams.http import HttpUpstream
from tests.gateway.upstreams.raw_server import raw_upstream, respond, respond_stream
from tests.gateway.upstreams.replay import decode_each, replay, split_at
from tests.start_requests import user_message

Json = dict[str, Any]
KEY = SecretStr("AIzaSyVerySecret0123456789")
SIGNATURE = "CiQB0e2Kb02QlBJ2I5"


def event(*parts: Json, reason: str | None = None, usage: Json | None = None, **more: object) -> bytes:
    """Encode an event as Google does, with its line ends."""
    candidate = {"content": {"parts": [*parts], "role": "model"}, "index": 0}
    candidate |= {"finishReason": reason} if reason else {}
    usage_fields = {"usageMetadata": usage} if usage is not None else {}
    response = {
        "candidates": [candidate],
        **usage_fields,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "XdH5",
        **more,
    }
    return encode_event(response)


def encode_event(response: object) -> bytes:
    return b"data: %b\r\n\r\n" % orjson.dumps(response)


def text(content: str, **more: object) -> Json:
    return {"text": content, **more}


def function(name: str, args: Json, **more: object) -> Json:
    return {"functionCall": {"name": name, "args": args}, **more}


TEXT = (
    event(text("Xin "), usage={"promptTokenCount": 4, "candidatesTokenCount": 1, "totalTokenCount": 5})
    + event(text("chào 🙂"), usage={"promptTokenCount": 4, "candidatesTokenCount": 3, "totalTokenCount": 7})
    + event(text("."), reason="STOP", usage={"promptTokenCount": 4, "candidatesTokenCount": 4, "totalTokenCount": 8})
)
TEXT_EVENTS = [
    *(Chunk("Xin "), Usage(4, 1, "exact"), Chunk("chào 🙂"), Usage(4, 3, "exact")),
    *(Chunk("."), Finished("stop"), Usage(4, 4, "exact")),
]
THOUGHTS = (
    event(text("**Comparing**\n\n", thought=True), usage={"promptTokenCount": 9, "thoughtsTokenCount": 20})
    + event(text("So: ", thought=True), usage={"promptTokenCount": 9, "thoughtsTokenCount": 31})
    + event(
        *(text("Five."), text("", thoughtSignature=SIGNATURE)),
        reason="STOP",
        usage={
            "promptTokenCount": 9,
            "candidatesTokenCount": 2,
            "thoughtsTokenCount": 31,
            "totalTokenCount": 42,
            "cachedContentTokenCount": 8,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
        },
    )
)
CALLS = event(
    function("add", {"a": 2, "b": [1.5, None]}, thoughtSignature=SIGNATURE),
    function("say", {"words": "chào"}),
    reason="STOP",
    usage={"promptTokenCount": 121, "candidatesTokenCount": 36, "totalTokenCount": 196, "thoughtsTokenCount": 39},
    finishMessage="Model generated function call(s).",
)


def read(stream: bytes) -> list[UpstreamEvent]:
    """Decode every event of a stream in full."""
    reader, output = GenerateContentReader(KEY), list[UpstreamEvent]()
    for each in EventStreamDecoder().feed(stream):
        reader.read(each.data, output)
    return output


def failure(stream: bytes) -> tuple[Failed, list[UpstreamEvent]]:
    reader, output = GenerateContentReader(KEY), list[UpstreamEvent]()
    with pytest.raises(Failed) as failed:
        for each in EventStreamDecoder().feed(stream):
            reader.read(each.data, output)
    return failed.value, output


async def replayed(reads: Sequence[bytes]) -> tuple[list[UpstreamEvent], str]:
    return await replay(reads, GenerateContentReader())


def test_text_and_usage() -> None:
    assert read(TEXT) == TEXT_EVENTS


def test_thoughts_count_as_output() -> None:
    assert read(THOUGHTS) == [
        *(Reasoning("**Comparing**\n\n"), Usage(9, 20, "exact", None, 20)),
        *(Reasoning("So: "), Usage(9, 31, "exact", None, 31)),
        *(Chunk("Five."), Finished("stop"), Usage(9, 33, "exact", 8, 31)),
    ]


def test_parallel_calls() -> None:
    assert read(CALLS) == [
        ToolCall(0, "call_XdH5_0", "add", '{"a":2,"b":[1.5,null]}', SIGNATURE),
        ToolCall(1, "call_XdH5_1", "say", '{"words":"chào"}'),
        Finished("tool_calls"),
        Usage(121, 75, "exact", None, 39),
    ]


def test_calls_over_several_events_and_an_end_without_content() -> None:
    named = {"functionCall": {"id": "fc-7", "name": "now"}}
    end = encode_event({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}})
    stream = event(text("Let me see. ")) + event(named) + event(function("add", {}), responseId=None) + end
    assert read(stream) == [
        Chunk("Let me see. "),
        *(ToolCall(0, "fc-7", "now", "{}"), ToolCall(1, "call_XdH5_1", "add", "{}")),
        *(Finished("tool_calls"), Usage(1, None, "exact")),
    ]


def test_a_call_in_a_response_without_an_id() -> None:
    assert read(event(function("add", {}), responseId=7))[0] == ToolCall(0, "call_0", "add", "{}")


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("STOP", "stop"),
        *(("FUNCTION_CALL", "stop"), ("stop", "stop"), ("FINISH_REASON_STOP", "stop"), ("tool_calls", "stop")),
        *(("max_tokens", "length"), ("LENGTH", "length")),
        ("MAX_TOKENS", "length"),
        *((reason, "content_filter") for reason in ("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION")),
        ("IMAGE_SAFETY", "content_filter"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "something_new"),
    ],
)
def test_finish_reasons_become_openai_finish_reasons(reason: str, word: str) -> None:
    assert read(event(text("a"), reason=reason)) == [Chunk("a"), Finished(word)]
    called = read(event(function("f", {}), reason=reason))[-1]
    assert called == Finished("tool_calls" if word == "stop" else word)


def test_a_finish_reason_as_a_number() -> None:
    content = {"parts": [text("a")]}
    candidates = [{"candidates": [{"content": content, "finishReason": number}]} for number in (1, 2, 3, 77)]
    assert [read(encode_event(each)) for each in candidates] == [
        [Chunk("a"), Finished(word)] for word in ("stop", "length", "content_filter", "other")
    ]


def test_a_safety_stop_without_content() -> None:
    stopped = {"candidates": [{"finishReason": "SAFETY", "index": 0, "safetyRatings": []}]}
    assert read(event(text("Once ")) + encode_event(stopped)) == [Chunk("Once "), Finished("content_filter")]


@pytest.mark.parametrize("reason", ["", "null", "FINISH_REASON_UNSPECIFIED", None, 0])
def test_no_reason_yet(reason: object) -> None:
    stream = encode_event({"candidates": [{"content": {"parts": [text("a")]}, "finishReason": reason}]})
    assert read(stream) == [Chunk("a")]


@pytest.mark.parametrize(
    ("reason", "code", "retryable"),
    [
        ("MALFORMED_FUNCTION_CALL", Code.UPSTREAM_PROTOCOL, True),
        ("UNEXPECTED_TOOL_CALL", Code.UPSTREAM_PROTOCOL, True),
        # Without content, they are no answer.
        *((reason, Code.UPSTREAM_PROTOCOL, True) for reason in ("OTHER", "NO_IMAGE", "SOMETHING_NEW")),
        ("TOO_MANY_TOOL_CALLS", Code.UPSTREAM_PROTOCOL, True),
        ("MALFORMED_RESPONSE", Code.UPSTREAM_PROTOCOL, True),
        ("MISSING_THOUGHT_SIGNATURE", Code.INVALID_REQUEST, False),
    ],
)
def test_a_finish_reason_that_is_a_failure_keeps_its_usage(reason: str, code: Code, *, retryable: bool) -> None:
    candidate = {"finishReason": reason, "finishMessage": f"oops: no such print(f()) {KEY.get_secret_value()}"}
    failed, output = failure(
        encode_event({"candidates": [candidate], "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}})
    )
    assert (failed.code, failed.retryable, output) == (code, retryable, [Usage(9, 0, "exact")])
    assert failed.message == f"The model's answer failed: {reason}: oops: no such …"


def test_a_blocked_prompt() -> None:
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}
    failed, output = failure(encode_event(blocked))
    assert (failed.code, failed.retryable, output) == (Code.CONTENT_FILTER, False, [Usage(5, None, "exact")])
    assert failed.message == "The provider blocked the prompt: PROHIBITED_CONTENT."
    assert read(encode_event({"promptFeedback": {"safetyRatings": []}})) == []
    assert read(encode_event({"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}})) == []
    # Vertex AI.
    empty = {**blocked, "candidates": [{"index": 0, "content": {"role": "model"}, "finishReason": "STOP"}]}
    assert failure(encode_event(empty))[0].code is Code.CONTENT_FILTER
    assert read(event(text("a"), promptFeedback={"blockReason": "OTHER"})) == [Chunk("a")]


@pytest.mark.parametrize(
    ("error", "code", "quote"),
    [
        ({"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}, Code.SERVER_ERROR, ""),
        ({"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}, Code.RATE_LIMIT, ""),
        ({"code": 400, "message": "Too many parts", "status": "INVALID_ARGUMENT"}, Code.INVALID_REQUEST, "Too many"),
        ({"code": 403, "message": "No", "status": "PERMISSION_DENIED"}, Code.PROVIDER_AUTH, ""),
        ({"code": 404, "message": "No", "status": "NOT_FOUND"}, Code.MODEL_NOT_FOUND, ""),
        ({"code": 504, "message": "Deadline", "status": "DEADLINE_EXCEEDED"}, Code.TIMEOUT, ""),
    ],
)
def test_an_error_inside_the_stream(error: Json, code: Code, quote: str) -> None:
    failed, output = failure(event(text("Once ")) + encode_event({"error": error}))
    assert (failed.code, output) == (code, [Chunk("Once ")])
    assert quote in failed.message


@pytest.mark.parametrize(
    ("usage_fields", "usage"),
    [
        ({"promptTokenCount": 0, "candidatesTokenCount": 3}, Usage(None, 3, "exact")),
        ({"promptTokenCount": 10, "cachedContentTokenCount": 6}, Usage(10, None, "exact", 6)),
        ({"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2}, Usage(15, 2, "exact")),
        ({"promptTokenCount": 10, "totalTokenCount": 10}, Usage(10, 0, "exact")),
        ({"promptTokenCount": 10, "totalTokenCount": 3}, Usage(10, None, "exact")),
        ({"candidatesTokenCount": 0, "thoughtsTokenCount": 0}, Usage(None, 0, "exact", None, 0)),
        ({"promptTokenCount": -1, "candidatesTokenCount": True, "totalTokenCount": "7"}, Usage(None, None, "exact")),
    ],
)
def test_usage_figures(usage_fields: Json, usage: Usage) -> None:
    assert read(event(usage=usage_fields)) == [usage]


def test_parts_that_are_no_text() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(2)"}}
    ran = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    silent: list[Json] = [{"thoughtSignature": SIGNATURE}, text(""), {"text": 7}, {"inlineData": {}}]
    tool: JsonObject = {"toolCall": {"id": "1", "name": "search"}}
    assert read(event(*silent, code, ran, tool)) == [
        *(Chunk("\n```python\nprint(2)\n```\n"), Chunk("\n```\n2\n```\n")),
        Part("server_tool", {"name": "search", "block": tool}),
    ]


def test_files_are_parts() -> None:
    sound = {"fileData": {"mimeType": "audio/wav", "fileUri": "https://a.example/b"}}
    video = {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}
    assert read(event(text("Here: "), {"inlineData": {"mimeType": "image/png", "data": "iVBOR"}}, sound, video)) == [
        Chunk("Here: "),
        Part("image", {"media_type": "image/png", "data": "iVBOR"}),
        Part("audio", {"media_type": "audio/wav", "url": "https://a.example/b"}),
        Part("file", {"media_type": "video/mp4", "data": "AAAA"}),
    ]


def cited_as(url: str, title: str | None, source: JsonObject) -> Part:
    return citation_part(url, title, source=source, wire_format="gemini")


def test_sources_are_citations_once() -> None:
    web: JsonObject = {"web": {"uri": "https://a.example", "title": "A"}}
    supported: JsonObject = {"segment": {"endIndex": 9, "text": "It is so."}, "groundingChunkIndices": [0]}
    grounding = {
        "groundingChunks": [web, {"web": 7}, 7],
        "groundingSupports": [supported, {"groundingChunkIndices": [1]}],
    }
    cited = {
        "groundingMetadata": grounding,
        "citationMetadata": {"citationSources": [{"uri": "https://b.example", "startIndex": 1}]},
        "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://c.example"}]},
    }
    stream = encode_event({"candidates": [cited]}) + encode_event({"candidates": [{**cited, "finishReason": "STOP"}]})
    assert read(stream) == [
        cited_as("https://a.example", "A", {"groundingChunk": web, "groundingSupports": [supported]}),
        cited_as("https://c.example", None, {"retrievedUrl": "https://c.example"}),
        cited_as("https://b.example", None, {"uri": "https://b.example", "startIndex": 1}),
        Finished("stop"),
    ]


def test_zeros_after_figures_replace_none_of_them() -> None:
    last = {"promptTokenCount": 0, "candidatesTokenCount": 3, "cachedContentTokenCount": 0}
    stream = event(usage={"promptTokenCount": 9, "cachedContentTokenCount": 4}) + event(usage=last)
    assert read(stream)[-1] == Usage(9, 3, "exact", 4)


@pytest.mark.parametrize("data", [b"[]", b"[7]"])
def test_an_array_without_a_response(data: bytes) -> None:
    assert read(b"data: %b\n\n" % data) == []


def test_arguments_as_json_text() -> None:
    calls = event({"functionCall": {"name": "f", "args": '{"a":1}'}}, {"functionCall": {"name": "g", "args": ""}})
    assert [call.arguments for call in read(calls) if isinstance(call, ToolCall)] == ['{"a":1}', "{}"]


def test_a_response_inside_an_object_and_done_at_the_end() -> None:
    inner = {"candidates": [{"content": {"parts": [text("a")]}, "finishReason": "STOP"}]}
    assert read(encode_event({"response": inner}) + b"data: [DONE]\n\n") == [Chunk("a"), Finished("stop")]


@pytest.mark.parametrize(
    "data",
    [
        *(b"{oops", b"[1", b"\xff", b"7"),
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":{}}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":[]}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":%b}}}]}}]}'
        % (b"[" * 1000 + b"]" * 1000),
    ],
)
def test_malformed_events(data: bytes) -> None:
    failed, output = failure(b"data: %b\n\n" % data)
    assert (failed.code, failed.retryable, output) == (Code.UPSTREAM_PROTOCOL, True, [])


@pytest.mark.parametrize("response", [{}, {"candidates": []}, {"candidates": [7]}, {"candidates": [{"index": 1}]}])
def test_events_without_content(response: Json) -> None:
    assert read(encode_event(response)) == []


def test_a_second_candidate_is_not_mixed_in() -> None:
    both = [{"index": 1, "content": {"parts": [text("b")]}}, {"index": 0, "content": {"parts": [text("a")]}}]
    assert read(encode_event({"candidates": both})) == [Chunk("a")]


def test_a_character_split_between_surrogates_is_joined() -> None:
    halves = b'{"candidates":[{"content":{"parts":[{"text":"a\\ud83d"}]}}]}', event(text("-", thought=True))
    rest = b'{"candidates":[{"content":{"parts":[{"text":"\\ude42b\\udc00"}]}}]}'
    stream = b"data: %b\n\n%bdata: %b\n\n" % (*halves, rest)
    assert read(stream) == [Chunk("a"), Reasoning("-"), Chunk("🙂b\ufffd")]


async def test_events_after_the_finish_reason_are_read() -> None:
    """Some servers bring the figures late; the first Gemini models gave a reason with every event."""
    stream = event(text("a"), reason="STOP") + event(text("b"), reason="STOP") + encode_event({"usageMetadata": {}})
    output, code = await replayed([stream])
    assert (output, code) == (
        [Chunk("a"), Finished("stop"), Chunk("b"), Finished("stop")],
        "",
    )


async def test_the_response_ends_with_its_body() -> None:
    assert await replayed([event(text("Once "))]) == ([Chunk("Once ")], "truncated")
    assert await replayed([TEXT]) == (TEXT_EVENTS, "")
    assert await replayed([TEXT + encode_event({"error": {"code": 500}})]) == (TEXT_EVENTS, "")


@pytest.mark.parametrize("stream", [TEXT, THOUGHTS, CALLS, TEXT.replace(b"\r\n", b"\n")])
async def test_every_split_in_two(stream: bytes) -> None:
    expected = read(stream)
    for at in range(1, len(stream)):
        assert await replayed([stream[:at], stream[at:]]) == (expected, "")


VALUES = [*(b'""', b'"a"', b'"\\ud83d"', b'"\\ude00b"', b'"a","thought":true,"x":"b"', b"null", b"7", '"đ🙂"'.encode())]
SPELLINGS = [
    b'{"candidates":[{"content":{"parts":[{"text":%b}],"role":"model"},"index":0}]}',
    b'{"candidates":[{"content":{"parts":[{"text":%b,"thought":true}],"role":"model"},"index":0}]}',
    b'{"candidates":[{"content":{"parts":[{"text":%b},{"text":"c"}]}}],"responseId":"r"}',
    b'{"candidates":[{"content":{"parts":[{"text":%b}]}}],"usageMetadata":{"promptTokenCount":1}}',
    b'{"candidates":[{"content":{"parts":[{"text":%b}]},"finishReason":"STOP"}]}',
    b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":%b}}}]}}]}',
    b'{"candidates":[{"content":{"parts":[{"text":"c"}]}}],"modelVersion":%b}',
    b'{"candidates":[],"promptFeedback":{"blockReason":%b}}',
]


@given(
    st.lists(st.tuples(st.sampled_from(SPELLINGS), st.sampled_from(VALUES)), max_size=9), st.lists(st.integers(0, 999))
)
async def test_reading_by_template_equals_full_decoding(events: list[tuple[bytes, bytes]], points: list[int]) -> None:
    stream = b"".join(b"data: %b\n\n" % (spelling % value) for spelling, value in events)
    assert await replayed([*split_at(stream, points)]) == decode_each(stream, GenerateContentReader())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "candidates",
                        "content",
                        "parts",
                        "text",
                        "thought",
                        "functionCall",
                        "name",
                        "args",
                        "id",
                        "index",
                    ),
                    *("finishReason", "usageMetadata", "promptTokenCount", "error", "promptFeedback", "blockReason"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    reader, output = GenerateContentReader(), list[UpstreamEvent]()
    for response in (value, {"candidates": value}, {"candidates": [{"content": {"parts": value}}]}):
        try:
            reader.read(orjson.dumps(response, option=orjson.OPT_NON_STR_KEYS), output)
        except Failed:
            continue
        except TypeError:  # an integer that orjson does not write
            return
    assert all(encode(part) for part in output if isinstance(part, Chunk | Reasoning | ToolCall | Part))


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-flash", "/models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "/models/gemini-2.5-flash"),
        ("tunedModels/mine", "/tunedModels/mine"),
        ("a/b?c#d e%", "/models/a%2Fb%3Fc%23d%20e%25"),
    ],
)
def test_the_model_is_in_the_path(model: str, path: str) -> None:
    url = GeminiFormat().endpoint(UpstreamRequest(model, [], {})).resolve("http://a.example/v1beta/")
    assert str(url) == f"http://a.example/v1beta{path}:streamGenerateContent?alt=sse"


async def test_a_request_and_its_response() -> None:
    async with raw_upstream(respond_stream(TEXT)) as (other, requests):
        upstream = HttpUpstream("gemini", other.base_url, GeminiFormat(), KEY)
        response, output = (
            await upstream.open(UpstreamRequest("a b", [user_message("Hello")], {"temperature": 0.5})),
            list[UpstreamEvent](),
        )
        await response.stream(output.extend)
        await response.close()
        await upstream.close()
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/models/a%20b:streamGenerateContent?alt=sse HTTP/1.1")
    assert b"x-goog-api-key: %b" % KEY.get_secret_value().encode() in head
    assert b"Authorization" not in head
    assert orjson.loads(body) == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {"temperature": 0.5},
    }
    assert output == TEXT_EVENTS


async def test_an_error_before_the_stream() -> None:
    error_body = {"error": {"code": 400, "message": f"Bad {KEY.get_secret_value()}", "status": "INVALID_ARGUMENT"}}
    async with raw_upstream(respond("400 Bad Request", orjson.dumps(error_body))) as (other, _):
        upstream = HttpUpstream("gemini", other.base_url, GeminiFormat(), KEY)
        with pytest.raises(Failed) as failed:
            await upstream.open(UpstreamRequest("m", [user_message("Hello")], {}))
        await upstream.close()
    assert failed.value.code is Code.INVALID_REQUEST
    assert failed.value.message == "The provider refused the request (HTTP 400): Bad …"


def test_a_long_response_id_is_cut_in_the_ids_of_calls() -> None:
    calls = b",".join([b'{"functionCall":{"name":"f"}}'] * 3)
    output: list[UpstreamEvent] = []
    data = b'{"responseId":"%b","candidates":[{"content":{"parts":[%b]}}]}' % (b"r" * 9000, calls)
    GenerateContentReader().read(data, output)
    ids = [part.id for part in output if isinstance(part, ToolCall)]
    assert len(set(ids)) == 3
    assert all(one is not None and len(one) < MAX_RESPONSE_ID + 20 for one in ids)
