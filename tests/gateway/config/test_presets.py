"""Requests of each preset: endpoint, options, roles, and how a partial answer is continued."""

import pytest

from gateway.app.catalog import WIRE_FORMATS
from gateway.config.presets import PRESETS, PresetName
from gateway.protocol.commands import JsonObject, Message
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.http import HttpUpstream

MESSAGES = [Message(role="developer", content="Be brief."), Message(role="user", content="Why?")]
PARTIAL = [*MESSAGES, Message(role="assistant", content="Because")]
REQUEST = UpstreamRequest("m", MESSAGES, {"max_tokens": 7, "temperature": 0.5})


def wire_format(name: PresetName) -> WireFormat:
    preset = PRESETS[name]
    return WIRE_FORMATS[preset.api](preset.quirks)


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
def test_chat_completions_with_the_quirks_of_each_server(name: PresetName, limit: str, role: str) -> None:
    assert wire_format(name).body(REQUEST) == {
        limit: 7,
        "temperature": 0.5,
        "model": "m",
        "messages": [{"role": role, "content": "Be brief."}, {"role": "user", "content": "Why?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert wire_format(name).endpoint(REQUEST) == Endpoint(("chat", "completions"))


def test_max_completion_tokens_stays() -> None:
    assert (
        wire_format("openai").body(UpstreamRequest("m", MESSAGES, {"max_completion_tokens": 9}))[
            "max_completion_tokens"
        ]
        == 9
    )


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
def test_a_partial_answer_is_continued(name: PresetName, path: str, added: JsonObject, marked: JsonObject) -> None:
    partial = UpstreamRequest("m", PARTIAL, {})
    assert wire_format(name).can_continue(partial)
    # Without `continues`, the message is sent like any other.
    assert wire_format(name).endpoint(partial) == Endpoint(("chat", "completions"))
    answer = wire_format(name).body(partial)
    continuation = UpstreamRequest("m", PARTIAL, {}, continues=True)
    assert str(wire_format(name).endpoint(continuation).resolve("http://a.example")) == f"http://a.example{path}"
    assert wire_format(name).body(continuation) == {
        **answer,
        **added,
        "messages": [*messages_of(answer)[:-1], {"role": "assistant", "content": "Because", **marked}],
    }


def messages_of(body: JsonObject) -> list[object]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return [*messages]


@pytest.mark.parametrize("name", ["openai", "openai-responses", "gemini", "holysheep"])
def test_some_can_not_continue(name: PresetName) -> None:
    assert not wire_format(name).can_continue(UpstreamRequest("m", PARTIAL, {}))


@pytest.mark.parametrize(
    ("model", "options", "expected"),
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
def test_older_claude_models_continue(model: str, options: JsonObject, expected: bool) -> None:
    assert wire_format("anthropic").can_continue(UpstreamRequest(model, PARTIAL, options)) is expected


def test_an_upstream_can_continue_if_its_format_can() -> None:
    for name in PRESETS:
        request = UpstreamRequest("m", PARTIAL, {})
        assert HttpUpstream(name, "http://127.0.0.1:9", wire_format(name)).can_continue(request) == wire_format(
            name
        ).can_continue(request)
