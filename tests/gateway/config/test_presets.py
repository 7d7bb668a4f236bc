"""What each preset sends: its address, its key, its own words."""

import pytest

from gateway.app.catalog import WIRE_FORMATS
from gateway.config.presets import PRESETS, PresetName
from gateway.protocol.commands import JsonObject, Message
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.http import HttpUpstream

SPOKEN = [Message(role="developer", content="Be brief."), Message(role="user", content="Why?")]
BEGUN = [*SPOKEN, Message(role="assistant", content="Because")]
CALL = UpstreamRequest("m", SPOKEN, {"max_tokens": 7, "temperature": 0.5})


def wire(name: PresetName) -> WireFormat:
    preset = PRESETS[name]
    return WIRE_FORMATS[preset.api](preset.quirks)


def roles(body: JsonObject) -> list[str]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return [str(message["role"]) for message in messages if isinstance(message, dict)]


@pytest.mark.parametrize(
    ("name", "limit", "role"),
    [
        ("openai", "max_completion_tokens", "developer"),
        ("deepseek", "max_tokens", "system"),
        ("holysheep", "max_tokens", "developer"),
        ("vllm", "max_tokens", "system"),
        ("ollama", "max_tokens", "system"),
        ("llamacpp", "max_tokens", "system"),
        ("simulator", "max_tokens", "developer"),
    ],
)
def test_chat_completions_in_their_own_words(name: PresetName, limit: str, role: str) -> None:
    assert wire(name).body(CALL) == {
        limit: 7,
        "temperature": 0.5,
        "model": "m",
        "messages": [{"role": role, "content": "Be brief."}, {"role": "user", "content": "Why?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert wire(name).endpoint(CALL) == Endpoint(("chat", "completions"))


def test_what_is_set_by_its_newer_name_stays() -> None:
    assert wire("openai").body(UpstreamRequest("m", SPOKEN, {"max_completion_tokens": 9}))["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("name", "path", "added", "marked"),
    [
        ("deepseek", "/beta/chat/completions", {}, {"prefix": True}),
        ("vllm", "/chat/completions", {"continue_final_message": True, "add_generation_prompt": False}, {}),
        ("ollama", "/chat/completions", {}, {}),
        ("llamacpp", "/chat/completions", {}, {}),
        ("simulator", "/chat/completions", {}, {}),
    ],
)
def test_an_answer_that_has_begun_is_gone_on_with(
    name: PresetName, path: str, added: JsonObject, marked: JsonObject
) -> None:
    begun = UpstreamRequest("m", BEGUN, {})
    assert wire(name).can_continue(begun)
    # Asked to answer it, nobody goes on with it.
    assert wire(name).endpoint(begun) == Endpoint(("chat", "completions"))
    answered = wire(name).body(begun)
    going_on = UpstreamRequest("m", BEGUN, {}, continues=True)
    assert str(wire(name).endpoint(going_on).resolve("http://a.example")) == f"http://a.example{path}"
    assert wire(name).body(going_on) == {
        **answered,
        **added,
        "messages": [*roles_and_texts(answered)[:-1], {"role": "assistant", "content": "Because", **marked}],
    }


def roles_and_texts(body: JsonObject) -> list[object]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return [*messages]


@pytest.mark.parametrize("name", ["openai", "openai-responses", "gemini", "holysheep"])
def test_some_answer_it_instead(name: PresetName) -> None:
    assert not wire(name).can_continue(UpstreamRequest("m", BEGUN, {}))


@pytest.mark.parametrize(
    ("model", "options", "goes_on"),
    [
        ("claude-sonnet-4-5", {}, True),
        ("claude-3-5-sonnet-20241022", {}, True),
        ("claude-opus-4-20250514", {"max_tokens": 9}, True),
        ("claude-sonnet-4-5", {"reasoning_effort": "low"}, False),
        ("claude-sonnet-4-5", {"response_format": {"type": "json_schema"}}, False),
        ("claude-opus-4-6", {}, False),
        ("claude-opus-5", {}, False),
        ("some-other-model", {}, False),
    ],
)
def test_older_claudes_go_on(model: str, options: JsonObject, goes_on: bool) -> None:
    assert wire("anthropic").can_continue(UpstreamRequest(model, BEGUN, options)) is goes_on


def test_an_upstream_says_what_its_format_says() -> None:
    for name in PRESETS:
        call = UpstreamRequest("m", BEGUN, {})
        assert HttpUpstream(name, "http://127.0.0.1:9", wire(name)).can_continue(call) == wire(name).can_continue(call)
