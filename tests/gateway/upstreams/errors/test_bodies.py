"""Error objects in the shapes in which providers send them."""

import pytest
from pydantic import JsonValue

from gateway.upstreams.errors.bodies import find_error, http_status, read_error, retry_delay_ms


@pytest.mark.parametrize(
    ("document", "names", "status", "message"),
    [
        ({"error": {"message": "No.", "type": "t", "code": "c"}}, ["c", "t"], None, "No."),
        ([{"error": {"code": 400, "message": "No.", "status": "INVALID"}}], ["INVALID"], 400, "No."),
        ({"message": "No.", "type": "t", "code": "429"}, ["t"], 429, "No."),
        ({"object": "error", "message": "No.", "code": 400}, [], 400, "No."),
        ({"detail": "No."}, [], None, "No."),
        (
            {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "missing"}]},
            ["missing"],
            None,
            "messages.0: field required",
        ),
        (
            {"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "No."}]}, "type": "t"},
            ["t"],
            None,
            "n: No.",
        ),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, ["base_resp_1002"], None, "rate limit"),
        ({"success": False, "errors": [{"code": 10000, "message": "No."}]}, ["10000"], None, "No."),
        ({"errors": ["No way."]}, [], None, "No way."),
        ({"error": "No way."}, [], None, "No way."),
        ({"error": "invalid_api_key", "message": "No."}, ["invalid_api_key"], None, "No."),
        (
            {
                "error": {
                    "code": 400,
                    "message": "No.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"@type": "…ErrorInfo", "reason": "API_KEY_INVALID"}],
                }
            },
            ["API_KEY_INVALID", "INVALID_ARGUMENT"],
            400,
            "No.",
        ),
        (
            {
                "error": {
                    "code": "content_filter",
                    "message": "No.",
                    "innererror": {"code": "ResponsibleAIPolicyViolation"},
                }
            },
            ["ResponsibleAIPolicyViolation", "content_filter"],
            None,
            "No.",
        ),
        (
            {
                "error": {
                    "code": 502,
                    "message": "Provider returned error",
                    "metadata": {"raw": '{"error":{"message":"Slow down.","code":429}}'},
                }
            },
            [],
            429,
            "Slow down.",
        ),
        ({"error_code": 17, "error_msg": "Daily limit reached"}, ["17"], None, "Daily limit reached"),
        ({"message": "No.", "type": "overloaded"}, ["overloaded"], None, "No."),
        ({"__type": "com.amazon#ThrottlingException", "message": "No."}, ["ThrottlingException"], None, "No."),
        ("No way.", [], None, "No way."),
        (None, [], None, ""),
    ],
)
def test_a_shape(document: JsonValue, names: list[str], status: int | None, message: str) -> None:
    body = read_error(document)
    assert (body.names, body.status, body.message) == (names, status, message)
    assert (find_error(document) is not None) == isinstance(document, dict | list)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"error": None, "choices": []},
        {"error": ""},
        {"choices": [], "message": "Hello", "code": "c"},
        {"type": "message_start", "message": {"id": "m"}},
        {"status": "completed", "output": []},
        {"base_resp": {"status_code": 0, "status_msg": ""}, "choices": []},
        {"id": "x", "created": 500},
        {"code": 200, "msg": "ok"},
        {"status": "ok", "message": "started"},
        {"type": "info", "message": "You are number 2 in the queue"},
    ],
)
def test_no_error(document: JsonValue) -> None:
    assert find_error(document) is None


@pytest.mark.parametrize(
    ("value", "status"),
    [(429, 429), ("429", 429), (200, None), ("slow", None), (True, None), (4290, None), (None, None)],
)
def test_a_status(value: JsonValue, status: int | None) -> None:
    assert http_status(value) == status


def test_a_deep_error_is_read_to_a_limit() -> None:
    document: JsonValue = {"message": "deep"}
    for _ in range(50):
        document = {"error": document}
    assert read_error(document).message == ""


def test_the_delay_of_google() -> None:
    assert retry_delay_ms(b'{"details":[{"retryDelay": "17.5s"') == 17_500
    assert retry_delay_ms(b'{"retryDelay":"soon"}') is None
