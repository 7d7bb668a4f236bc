"""The digest of a request, and the signs that its client sends it again."""

from collections.abc import Mapping

import pytest

from gateway.dialects.base import Call, DialectStart
from gateway.dialects.sent_request import SentRequest, sent_request
from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.upstreams.base import VerbatimRequest

BODY: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
REQUEST = parse(StartRequest, BODY)


def sent(
    body: JsonObject = BODY,
    *,
    stream: bool = False,
    dialect: str = "anthropic",
    headers: Mapping[str, str] | None = None,
    path: Mapping[str, str] | None = None,
    betas: str = "",
) -> SentRequest:
    verbatim = VerbatimRequest(dialect, body, {"anthropic-beta": betas})
    return sent_request(dialect, DialectStart(REQUEST, stream, Call(body, path or {}, {}, headers or {}), verbatim))


def test_the_form_of_the_response_does_not_count() -> None:
    streamed = sent({**BODY, "stream": True, "stream_options": {"include_usage": True}}, stream=True)
    assert streamed.digest == sent({**BODY, "stream": False}).digest == sent().digest
    assert streamed.stream
    assert not sent().stream


@pytest.mark.parametrize(
    "other",
    [
        sent({**BODY, "temperature": 1}),
        sent({**BODY, "unknown": None}),
        sent(dialect="openai"),
        sent(path={"model": "n"}),
        sent(betas="context-1m"),
    ],
    ids=["a field", "an unknown field", "the API", "the model in the path", "a header of the API"],
)
def test_all_else_counts(other: SentRequest) -> None:
    assert other.digest != sent().digest


def test_a_background_request_is_left_on_purpose() -> None:
    assert sent({**BODY, "background": True}).is_background
    assert not sent().is_background


@pytest.mark.parametrize(("count", "is_retry"), [("0", False), ("1", True), ("12", True), ("", False)])
def test_a_retry_is_counted_by_its_client(count: str, is_retry: bool) -> None:
    assert sent(headers={"x-stainless-retry-count": count}).is_retry is is_retry


@pytest.mark.parametrize("name", ["x-claude-code-session-id", "session-id"])
def test_the_session_is_that_of_the_client(name: str) -> None:
    assert sent(headers={name: "s1"}).session == "s1"
    assert sent().session == ""
