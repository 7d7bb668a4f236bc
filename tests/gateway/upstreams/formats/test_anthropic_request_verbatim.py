"""A client's own body for Anthropic's Messages API."""

from gateway.protocol.commands import JsonObject
from gateway.upstreams.base import UpstreamRequest, VerbatimRequest
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.sealed_reasoning import seal

SIGNED: JsonObject = {"type": "thinking", "thinking": "a", "signature": "c2ln"}
UNSIGNED: JsonObject = {"type": "thinking", "thinking": "b", "signature": ""}
SEALED: JsonObject = {"type": "thinking", "thinking": "c", "signature": seal({"format": "gemini", "signature": "x"})}
REDACTED: JsonObject = {"type": "redacted_thinking", "data": seal({"format": "openai-responses", "data": "y"})}
TEXT: JsonObject = {"type": "text", "text": "d", "cache_control": {"type": "ephemeral"}}


def body_of(body: JsonObject, model: str = "claude-opus-5", max_tokens: int | None = None) -> JsonObject:
    """Return the body that a provider gets for a client's own."""
    options: JsonObject = {} if max_tokens is None else {"max_tokens": max_tokens}
    return AnthropicFormat().body(UpstreamRequest(model, (), options, verbatim=VerbatimRequest("anthropic", body, {})))


def content_of(*blocks: JsonObject, model: str = "claude-opus-5") -> object:
    """Return the content that a provider gets of an earlier answer."""
    body = body_of({"messages": [{"role": "assistant", "content": [*blocks]}]}, model)
    return body["messages"][0]["content"]  # type: ignore[index, call-overload]


def test_a_body_is_sent_as_it_came() -> None:
    body: JsonObject = {
        "model": "alias",
        "messages": [{"role": "system", "content": [TEXT]}],
        "stream": False,
        "new": 1,
    }
    assert body_of(body) == {**body, "model": "claude-opus-5", "stream": True}


def test_a_lower_limit_counts() -> None:
    assert body_of({"max_tokens": 100}, max_tokens=50)["max_tokens"] == 50
    assert body_of({"max_tokens": 100}, max_tokens=500)["max_tokens"] == 100


def test_thinking_of_other_providers_is_left_out() -> None:
    assert content_of(SIGNED, UNSIGNED, SEALED, REDACTED, TEXT) == [SIGNED, TEXT]


def test_models_of_other_makers_sign_nothing() -> None:
    assert content_of(UNSIGNED, SEALED, TEXT, model="kimi-k2") == [UNSIGNED, TEXT]


def test_an_answer_of_nothing_else_is_sent_as_it_came() -> None:
    assert content_of(UNSIGNED) == [UNSIGNED]
