"""Google's Gemini: what it sends, as documented, event by event; and how calls are spelled for it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.protocol.commands import Message
from gateway.protocol.errors import Code, Failed
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage, encode
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.formats.gemini import GeminiFormat, GenerateContentReader
from gateway.upstreams.http import HttpUpstream
from tests.gateway.upstreams.parts import pieces, streamed
from tests.gateway.upstreams.test_http import answers, bodies, provider
from tests.support import user

Json = dict[str, Any]

KEY = SecretStr("AIzaSyVerySecret0123456789")
SIGNATURE = "CiQB0e2Kb02QlBJ2I5"
UNSIGNED = "skip_thought_signature_validator"


def event(*parts: Json, reason: str | None = None, usage: Json | None = None, **more: object) -> bytes:
    """Make an event as Google spells it, its line ends too."""
    candidate = {"content": {"parts": [*parts], "role": "model"}, "index": 0}
    candidate |= {"finishReason": reason} if reason else {}
    figures = {"usageMetadata": usage} if usage is not None else {}
    answer = {"candidates": [candidate], **figures, "modelVersion": "gemini-2.5-flash", "responseId": "XdH5", **more}
    return raw(answer)


def raw(answer: object) -> bytes:
    return b"data: %b\r\n\r\n" % orjson.dumps(answer)


def text(words: str, **more: object) -> Json:
    return {"text": words, **more}


def function(name: str, args: Json, **more: object) -> Json:
    return {"functionCall": {"name": name, "args": args}, **more}


TEXT = (
    event(text("Xin "), usage={"promptTokenCount": 4, "candidatesTokenCount": 1, "totalTokenCount": 5})
    + event(text("chào 🙂"), usage={"promptTokenCount": 4, "candidatesTokenCount": 3, "totalTokenCount": 7})
    + event(text("."), reason="STOP", usage={"promptTokenCount": 4, "candidatesTokenCount": 4, "totalTokenCount": 8})
)
TEXT_PARTS = [
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
    """Decode every event in full."""
    reader, parts = GenerateContentReader(KEY), list[UpstreamEvent]()
    for each in EventStreamDecoder().feed(stream):
        reader.read(each.data, parts)
    return parts


def failure(stream: bytes) -> tuple[Failed, list[UpstreamEvent]]:
    reader, parts = GenerateContentReader(KEY), list[UpstreamEvent]()
    with pytest.raises(Failed) as failed:
        for each in EventStreamDecoder().feed(stream):
            reader.read(each.data, parts)
    return failed.value, parts


async def answered(reads: Sequence[bytes]) -> tuple[list[UpstreamEvent], str]:
    return await streamed(reads, GenerateContentReader())


# How an answer is read.


def test_text_and_figures() -> None:
    assert read(TEXT) == TEXT_PARTS


def test_thoughts_count_as_output() -> None:
    assert read(THOUGHTS) == [
        *(Reasoning("**Comparing**\n\n"), Usage(9, 20, "exact", None, 20)),
        *(Reasoning("So: "), Usage(9, 31, "exact", None, 31)),
        *(Chunk("Five."), Finished("stop"), Usage(9, 33, "exact", 8, 31)),
    ]


def test_calls_side_by_side() -> None:
    assert read(CALLS) == [
        ToolCall(0, "call_XdH5_0", "add", '{"a":2,"b":[1.5,null]}'),
        ToolCall(1, "call_XdH5_1", "say", '{"words":"chào"}'),
        Finished("tool_calls"),
        Usage(121, 75, "exact", None, 39),
    ]


def test_calls_over_several_events_and_an_end_without_content() -> None:
    named = {"functionCall": {"id": "fc-7", "name": "now"}}
    end = raw({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}})
    stream = event(text("Let me see. ")) + event(named) + event(function("add", {}), responseId=None) + end
    assert read(stream) == [
        Chunk("Let me see. "),
        *(ToolCall(0, "fc-7", "now", "{}"), ToolCall(1, "call_XdH5_1", "add", "{}")),
        *(Finished("tool_calls"), Usage(1, None, "exact")),
    ]


def test_a_call_of_an_answer_without_a_name() -> None:
    assert read(event(function("add", {}), responseId=7))[0] == ToolCall(0, "call_0", "add", "{}")


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("STOP", "stop"),
        ("FUNCTION_CALL", "stop"),
        ("MAX_TOKENS", "length"),
        *((reason, "content_filter") for reason in ("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION")),
        ("IMAGE_SAFETY", "content_filter"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "something_new"),
    ],
)
def test_reasons_in_the_words_that_clients_know(reason: str, word: str) -> None:
    assert read(event(text("a"), reason=reason)) == [Chunk("a"), Finished(word)]
    called = read(event(function("f", {}), reason=reason))[-1]
    assert called == Finished("tool_calls" if word == "stop" else word)


def test_a_safety_stop_without_content() -> None:
    stopped = {"candidates": [{"finishReason": "SAFETY", "index": 0, "safetyRatings": []}]}
    assert read(event(text("Once ")) + raw(stopped)) == [Chunk("Once "), Finished("content_filter")]


@pytest.mark.parametrize("reason", ["", "FINISH_REASON_UNSPECIFIED"])
def test_no_reason_yet(reason: str) -> None:
    stream = raw({"candidates": [{"content": {"parts": [text("a")]}, "finishReason": reason}]})
    assert read(stream) == [Chunk("a")]


@pytest.mark.parametrize(
    ("reason", "code", "retryable"),
    [
        ("MALFORMED_FUNCTION_CALL", Code.UPSTREAM_PROTOCOL, True),
        ("UNEXPECTED_TOOL_CALL", Code.UPSTREAM_PROTOCOL, True),
        ("MALFORMED_RESPONSE", Code.UPSTREAM_PROTOCOL, True),
        ("MISSING_THOUGHT_SIGNATURE", Code.INVALID_REQUEST, False),
    ],
)
def test_an_end_that_is_a_failure_keeps_its_figures(reason: str, code: Code, *, retryable: bool) -> None:
    candidate = {"finishReason": reason, "finishMessage": f"oops: no such print(f()) {KEY.get_secret_value()}"}
    failed, parts = failure(
        raw({"candidates": [candidate], "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}})
    )
    assert (failed.code, failed.retryable, parts) == (code, retryable, [Usage(9, 0, "exact")])
    assert failed.message == f"The model's answer failed: {reason}: oops: no such …"


def test_a_blocked_prompt() -> None:
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}
    failed, parts = failure(raw(blocked))
    assert (failed.code, failed.retryable, parts) == (Code.CONTENT_FILTER, False, [Usage(5, None, "exact")])
    assert failed.message == "The provider blocked the prompt: PROHIBITED_CONTENT."
    assert read(raw({"promptFeedback": {"safetyRatings": []}})) == []
    assert read(event(text("a"), promptFeedback={"blockReason": "OTHER"})) == [Chunk("a")]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ({"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}, Code.SERVER_ERROR, ""),
        ({"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}, Code.RATE_LIMIT, ""),
        ({"code": 400, "message": "Too many parts", "status": "INVALID_ARGUMENT"}, Code.INVALID_REQUEST, "Too many"),
        ({"code": 403, "message": "No", "status": "PERMISSION_DENIED"}, Code.AUTH_ERROR, ""),
        ({"code": 404, "message": "No", "status": "NOT_FOUND"}, Code.MODEL_NOT_FOUND, ""),
        ({"code": 504, "message": "Deadline", "status": "DEADLINE_EXCEEDED"}, Code.TIMEOUT, ""),
    ],
)
def test_an_error_inside_the_stream(error: Json, code: Code, words: str) -> None:
    failed, parts = failure(event(text("Once ")) + raw({"error": error}))
    assert (failed.code, parts) == (code, [Chunk("Once ")])
    assert words in failed.message


@pytest.mark.parametrize(
    ("figures", "usage"),
    [
        ({}, Usage(None, None, "exact")),
        ({"promptTokenCount": 10, "cachedContentTokenCount": 6}, Usage(10, None, "exact", 6)),
        ({"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2}, Usage(15, 2, "exact")),
        ({"promptTokenCount": 10, "totalTokenCount": 10}, Usage(10, 0, "exact")),
        ({"promptTokenCount": 10, "totalTokenCount": 3}, Usage(10, None, "exact")),
        ({"candidatesTokenCount": 0, "thoughtsTokenCount": 0}, Usage(None, 0, "exact", None, 0)),
        ({"promptTokenCount": -1, "candidatesTokenCount": True, "totalTokenCount": "7"}, Usage(None, None, "exact")),
    ],
)
def test_figures(figures: Json, usage: Usage) -> None:
    assert read(event(usage=figures)) == [usage]


def test_parts_that_are_no_text() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(2)"}}
    ran = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    silent: list[Json] = [{"thoughtSignature": SIGNATURE}, text(""), {"toolCall": {"id": "1"}}, {"text": 7}]
    assert read(event(*silent, code, ran)) == [Chunk("\n```python\nprint(2)\n```\n"), Chunk("\n```\n2\n```\n")]


def test_a_file_is_not_lost_without_a_word() -> None:
    failed, parts = failure(event(text("Here: "), {"inlineData": {"mimeType": "image/png", "data": "iVBOR"}}))
    assert (failed.code, failed.retryable, parts) == (Code.UPSTREAM_PROTOCOL, False, [Chunk("Here: ")])


@pytest.mark.parametrize(
    "data",
    [
        *(b"{oops", b"[1]", b"\xff", b"7"),
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":{}}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":[]}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":%b}}}]}}]}'
        % (b"[" * 1000 + b"]" * 1000),
    ],
)
def test_what_is_not_as_documented(data: bytes) -> None:
    failed, parts = failure(b"data: %b\n\n" % data)
    assert (failed.code, failed.retryable, parts) == (Code.UPSTREAM_PROTOCOL, True, [])


@pytest.mark.parametrize("answer", [{}, {"candidates": []}, {"candidates": [7]}, {"candidates": [{"index": 1}]}])
def test_what_says_nothing(answer: Json) -> None:
    assert read(raw(answer)) == []


def test_a_second_candidate_is_not_mixed_in() -> None:
    both = [{"index": 1, "content": {"parts": [text("b")]}}, {"index": 0, "content": {"parts": [text("a")]}}]
    assert read(raw({"candidates": both})) == [Chunk("a")]


def test_a_character_cut_between_surrogates_is_put_together() -> None:
    halves = b'{"candidates":[{"content":{"parts":[{"text":"a\\ud83d"}]}}]}', event(text("-", thought=True))
    rest = b'{"candidates":[{"content":{"parts":[{"text":"\\ude42b\\udc00"}]}}]}'
    stream = b"data: %b\n\n%bdata: %b\n\n" % (*halves, rest)
    assert read(stream) == [Chunk("a"), Reasoning("-"), Chunk("🙂b\ufffd")]


async def test_what_follows_the_reason_is_read_too() -> None:
    """Some servers bring the figures late; the first Gemini models gave a reason with every event."""
    stream = event(text("a"), reason="STOP") + event(text("b"), reason="STOP") + raw({"usageMetadata": {}})
    parts, code = await answered([stream])
    assert (parts, code) == (
        [Chunk("a"), Finished("stop"), Chunk("b"), Finished("stop"), Usage(None, None, "exact")],
        "",
    )


async def test_the_end_of_the_body_is_the_end() -> None:
    assert await answered([event(text("Once "))]) == ([Chunk("Once ")], "truncated")
    assert await answered([TEXT]) == (TEXT_PARTS, "")
    assert await answered([TEXT + raw({"error": {"code": 500}})]) == (TEXT_PARTS, "")


@pytest.mark.parametrize("stream", [TEXT, THOUGHTS, CALLS, TEXT.replace(b"\r\n", b"\n")])
async def test_every_split_in_two(stream: bytes) -> None:
    whole = read(stream)
    for at in range(1, len(stream)):
        assert await answered([stream[:at], stream[at:]]) == (whole, "")


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


def slowly(stream: bytes) -> tuple[list[UpstreamEvent], str]:
    reader, parts = GenerateContentReader(), list[UpstreamEvent]()
    for each in EventStreamDecoder().feed(stream):
        try:
            reader.read(each.data, parts)
        except Failed as failed:
            return parts, "" if reader.finished else failed.code
    return parts, "" if reader.finished else "truncated"


@given(
    st.lists(st.tuples(st.sampled_from(SPELLINGS), st.sampled_from(VALUES)), max_size=9), st.lists(st.integers(0, 999))
)
async def test_read_by_its_pattern_or_in_full_it_says_the_same(
    events: list[tuple[bytes, bytes]], places: list[int]
) -> None:
    stream = b"".join(b"data: %b\n\n" % (spelling % value) for spelling, value in events)
    assert await answered([*pieces(stream, places)]) == slowly(stream)


json = st.recursive(
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


@given(json)
def test_whatever_comes_is_read_or_refused(value: object) -> None:
    reader, parts = GenerateContentReader(), list[UpstreamEvent]()
    for answer in (value, {"candidates": value}, {"candidates": [{"content": {"parts": value}}]}):
        try:
            reader.read(orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS), parts)
        except Failed:
            continue
        except TypeError:  # an integer that orjson does not write
            return
    assert all(encode(part) for part in parts if isinstance(part, Chunk | Reasoning | ToolCall))


# How a call is spelled.


def message(role: str, content: object = None, **more: object) -> Message:
    fields = {"role": role, **({} if content is None else {"content": content}), **more}
    return Message.model_validate(fields)


def called(name: str, arguments: object, **more: object) -> Json:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def build_request(*messages: Message, **options: Any) -> Json:  # noqa: ANN401 - as JSON has it
    model = options.pop("model", "gemini-2.5-flash")
    body: Json = GeminiFormat().body(UpstreamRequest(model, messages or [user("Hi")], options))
    assert orjson.loads(orjson.dumps(body)) == body
    return body


def config(**options: object) -> object:
    return build_request(**options).get("generationConfig")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-flash", "/models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "/models/gemini-2.5-flash"),
        ("tunedModels/mine", "/tunedModels/mine"),
        ("a/b?c#d e%", "/models/a%2Fb%3Fc%23d%20e%25"),
    ],
)
def test_the_model_stands_in_the_path(model: str, path: str) -> None:
    url = GeminiFormat().endpoint(UpstreamRequest(model, [], {})).resolve("http://a.example/v1beta/")
    assert str(url) == f"http://a.example/v1beta{path}:streamGenerateContent?alt=sse"


async def test_the_request_it_makes_and_the_answer_it_reads() -> None:
    async with provider(bodies(TEXT)) as (other, requests):
        upstream = HttpUpstream("gemini", other.base_url, GeminiFormat(), KEY)
        answer, parts = (
            await upstream.open(UpstreamRequest("a b", [user("Hello")], {"temperature": 0.5})),
            list[UpstreamEvent](),
        )
        await answer.stream(parts.extend)
        await answer.close()
        await upstream.close()
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/models/a%20b:streamGenerateContent?alt=sse HTTP/1.1")
    assert b"x-goog-api-key: %b" % KEY.get_secret_value().encode() in head
    assert b"Authorization" not in head
    assert orjson.loads(body) == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {"temperature": 0.5},
    }
    assert parts == TEXT_PARTS


async def test_an_error_before_the_stream() -> None:
    said = {"error": {"code": 400, "message": f"Bad {KEY.get_secret_value()}", "status": "INVALID_ARGUMENT"}}
    async with provider(answers("400 Bad Request", orjson.dumps(said))) as (other, _):
        upstream = HttpUpstream("gemini", other.base_url, GeminiFormat(), KEY)
        with pytest.raises(Failed) as failed:
            await upstream.open(UpstreamRequest("m", [user("Hello")], {}))
        await upstream.close()
    assert failed.value.code is Code.INVALID_REQUEST
    assert failed.value.message == "The provider refused the request (HTTP 400): Bad …"


def test_a_whole_conversation() -> None:
    signed = {"extra_content": {"google": {"thought_signature": SIGNATURE}}, "index": 0}
    body = build_request(
        message("system", "Be kind."),
        message("developer", [text("Be ", type="text"), text("brief.", type="text")]),
        message("user", "What is 2+3,"),
        message("user", [{"type": "text", "text": "and the time?"}]),
        message(
            "assistant", "Let me see.", tool_calls=[called("add", '{"a":2}', **signed), called("now", "", id="call_2")]
        ),
        message("tool", '{"sum": 5}', tool_call_id="call_1"),
        message("tool", [{"type": "text", "text": "[12, "}, {"type": "text", "text": "30]"}], tool_call_id="call_2"),
        message("user", "And?"),
        message("assistant", None, tool_calls=[called("add", None)], reasoning_content="Hm.", refusal=None, audio=None),
        message("tool", "", tool_call_id="call_1", name="add"),
        message("assistant", "", refusal="I won't."),
        message("system", "Hurry."),
    )
    response = {"id": "call_1", "name": "add"}
    assert body == {
        "systemInstruction": {"parts": [*map(text, ("Be kind.", "Be ", "brief.", "Hurry."))]},
        "contents": [
            {"role": "user", "parts": [text("What is 2+3,"), text("and the time?")]},
            {
                "role": "model",
                "parts": [
                    text("Let me see."),
                    {
                        "functionCall": {"id": "call_1", "name": "add", "args": {"a": 2}},
                        "thoughtSignature": SIGNATURE,
                    },
                    {"functionCall": {"id": "call_2", "name": "now", "args": {}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {**response, "response": {"sum": 5}}},
                    {"functionResponse": {"id": "call_2", "name": "now", "response": {"result": "[12, 30]"}}},
                    text("And?"),
                ],
            },
            {"role": "model", "parts": [{"functionCall": {**response, "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {**response, "response": {"result": ""}}}]},
            {"role": "model", "parts": [text("I won't.")]},
        ],
    }


@pytest.mark.parametrize(
    ("model", "signed"),
    [
        ("gemini-3-pro", True),
        ("models/gemini-3.5-flash", True),
        ("gemini-flash-latest", True),
        ("gemini-2.5-pro", False),
    ],
)
def test_the_first_of_calls_side_by_side_is_signed(model: str, *, signed: bool) -> None:
    calls = [called("f", "{}", id="1"), called("g", "{}", id="2")]
    body = build_request(user("Go"), message("assistant", tool_calls=calls), model=model)
    first, second = body["contents"][1]["parts"]
    assert (first.get("thoughtSignature"), second.get("thoughtSignature")) == (UNSIGNED if signed else None, None)


def test_a_result_takes_its_name_from_the_last_call_so_called_or_brings_it_along() -> None:
    twice = [message("assistant", tool_calls=[called(name, "{}")]) for name in ("f", "g")]
    body = build_request(
        *(
            user("Go"),
            *twice,
            message("tool", "1", tool_call_id="call_1"),
            message("tool", "2", tool_call_id="x", name="h"),
        )
    )
    results = body["contents"][-1]["parts"]
    assert [part["functionResponse"] for part in results] == [
        {"id": "call_1", "name": "g", "response": {"result": "1"}},
        {"name": "h", "response": {"result": "2"}},
    ]


def test_a_call_without_an_id_has_none_there_either() -> None:
    made = message("assistant", tool_calls=[called("f", "{}", id=None)])
    assert build_request(user("Go"), made)["contents"][1]["parts"] == [{"functionCall": {"name": "f", "args": {}}}]


def test_a_result_too_deep_for_a_body_is_sent_as_text() -> None:
    deep = '{"a":' * 253 + "1" + "}" * 253
    calls = message("assistant", tool_calls=[called("f", "{}")])
    body = build_request(user("Go"), calls, message("tool", deep, tool_call_id="call_1"))
    assert body["contents"][-1]["parts"][0]["functionResponse"]["response"] == {"result": deep}


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("data:image/png;base64,iVBOR", {"inlineData": {"mimeType": "image/png", "data": "iVBOR"}}),
        ("data:image/webp;a=b;base64,", {"inlineData": {"mimeType": "image/webp", "data": ""}}),
        ("https://a.example/x.JPG?y=z.png", {"fileData": {"mimeType": "image/jpeg", "fileUri": ...}}),
        ("https://a.example/files/x", {"fileData": {"fileUri": ...}}),
    ],
)
def test_images(url: str, part: dict[str, dict[str, object]]) -> None:
    if "fileData" in part:
        part = {"fileData": part["fileData"] | {"fileUri": url}}
    shown = [{"type": "image_url", "image_url": {"url": url, "detail": "auto"}}, {"type": "text", "text": "What?"}]
    assert build_request(message("user", shown))["contents"] == [{"role": "user", "parts": [part, text("What?")]}]


def test_settings() -> None:
    options = {"temperature": 0, "top_p": 0.5, "max_tokens": 9, "stop": "END", "seed": 7, "user": "u-1"}
    more = {"presence_penalty": 1.0, "frequency_penalty": -1.0, "parallel_tool_calls": True, "tools": None}
    assert config(**options, **more) == {
        "temperature": 0,
        "topP": 0.5,
        "maxOutputTokens": 9,
        "stopSequences": ["END"],
        "seed": 7,
        "presencePenalty": 1.0,
        "frequencyPenalty": -1.0,
    }
    assert config(stop=["a", "b"], max_completion_tokens=3) == {"stopSequences": ["a", "b"], "maxOutputTokens": 3}
    assert config() is None


def test_formats() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert config(response_format={"type": "text"}) is None
    assert config(response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}
    assert config(
        response_format={"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    ) == {"responseMimeType": "application/json", "responseJsonSchema": schema}


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-pro", "minimal", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("models/gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-flash", "medium", {"thinkingBudget": 8192, "includeThoughts": True}),
        ("gemini-2.5-flash", "high", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-3-pro", "none", {"thinkingBudget": 0}),
        ("gemini-3-pro", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-flash-latest", "high", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3-pro", "xhigh", {"thinkingLevel": "XHIGH", "includeThoughts": True}),
    ],
)
def test_how_much_to_think(model: str, effort: str, thinking: Json) -> None:
    assert config(model=model, reasoning_effort=effort) == {"thinkingConfig": thinking}


def test_tools() -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    full = {"name": "add", "description": "Add.", "parameters": parameters, "strict": False}
    tools = [{"type": "function", "function": full}, {"type": "function", "function": {"name": "now"}}]
    assert build_request(tools=tools) == {
        "contents": [{"role": "user", "parts": [text("Hi")]}],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "add", "description": "Add.", "parametersJsonSchema": parameters},
                    {"name": "now"},
                ]
            }
        ],
    }


@pytest.mark.parametrize(
    ("choice", "strict", "mode"),
    [
        ("auto", False, {"mode": "AUTO"}),
        ("auto", True, {"mode": "VALIDATED"}),
        (None, True, {"mode": "VALIDATED"}),
        ("none", True, {"mode": "NONE"}),
        ("required", False, {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "f"}}, True, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_which_tool_to_call(choice: object, mode: Json, *, strict: bool) -> None:
    tools = [{"type": "function", "function": {"name": "f", "strict": strict}}]
    body = build_request(tools=tools, **({} if choice is None else {"tool_choice": choice}))
    assert body["toolConfig"] == {"functionCallingConfig": mode}
    assert body["tools"] == [{"functionDeclarations": [{"name": "f"}]}]


IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}


@pytest.mark.parametrize(
    ("messages", "options", "where"),
    [
        ([], {"parallel_tool_calls": False}, "options.parallel_tool_calls"),
        ([], {"logit_bias": {"1": 2}}, "options.logit_bias"),
        ([], {"response_format": {"type": "grammar"}}, "options.response_format"),
        ([], {"response_format": {"type": "json_schema"}}, "options.response_format"),
        ([], {"reasoning_effort": "xhigh"}, "options.reasoning_effort"),
        ([], {"tool_choice": "any"}, "options.tool_choice"),
        ([], {"tool_choice": {"type": "allowed_tools"}}, "options.tool_choice"),
        ([], {"tools": [{"type": "web_search"}]}, "options.tools[0]"),
        ([], {"tools": [{"type": "function", "function": {"name": "f", "x": 1}}]}, "options.tools[0].function.x"),
        ([], {"tools": [{"type": "function", "function": {"name": "f"}, "x": 1}]}, "options.tools[0].x"),
        ([], {"tools": ["f"]}, "options.tools"),
        ([message("system", "Be kind."), message("user", "")], {}, "messages"),
        ([message("user", "Hi", name="Eva")], {}, "messages[0].name"),
        ([message("system", [IMAGE])], {}, "messages[0].content"),
        ([message("user", [{"type": "input_audio", "input_audio": {}}])], {}, "messages[0].content[0]"),
        ([message("user", [{"type": "image_url", "image_url": "x"}])], {}, "messages[0].content[0]"),
        ([message("user", [{"type": "text", "text": 7}])], {}, "messages[0].content[0]"),
        ([message("user", [{**IMAGE, "cache_control": {"type": "e"}}])], {}, "messages[0].content[0].cache_control"),
        (
            [
                message(
                    "user", [{"type": "image_url", "image_url": {"url": "data:image/png;base64,", "detail": "high"}}]
                )
            ],
            {},
            "messages[0].content[0].image_url.detail",
        ),
        *(
            ([message("user", [{"type": "image_url", "image_url": {"url": url}}])], {}, "[0].content[0].image_url.url")
            for url in ("http://a.example/x.png", "data:image/png,abc", "gs://a/x.png", "")
        ),
        ([message("assistant", "", tool_calls="f")], {}, "messages[0].tool_calls"),
        ([message("assistant", tool_calls=[{"type": "custom"}])], {}, "messages[0].tool_calls[0]"),
        ([message("assistant", tool_calls=[called("f", "{}", x=1)])], {}, "messages[0].tool_calls[0].x"),
        *(
            ([message("assistant", tool_calls=[called("f", bad)])], {}, "messages[0].tool_calls[0].function.arguments")
            for bad in ('{"a":', "[1]", "7", "NaN", {"a": 1}, '{"a":' * 253 + "1" + "}" * 253)
        ),
        ([message("tool", "5", tool_call_id="call_9")], {}, "messages[0].tool_call_id"),
        (
            [message("assistant", tool_calls=[called("f", "{}")]), message("tool", [IMAGE], tool_call_id="call_1")],
            {},
            "messages[1].content",
        ),
    ],
)
def test_what_gemini_has_no_word_for_is_refused(
    messages: list[Message], options: dict[str, object], where: str
) -> None:
    with pytest.raises(Failed) as failed:
        build_request(*messages, **options)
    assert (failed.value.code, failed.value.retryable) == (Code.INVALID_REQUEST, False)
    assert f"{where}: " in failed.value.message


contents = st.text(max_size=3) | st.lists(
    st.sampled_from([IMAGE, {"type": "text", "text": "a"}, {"type": "text", "text": ""}]), max_size=3
)
messages = st.one_of(
    st.builds(message, st.sampled_from(["system", "user", "assistant"]), contents),
    st.builds(
        lambda content, name: message("assistant", content, tool_calls=[called(name, "{}")]), contents, st.text()
    ),
    st.builds(lambda content: message("tool", content, tool_call_id="call_1"), st.text(max_size=5)),
)


@given(st.lists(messages, min_size=1, max_size=8))
def test_whatever_is_said_sides_take_turns_and_nobody_says_nothing(said: list[Message]) -> None:
    try:
        sides = build_request(*said)["contents"]
    except Failed as failed:
        assert failed.code is Code.INVALID_REQUEST
        return
    assert all(one["role"] != other["role"] for one, other in pairwise(sides))
    assert all(side["parts"] and {"text": ""} not in side["parts"] for side in sides)
