"""What finish reasons, names, statuses and words of errors mean; docs/providers.md shows the same tables."""

import pytest

from gateway.protocol.errors import Code
from gateway.upstreams.outcomes import (
    ENDINGS,
    ERROR_NAMES,
    FAILURE_REASONS,
    FINISH_REASONS,
    VAGUE_NAMES,
    Ending,
    ending_of,
    error_code,
    error_message,
    finish_reason,
)
from tests.gateway.upstreams.outcome_tables import BEGIN, END, PAGE, tables


def test_no_reason_means_two_things() -> None:
    named = [
        (name.lower(), meaning)
        for table in (FINISH_REASONS, FAILURE_REASONS)
        for meanings in table.values()
        for meaning, names in meanings.items()
        for name in names.split()
    ]
    assert len(set(named)) == len(ENDINGS)


def test_no_name_means_two_things() -> None:
    names = [name for table in (ERROR_NAMES, VAGUE_NAMES) for names in table.values() for name in names.split()]
    assert len(names) == len({name.replace("_", "") for name in names})


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("", None),
        ("null", None),
        ("FINISH_REASON_UNSPECIFIED", None),
        ("stop", Ending("stop", None)),
        ("STOP", Ending("stop", None)),
        ("eos_token", Ending("stop", None)),
        ("max_tokens", Ending("length", None)),
        ("pause_turn", Ending("pause_turn", None)),
        ("error", Ending(None, Code.SERVER_ERROR)),
        ("network_error", Ending(None, Code.NETWORK_ERROR)),
        ("MALFORMED_FUNCTION_CALL", Ending(None, Code.UPSTREAM_PROTOCOL)),
        ("Something_New", Ending("something_new", None)),
        ("http://10.0.0.7", Ending("other", None)),
    ],
)
def test_a_finish_reason(reason: str, ending: Ending | None) -> None:
    assert ending_of(reason) == ending


@pytest.mark.parametrize(
    ("reason", "called", "sent"),
    [
        ("stop", True, "tool_calls"),
        (None, True, "tool_calls"),
        ("tool_calls", True, "tool_calls"),
        ("length", True, "length"),
        ("content_filter", True, "content_filter"),
        ("stop", False, "stop"),
        ("tool_calls", False, "stop"),
        (None, False, None),
    ],
)
def test_one_rule_for_tool_calls(reason: str | None, called: bool, sent: str | None) -> None:
    assert finish_reason(reason, called=called) == sent


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
