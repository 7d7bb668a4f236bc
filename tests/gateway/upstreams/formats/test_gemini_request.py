"""Requests in Google's Gemini API: each option and message is converted or refused."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.commands import Message
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.gemini import GeminiFormat
from tests.start_requests import user_message

Json = dict[str, Any]
SIGNATURE = "CiQB0e2Kb02QlBJ2I5"
UNKNOWN_SIGNATURE = "skip_thought_signature_validator"


def text(content: str, **more: object) -> Json:
    return {"text": content, **more}


def message(role: str, content: object = None, **more: object) -> Message:
    fields = {"role": role, **({} if content is None else {"content": content}), **more}
    return Message.model_validate(fields)


def tool_call(name: str, arguments: object, **more: object) -> Json:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def build_request(*messages: Message, **options: Any) -> Json:  # noqa: ANN401 - as JSON has it
    model = options.pop("model", "gemini-2.5-flash")
    body: Json = GeminiFormat().body(UpstreamRequest(model, messages or [user_message("Hi")], options))
    assert orjson.loads(orjson.dumps(body)) == body
    return body


def config(**options: object) -> object:
    return build_request(**options).get("generationConfig")


def test_a_conversation() -> None:
    signed = {"extra_content": {"google": {"thought_signature": SIGNATURE}}, "index": 0}
    body = build_request(
        message("system", "Be kind."),
        message("developer", [text("Be ", type="text"), text("brief.", type="text")]),
        message("user", "What is 2+3,"),
        message("user", [{"type": "text", "text": "and the time?"}]),
        message(
            "assistant",
            "Let me see.",
            tool_calls=[tool_call("add", '{"a":2}', **signed), tool_call("now", "", id="call_2")],
        ),
        message("tool", '{"sum": 5}', tool_call_id="call_1"),
        message("tool", [{"type": "text", "text": "[12, "}, {"type": "text", "text": "30]"}], tool_call_id="call_2"),
        message("user", "And?"),
        message(
            "assistant", None, tool_calls=[tool_call("add", None)], reasoning_content="Hm.", refusal=None, audio=None
        ),
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
    "given_back",
    [
        {"signature": SIGNATURE},
        {"extra_content": {"google": {"thought_signature": SIGNATURE}}},
        {"provider_specific_fields": {"thought_signature": SIGNATURE}},
    ],
)
def test_the_signature_of_a_call_is_given_back(given_back: Json) -> None:
    calls = [tool_call("f", "{}", id="1", **given_back), tool_call("g", "{}", id="2", signature=None)]
    body = build_request(user_message("Go"), message("assistant", tool_calls=calls), model="gemini-3-pro")
    assert [part.get("thoughtSignature") for part in body["contents"][1]["parts"]] == [SIGNATURE, None]


def test_the_signature_of_a_call_in_a_detail_with_its_id_is_given_back() -> None:
    details = [
        {"type": "reasoning.encrypted", "data": SIGNATURE, "id": "1", "format": "google-gemini-v1"},
        {"type": "reasoning.encrypted", "data": "E", "id": "2", "format": "anthropic-claude-v1"},
    ]
    calls = [tool_call("f", "{}", id="1"), tool_call("g", "{}", id="2")]
    answer = message("assistant", tool_calls=calls, reasoning_details=details)
    parts = build_request(user_message("Go"), answer, model="gemini-3-pro")["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [SIGNATURE, None]


@pytest.mark.parametrize(
    ("model", "signed"),
    [
        ("gemini-3-pro", True),
        ("models/gemini-3.5-flash", True),
        ("gemini-flash-latest", True),
        ("gemini-2.5-pro", False),
    ],
)
def test_the_first_of_parallel_calls_is_signed(model: str, *, signed: bool) -> None:
    calls = [tool_call("f", "{}", id="1"), tool_call("g", "{}", id="2")]
    body = build_request(user_message("Go"), message("assistant", tool_calls=calls), model=model)
    first, second = body["contents"][1]["parts"]
    assert (first.get("thoughtSignature"), second.get("thoughtSignature")) == (
        UNKNOWN_SIGNATURE if signed else None,
        None,
    )


def test_a_result_has_the_name_of_the_last_call_with_its_id_or_its_own() -> None:
    twice = [message("assistant", tool_calls=[tool_call(name, "{}")]) for name in ("f", "g")]
    body = build_request(
        *(
            user_message("Go"),
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


def test_a_call_without_an_id_is_sent_without_an_id() -> None:
    call = message("assistant", tool_calls=[tool_call("f", "{}", id=None)])
    assert build_request(user_message("Go"), call)["contents"][1]["parts"] == [
        {"functionCall": {"name": "f", "args": {}}}
    ]


def test_a_result_too_deep_for_a_body_is_sent_as_text() -> None:
    deep = '{"a":' * 253 + "1" + "}" * 253
    calls = message("assistant", tool_calls=[tool_call("f", "{}")])
    body = build_request(user_message("Go"), calls, message("tool", deep, tool_call_id="call_1"))
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
    shown = [{"type": "image_url", "image_url": {"url": url, "detail": "high"}}, {"type": "text", "text": "What?"}]
    assert build_request(message("user", shown))["contents"] == [{"role": "user", "parts": [part, text("What?")]}]


def test_settings() -> None:
    options = {"temperature": 0, "top_p": 0.5, "top_k": 5, "max_tokens": 9, "stop": "END", "seed": 7, "user": "u-1"}
    more = {"presence_penalty": 1.0, "frequency_penalty": -1.0, "parallel_tool_calls": False, "tools": None}
    assert config(**options, **more) == {
        "temperature": 0,
        "topP": 0.5,
        "topK": 5,
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
def test_thinking(model: str, effort: str, thinking: Json) -> None:
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
def test_tool_choice(choice: object, mode: Json, *, strict: bool) -> None:
    tools = [{"type": "function", "function": {"name": "f", "strict": strict}}]
    body = build_request(tools=tools, **({} if choice is None else {"tool_choice": choice}))
    assert body["toolConfig"] == {"functionCallingConfig": mode}
    assert body["tools"] == [{"functionDeclarations": [{"name": "f"}]}]


IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}


@pytest.mark.parametrize(
    ("messages", "options", "path"),
    [
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
        *(
            ([message("user", [{"type": "image_url", "image_url": {"url": url}}])], {}, "[0].content[0].image_url.url")
            for url in ("http://a.example/x.png", "data:image/png,abc", "gs://a/x.png", "")
        ),
        ([message("assistant", "", tool_calls="f")], {}, "messages[0].tool_calls"),
        ([message("assistant", tool_calls=[{"type": "custom"}])], {}, "messages[0].tool_calls[0]"),
        ([message("assistant", "", audio={"id": "a"})], {}, "messages[0].audio"),
        ([message("assistant", "", function_call={"name": "f"})], {}, "messages[0].function_call"),
        *(
            (
                [message("assistant", tool_calls=[tool_call("f", bad)])],
                {},
                "messages[0].tool_calls[0].function.arguments",
            )
            for bad in ('{"a":', "[1]", "7", "NaN", {"a": 1}, '{"a":' * 253 + "1" + "}" * 253)
        ),
        ([message("tool", "5", tool_call_id="call_9")], {}, "messages[0].tool_call_id"),
        (
            [message("assistant", tool_calls=[tool_call("f", "{}")]), message("tool", [IMAGE], tool_call_id="call_1")],
            {},
            "messages[1].content",
        ),
    ],
)
def test_unsupported_fields_are_refused(messages: list[Message], options: dict[str, object], path: str) -> None:
    with pytest.raises(Failed) as failed:
        build_request(*messages, **options)
    assert (failed.value.code, failed.value.retryable) == (Code.INVALID_REQUEST, False)
    assert f"{path}: " in failed.value.message


contents = st.text(max_size=3) | st.lists(
    st.sampled_from([IMAGE, {"type": "text", "text": "a"}, {"type": "text", "text": ""}]), max_size=3
)

messages = st.one_of(
    st.builds(message, st.sampled_from(["system", "user", "assistant"]), contents),
    st.builds(
        lambda content, name: message("assistant", content, tool_calls=[tool_call(name, "{}")]), contents, st.text()
    ),
    st.builds(lambda content: message("tool", content, tool_call_id="call_1"), st.text(max_size=5)),
)


@given(st.lists(messages, min_size=1, max_size=8))
def test_turns_always_alternate_and_are_never_empty(conversation: list[Message]) -> None:
    try:
        turns = build_request(*conversation)["contents"]
    except Failed as failed:
        assert failed.code is Code.INVALID_REQUEST
        return
    assert all(one["role"] != other["role"] for one, other in pairwise(turns))
    assert all(side["parts"] and {"text": ""} not in side["parts"] for side in turns)
