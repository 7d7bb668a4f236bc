"""Refusals and close codes, decoded from what the gateway sends."""

import orjson
import pytest

from gateway.client.event_decoder import decode
from gateway.client.frames import (
    ConnectionLost,
    error_of_close,
    failure_of,
    read_object,
    refusal,
    refusal_of_response,
)
from gateway.protocol.errors import Code, Refused
from tests.gateway.client.events import error_of


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"null"])
def test_a_frame_that_is_not_an_object_is_an_error(data: bytes) -> None:
    with pytest.raises(ConnectionLost):
        read_object(data)


def test_a_refusal_is_read_back_unchanged() -> None:
    sent = Refused(Code.QUEUE_FULL, "The queue is full.", param="model", retry_after_ms=1500)
    refused = refusal_of_response(503, orjson.dumps(sent.body()), "9")
    assert refused.body() == sent.body()
    assert refused.status == 503


def test_retry_after_is_used_if_the_body_has_no_wait() -> None:
    refused = refusal_of_response(429, orjson.dumps(Refused(Code.RATE_LIMIT, "Slower.").body()), "2")
    assert refused.retry_after_ms == 2000


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (401, Code.AUTH_ERROR, False),
        (403, Code.FORBIDDEN, False),
        (404, Code.INVALID_REQUEST, False),
        (408, Code.TIMEOUT, True),
        (425, Code.NETWORK_ERROR, True),
        (429, Code.RATE_LIMIT, True),
        (500, Code.SERVER_ERROR, True),
        (502, Code.NETWORK_ERROR, True),
        (503, Code.NETWORK_ERROR, True),
        (504, Code.NETWORK_ERROR, True),
        (520, Code.NETWORK_ERROR, True),
    ],
)
def test_the_page_of_a_proxy_is_classified_by_its_status(status: int, code: Code, retryable: bool) -> None:
    refused = refusal_of_response(status, b"<html>nginx</html>", None)
    assert (refused.code, refused.retryable, refused.status) == (code, retryable, status)
    assert str(status) in refused.message


def test_a_body_that_only_resembles_an_error_is_classified_by_its_status() -> None:
    assert refusal_of_response(502, b'{"error": ', None).code is Code.NETWORK_ERROR
    assert refusal_of_response(502, b'{"error": "down"}', None).code is Code.NETWORK_ERROR


@pytest.mark.parametrize("retry_after", ["\u00b2", "9" * 5000, "-1", "1.5", ""])
def test_a_retry_after_that_is_not_a_number_is_ignored(retry_after: str) -> None:
    assert refusal_of_response(429, b"", retry_after).retry_after_ms is None


@pytest.mark.parametrize("retry_after_ms", [1e308, -1e30, -1, 2**64])
def test_an_excessive_retry_after_is_ignored(retry_after_ms: float) -> None:
    refused = refusal({"code": "rate_limit", "retry_after_ms": retry_after_ms})
    assert refused.retry_after_ms is None
    assert orjson.dumps(refused.body())


@pytest.mark.parametrize("name", ["type", "code", "message"])
def test_deeply_nested_json_in_place_of_a_string_is_ignored(name: str) -> None:
    fields = read_object(b'{"%b":%b}' % (name.encode(), b"[" * 1020 + b"]" * 1020))
    assert decode(fields) is None
    assert refusal(fields).code is Code.INVALID_REQUEST


def test_an_unknown_code_keeps_its_name_and_whether_it_is_retryable() -> None:
    refused = refusal({"code": "solar_flare", "message": "Wait.", "retryable": True})
    assert (refused.code, refused.retryable) == (Code.SERVER_ERROR, True)
    assert "solar_flare" in refused.message
    assert refusal({"code": "solar_flare"}).retryable is False


def test_the_gateway_decides_whether_an_error_is_retryable() -> None:
    assert refusal({"code": "rate_limit", "message": "Never.", "retryable": False}).retryable is False


def test_close_codes_are_refusals_or_lost_connections() -> None:
    forbidden = error_of_close(4403, "not yours")
    assert isinstance(forbidden, Refused)
    assert (forbidden.code, forbidden.message) == (Code.FORBIDDEN, "not yours")
    assert isinstance(error_of_close(1012, "draining"), ConnectionLost)
    assert isinstance(error_of_close(None, ""), ConnectionLost)


def test_the_failure_of_a_generation_has_its_fields() -> None:
    failed = failure_of(error_of("stalled", "Nothing came.", 500))
    assert (failed.code, failed.message, failed.retryable, failed.retry_after_ms) == (
        Code.STALLED,
        "Nothing came.",
        True,
        500,
    )
    unknown = failure_of(error_of("solar_flare", "Wait."))
    assert (unknown.code, unknown.retryable, "solar_flare" in unknown.message) == (Code.SERVER_ERROR, True, True)
