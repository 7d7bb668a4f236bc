"""Failures of responses: errors inside them, and bodies that are no stream of events."""

import pytest
from pydantic import JsonValue, SecretStr

from gateway.protocol.errors import Code
from gateway.upstreams.errors.failures import from_document, from_error_event, from_finish_reason, from_stream

KEY = SecretStr("sk-very-secret-key")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ({"message": "too long: 9000 > 8192", "type": "invalid_request_error"}, Code.INVALID_REQUEST, ": 9000 > 8192"),
        ({"message": "oops at 10.0.0.7:99", "code": 500}, Code.SERVER_ERROR, "sent an error in its stream."),
        ({"message": "your key sk-very-secret-key", "code": 401}, Code.PROVIDER_AUTH, "check the variable"),
        ({"message": "no", "code": 402}, Code.PROVIDER_QUOTA, "has no credit left."),
        ({"message": "Overloaded at 10.0.0.7:99", "type": "api_error"}, Code.SERVER_ERROR, "stream: Overloaded at …"),
        ("just words", Code.SERVER_ERROR, "sent an error in its stream."),
        (None, Code.SERVER_ERROR, "sent an error in its stream."),
    ],
)
def test_an_error_in_a_stream(error: JsonValue, code: Code, message: str) -> None:
    failed = from_stream(error, KEY)
    assert failed.code is code
    assert message in failed.message
    assert "sk-very" not in failed.message


def test_the_wait_of_google_is_read() -> None:
    details: list[JsonValue] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}]
    assert from_stream({"code": 429, "details": details}, None).retry_after_ms == 7500


@pytest.mark.parametrize("data", [b'{"code": 429}', b'{"error": {"type": "rate_limit_error"}}', b"rate_limit_error"])
def test_an_error_event(data: bytes) -> None:
    assert from_error_event(data, None).code is Code.RATE_LIMIT


def test_a_finish_reason_is_named_if_it_is_a_word() -> None:
    assert from_finish_reason(Code.SERVER_ERROR, "abort").message == "The model's answer failed: abort."
    assert from_finish_reason(Code.SERVER_ERROR, "http://10.0.0.7").message == "The model's answer failed: other."


@pytest.mark.parametrize(
    ("body", "content_type", "code", "message"),
    [
        (b" \n", "application/json", Code.TRUNCATED, "ended without its end mark"),
        (b"<html>", "text/html", Code.UPSTREAM_PROTOCOL, "200 with text/html"),
        (b"<html>", "x/secret", Code.UPSTREAM_PROTOCOL, "200 with another content type"),
        (b"hello", "text/event-stream", Code.UPSTREAM_PROTOCOL, "neither a stream of events nor JSON"),
        (b'{"error": {"code": 429}}', "application/json", Code.RATE_LIMIT, "an error in place of a stream"),
        (b'{"id": "x"}', "application/json", Code.UPSTREAM_PROTOCOL, "a whole document (application/json)"),
    ],
)
def test_a_document_in_place_of_a_stream(body: bytes, content_type: str, code: Code, message: str) -> None:
    failed = from_document(body, content_type, None)
    assert failed.code is code
    assert message in failed.message


@pytest.mark.parametrize("levels", [100, 600, 1000])
def test_errors_nested_deeply_are_errors_of_the_provider(levels: int) -> None:
    nested = b"[" * levels + b"]" * levels
    assert from_document(nested, "application/json", None).code is Code.UPSTREAM_PROTOCOL
    assert from_error_event(b'{"type":"rate_limit_error","x":%b}' % nested, None).code is Code.RATE_LIMIT
