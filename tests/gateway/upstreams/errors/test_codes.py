"""What names, statuses and words of errors mean; docs/reference/providers.md shows the same tables."""

import pytest

from gateway.protocol.errors import Code
from gateway.upstreams.errors.codes import (
    ERROR_NAMES,
    VAGUE_NAMES,
    error_code,
    error_message,
    is_known_name,
    request_error_name,
)
from tests.gateway.upstreams.outcome_tables import BEGIN, END, PAGE, tables


def test_no_name_means_two_things() -> None:
    names = [name for table in (ERROR_NAMES, VAGUE_NAMES) for names in table.values() for name in names.split()]
    assert len(names) == len({name.replace("_", "") for name in names})


@pytest.mark.parametrize(
    ("status", "names", "message", "code"),
    [
        (402, ["invalid_request_error", "unknown_error"], "Insufficient Balance", Code.PROVIDER_QUOTA),
        (429, ["insufficient_quota"], "", Code.PROVIDER_QUOTA),
        (429, ["RESOURCE_EXHAUSTED"], "You exceeded your current quota", Code.RATE_LIMIT),
        (429, [], "", Code.RATE_LIMIT),
        (498, [], "", Code.RATE_LIMIT),
        (400, ["invalid_request_error"], "Your credit balance is too low to access the API.", Code.PROVIDER_QUOTA),
        (403, [], "Your team doesn't have any credits yet.", Code.PROVIDER_QUOTA),
        (400, ["Arrearage"], "Access denied.", Code.PROVIDER_QUOTA),
        (400, ["API_KEY_INVALID", "INVALID_ARGUMENT"], "", Code.PROVIDER_AUTH),
        (400, ["invalid-argument"], "Incorrect API key provided: xa***ab.", Code.PROVIDER_AUTH),
        (401, [], "", Code.PROVIDER_AUTH),
        (400, ["content_filter"], "", Code.CONTENT_FILTER),
        (400, ["DataInspectionFailed"], "", Code.CONTENT_FILTER),
        (400, ["ThrottlingException"], "", Code.RATE_LIMIT),
        (413, ["rate_limit_exceeded"], "Request too large for model: tokens per minute", Code.INVALID_REQUEST),
        (400, ["invalid_request_error"], "n must be 1", Code.INVALID_REQUEST),
        (422, [], "", Code.INVALID_REQUEST),
        (418, [], "", Code.INVALID_REQUEST),
        (404, ["invalid_request_error"], "", Code.MODEL_NOT_FOUND),
        (500, ["invalid_request_error"], "no api key", Code.SERVER_ERROR),
        (500, ["insufficient_user_quota"], "", Code.PROVIDER_QUOTA),
        (529, ["overloaded_error"], "", Code.SERVER_ERROR),
        (524, [], "", Code.TIMEOUT),
        (None, ["invalid_request_error"], "", Code.INVALID_REQUEST),
        (None, ["1302"], "", Code.RATE_LIMIT),
        (None, [], "", Code.SERVER_ERROR),
    ],
)
def test_an_error(status: int | None, names: list[str], message: str, code: Code) -> None:
    assert error_code(status, names, message) is code
    assert error_message(status, code)


def test_the_message_of_an_account_does_not_blame_the_request() -> None:
    assert error_message(400, Code.PROVIDER_QUOTA) == "The gateway's account at the provider has no credit left"
    assert error_message(400, Code.PROVIDER_AUTH).startswith("The provider refused the gateway's key")


def test_the_page_has_the_tables() -> None:
    """`python -m tests.gateway.upstreams.outcome_tables` writes them."""
    assert BEGIN + tables() + END in PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (["context_length_exceeded", "invalid_request_error"], "context_length_exceeded"),
        (["ContextLengthExceeded"], "context_length_exceeded"),
        (["invalid_request_error"], None),
        (["rate_limit_exceeded"], None),
        ([], None),
    ],
)
def test_the_name_of_what_is_wrong_with_a_request(names: list[str], name: str | None) -> None:
    assert request_error_name(names) == name
    assert all(map(is_known_name, names))
