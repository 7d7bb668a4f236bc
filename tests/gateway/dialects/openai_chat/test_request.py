"""Requests of chat completions: every documented field is taken, or refused by its name."""

import pytest

from gateway.dialects.base import Call
from gateway.dialects.openai_chat.request import custom_tools, parse_call, wants_usage
from gateway.protocol.errors import Refused
from gateway.upstreams.base import UpstreamRequest, VerbatimRequest
from gateway.upstreams.formats.base import Quirks
from gateway.upstreams.formats.openai_chat_request import build_request
from tests.gateway.dialects.openai_chat.responses import MESSAGES, started

OPTIONS: dict[str, object] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "max_completion_tokens": 5,
    "stop": ["x"],
    "seed": 1,
    "presence_penalty": 1.0,
    "frequency_penalty": 1.0,
    "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "text"},
    "reasoning_effort": "low",
    "user": "u",
    "logprobs": True,
    "top_logprobs": 2,
}
CHANGES_THE_ANSWER: dict[str, object] = {
    "logit_bias": {"50256": -100},
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
    "moderation": {"model": "m"},
    "modalities": ["text", "image"],
    "top_k": 5,
    "new_field": {"a": 1},
}
WITHOUT_EFFECT: dict[str, object] = {
    "n": 1,
    "store": True,
    "metadata": {"a": "b"},
    "service_tier": "flex",
    "safety_identifier": "s",
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "prompt_cache_options": {"mode": "explicit"},
    "prediction": {"type": "content", "content": "x"},
    "modalities": ["text"],
    "verbosity": "medium",
    "logit_bias": {},
    "logprobs": False,
    "top_logprobs": 0,
}


def test_options_are_those_of_a_start() -> None:
    start = started(**OPTIONS)
    renamed = {name: value for name, value in OPTIONS.items() if name != "max_completion_tokens"}
    assert start.request.options.for_provider() == {**renamed, "max_tokens": 5}


@pytest.mark.parametrize("name", CHANGES_THE_ANSWER)
def test_what_changes_the_answer_goes_to_every_provider(name: str) -> None:
    value = CHANGES_THE_ANSWER[name]
    assert started(**{name: value}).request.options.for_provider() == {name: value}


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_what_has_no_effect_on_the_answer_goes_to_providers_with_this_api_alone(name: str) -> None:
    start = started(**{name: WITHOUT_EFFECT[name]})
    expected = {"user": "s"} if name == "safety_identifier" else {}
    assert start.request.options.for_provider() == expected
    assert start.verbatim is not None
    assert start.verbatim.body[name] == WITHOUT_EFFECT[name]


def test_a_provider_with_this_api_gets_every_field() -> None:
    fields = {**WITHOUT_EFFECT, **CHANGES_THE_ANSWER, **OPTIONS, "stream_options": {"include_obfuscation": False}}
    start = started(**fields)
    options = start.request.options.for_provider()
    request = UpstreamRequest("their-m", start.request.messages, options, verbatim=start.verbatim)
    assert build_request(request, Quirks(token_limit="max_completion_tokens")) == {
        **fields,
        "model": "their-m",
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_obfuscation": False, "include_usage": True},
    }


def test_the_client_of_a_provider_is_named_as_the_request_names_it() -> None:
    start = started(safety_identifier="s")
    options = start.request.options.for_provider()
    body = build_request(UpstreamRequest("m", start.request.messages, options, verbatim=start.verbatim), Quirks())
    assert (body["safety_identifier"], "user" in body) == ("s", False)


def test_null_is_no_value() -> None:
    start = started(
        **dict.fromkeys([*OPTIONS, *CHANGES_THE_ANSWER, *WITHOUT_EFFECT, "audio", "functions", "stream_options"])
    )
    assert start.request.options.for_provider() == {}


def test_metadata_are_those_of_the_generation_too() -> None:
    assert started(metadata={"a": "b"}).request.metadata == {"a": "b"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": 5}, "model"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens"),
        ({"tools": [], "functions": [{"name": "f"}], "function_call": "auto", "n": 3}, "n"),
        ({"tools": [{"type": "function"}], "functions": [{"name": "f"}]}, "functions"),
        ({"functions": {"name": "f"}}, "functions"),
    ],
)
def test_what_no_response_could_be_is_refused_by_name(fields: dict[str, object], param: str) -> None:
    with pytest.raises(Refused) as refused:
        started(**fields)
    assert (refused.value.param, refused.value.status) == (param, 400)
    assert refused.value.message.startswith(f"{param}: ")


def test_the_messages_are_held_once() -> None:
    start = parse_call(Call({"messages": [*MESSAGES], "store": True}))
    assert start.verbatim == VerbatimRequest("openai", {"store": True}, {})
    assert not start.stream


def test_usage_is_part_of_a_document_and_of_a_stream_that_asks_for_it() -> None:
    assert wants_usage(started(stream=False))
    assert wants_usage(started(stream_options={"include_usage": True}))
    assert not wants_usage(started(stream_options={"include_usage": False}))
    assert not wants_usage(started())


def test_custom_tools_are_known_by_their_names() -> None:
    assert custom_tools(started(tools=OPTIONS["tools"])) == {"c"}
    assert custom_tools(started()) == set()


def test_a_content_part_of_a_type_that_is_not_known_goes_to_providers_with_this_api_alone() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "hologram", "hologram": {"id": 1}}]}
    start = started(messages=[*MESSAGES, message])
    options = start.request.options.for_provider()
    body = build_request(UpstreamRequest("m", start.request.messages, options, verbatim=start.verbatim), Quirks())
    assert body["messages"] == [*MESSAGES, message]
    assert start.verbatim is not None
    assert start.verbatim.only.startswith("messages[1].content[1].type: ")


@pytest.mark.parametrize("content", [[{"text": "a"}], [], ""])
def test_a_content_that_no_provider_could_read_is_refused(content: object) -> None:
    with pytest.raises(Refused, match=r"messages\[0\]\.content"):
        started(messages=[{"role": "user", "content": content}])


def test_a_search_is_asked_for_without_options_too() -> None:
    options = started(web_search_options={}).request.options.for_provider()
    assert options == {"web_search_options": {"search_context_size": "medium"}}
