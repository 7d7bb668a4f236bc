"""Requests in OpenAI's Responses API: each option and message is converted or refused."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.commands import JsonObject, Message, Options
from gateway.protocol.errors import Code, Failed
from gateway.protocol.options import GATEWAY_OPTIONS
from gateway.upstreams.base import UpstreamRequest, VerbatimRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat, ResponsesReader
from tests.gateway.upstreams.formats.responses_events import (
    Event,
)
from tests.start_requests import user_message


def body(options: JsonObject | None = None, *messages: Message) -> JsonObject:
    call = UpstreamRequest("model-1", messages or [user_message("Hello")], options or {})
    before = deepcopy(call)
    built = OpenAIResponsesFormat().body(call)
    # It may be called again.
    assert call == before
    return built


def input_of(*messages: Message) -> object:
    return body(None, *messages)["input"]


def refused(options: JsonObject | None = None, *messages: Message) -> Failed:
    with pytest.raises(Failed) as failed:
        body(options, *messages)
    assert (failed.value.code, failed.value.retryable) == (Code.INVALID_REQUEST, False)
    return failed.value


def test_the_request_sent() -> None:
    wire_format = OpenAIResponsesFormat()
    call = UpstreamRequest("model-1", [user_message("Hello")], {"temperature": 0.5})
    assert wire_format.endpoint(call) == Endpoint(("responses",))
    assert wire_format.headers("sk-1") == {"Authorization": "Bearer sk-1"}
    assert wire_format.body(call) == {
        "model": "model-1",
        "input": [{"type": "message", "role": "user", "content": "Hello"}],
        "temperature": 0.5,
        "stream": True,
        "store": False,
    }
    assert isinstance(wire_format.reader(None), ResponsesReader)


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
        # The default of `strict` is false in chat completions and true here.
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
def test_an_unsupported_option_is_refused(option: str, value: object) -> None:
    assert refused({option: value}).message == (  # type: ignore[dict-item]
        f"The provider does not support the option '{option}': leave it out."
    )


def test_every_option_is_converted_or_refused() -> None:
    values = Options(
        temperature=1.0,
        top_p=1.0,
        max_tokens=16,
        stop="a",
        seed=1,
        presence_penalty=1.0,
        frequency_penalty=1.0,
        tools=[{"type": "function", "function": {"name": "f"}}],
        tool_choice="auto",
        parallel_tool_calls=True,
        response_format={"type": "text"},
        reasoning_effort="low",
        user="u",
        logprobs=True,
        top_logprobs=2,
    ).for_provider()
    assert set(values) == set(Options.model_fields) - {*GATEWAY_OPTIONS, "max_completion_tokens"}
    silent = set()
    for name, value in values.items():
        try:
            spelled_out = len(body({name: value})) > len(body())
        except Failed:
            spelled_out = False
            silent.add(name)
        assert spelled_out or name in silent
    assert silent == {"stop", "seed", "presence_penalty", "frequency_penalty"}


def test_options_that_are_fields_of_the_text_stand_together() -> None:
    built = body({"verbosity": "low", "response_format": {"type": "json_object"}})
    assert built["text"] == {"verbosity": "low", "format": {"type": "json_object"}}


def test_fields_that_chat_completions_name_alike_are_passed_on() -> None:
    sent: JsonObject = {"prompt_cache_key": "k", "service_tier": None, "store": True, "temperature": 1}
    call = UpstreamRequest("m", [user_message("Hello")], {}, verbatim=VerbatimRequest("openai", sent, {}))
    built = OpenAIResponsesFormat().body(call)
    assert {*built} == {"prompt_cache_key", "model", "input", "stream", "store"}
    assert (built["prompt_cache_key"], built["store"]) == ("k", False)


def test_a_client_s_own_request_is_passed_on_with_what_the_gateway_decides() -> None:
    sent: JsonObject = {"input": "Hi", "new_field": 1, "max_output_tokens": 500, "store": True, "model": "theirs"}
    call = UpstreamRequest(
        "m", [user_message("Hi")], {"max_tokens": 100}, verbatim=VerbatimRequest("openai-responses", sent, {})
    )
    assert OpenAIResponsesFormat().body(call) == {
        "input": "Hi",
        "new_field": 1,
        "max_output_tokens": 100,
        "store": False,
        "model": "m",
        "stream": True,
    }


def test_a_summary_is_requested_with_an_effort_if_configured() -> None:
    wire_format, options = OpenAIResponsesFormat(summary="auto"), {"reasoning_effort": "high"}
    assert wire_format.body(UpstreamRequest("m", [user_message("a")], dict(options)))["reasoning"] == {
        "effort": "high",
        "summary": "auto",
    }
    assert "reasoning" not in wire_format.body(UpstreamRequest("m", [user_message("a")], {}))
    assert options == {"reasoning_effort": "high"}


def test_a_conversation() -> None:
    calls = [
        {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Huế"}'}},
        {"id": "call_b", "type": "custom", "custom": {"name": "run", "input": "ls"}},
    ]
    assert input_of(
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
    assert input_of(Message(role="user", content=[part])) == [
        {"type": "message", "role": "user", "content": [expected]}
    ]


def assistant(content: str | list[JsonObject] | None, **extra: object) -> Message:
    return Message.model_validate({"role": "assistant", "content": content, **extra})


CALLS = [{"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize("content", [None, "", []])
def test_an_assistant_message_with_only_calls_has_no_message_item(content: str | list[JsonObject] | None) -> None:
    expected = [{"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"}]
    # What an SDK's message brings along when it is given back as it came.
    noise: Event = {"refusal": None, "audio": None, "function_call": None, "annotations": [], "reasoning": "Hm."}
    assert input_of(assistant(content, tool_calls=CALLS, **noise)) == expected


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ("", []),
        ("Well.", [{"type": "output_text", "text": "Well.", "annotations": []}]),
        ([{"type": "text", "text": "Well."}], [{"type": "output_text", "text": "Well.", "annotations": []}]),
    ],
)
def test_a_refusal_of_the_assistant(content: str | list[JsonObject], fields: list[object]) -> None:
    expected = [*fields, {"type": "refusal", "refusal": "I can't."}]
    assert input_of(assistant(content, refusal="I can't.")) == [
        {"type": "message", "role": "assistant", "content": expected}
    ]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ([{"type": "text", "text": "Well. "}, {"type": "text", "text": "Yes."}], "Well. Yes."),
        (
            [{"type": "text", "text": "Well.", "annotations": [1]}],
            [{"type": "output_text", "text": "Well.", "annotations": [1]}],
        ),
        ([{"type": "text", "text": None}], [{"type": "output_text", "text": None, "annotations": []}]),
    ],
)
def test_assistant_content_is_one_string_if_it_is_only_text(content: list[JsonObject], fields: object) -> None:
    assert input_of(assistant(content)) == [{"type": "message", "role": "assistant", "content": fields}]


def test_encrypted_reasoning_is_given_back_before_the_call_it_led_to() -> None:
    details = [
        {"type": "reasoning.summary", "summary": "Hm.", "format": "openai-responses"},
        {"type": "reasoning.encrypted", "data": "gAAAA", "format": "openai-responses-v1", "id": "rs_1"},
        {"type": "reasoning.encrypted", "data": "gBBBB", "format": "openai-responses"},
        {"type": "reasoning.encrypted", "data": "EmwK", "format": "anthropic-claude-v1"},
        {"type": "reasoning.text", "text": "Hm.", "signature": "E", "format": "anthropic"},
    ]
    assert input_of(assistant(None, tool_calls=CALLS, reasoning_details=details)) == [
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA", "id": "rs_1"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gBBBB"},
        {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"},
    ]


def test_ids_of_calls_have_64_characters_at_most_and_match_their_results() -> None:
    long, call = "call_" + "x" * 90, {"type": "function", "function": {"name": "f", "arguments": ""}}
    items = input_of(
        assistant(None, tool_calls=[{**call, "id": long}]), Message(role="tool", content="1", tool_call_id=long)
    )
    assert isinstance(items, list)
    assert items[0]["call_id"] == items[1]["call_id"]
    assert (len(items[0]["call_id"]), items[0]["arguments"]) == (64, "{}")


IMAGE: JsonObject = {"type": "image_url", "image_url": {"url": "https://a/b.png"}}


@pytest.mark.parametrize(
    ("fields", "quote"),
    [
        ({"role": "user", "content": "a", "name": "Ann"}, "message's 'name'"),
        ({"role": "assistant", "content": "", "audio": {"id": "audio_1"}}, "messages[0].audio: "),
        ({"role": "assistant", "content": "", "function_call": {"name": "f"}}, "messages[0].function_call: "),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "type 'input_audio' in a message"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, "type 'image_url' in a message"),
        ({"role": "user", "content": [{"type": "refusal", "refusal": "x"}]}, "type 'refusal' in a message"),
        ({"role": "assistant", "content": [IMAGE]}, "type 'image_url' in an assistant's message"),
        ({"role": "user", "content": [{}]}, "type 'None'"),
        ({"role": "tool", "content": "a"}, "messages[0].tool_call_id: is missing"),
        ({"role": "assistant", "content": "", "tool_calls": [{"id": "c"}]}, "needs id, function.name"),
        ({"role": "assistant", "content": "", "tool_calls": ["c"]}, "needs id, function.name"),
    ],
)
def test_an_unsupported_message_is_refused(fields: Event, quote: str) -> None:
    error = refused(None, Message.model_validate(fields))
    assert quote in error.message
    assert (error.param or "").startswith("messages[0].")


@given(st.lists(st.tuples(st.sampled_from(["system", "developer", "user", "assistant"]), st.text(max_size=5))))
def test_no_message_is_lost_or_moved(fields: list[tuple[str, str]]) -> None:
    messages = [Message.model_validate({"role": role, "content": content}) for role, content in fields]
    wire_format = OpenAIResponsesFormat().body(UpstreamRequest("m", messages, {}))["input"]
    assert wire_format == [
        {"type": "message", "role": role, "content": content}
        for role, content in fields
        if content or role != "assistant"
    ]
