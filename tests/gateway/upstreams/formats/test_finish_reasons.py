"""What finish reasons mean, and the one rule for answers with tool calls."""

import pytest

from gateway.protocol.errors import Code
from gateway.upstreams.formats.finish_reasons import (
    ENDINGS,
    FAILURE_REASONS,
    FINISH_REASONS,
    Ending,
    ending_of,
    finish_reason,
)


def test_no_reason_means_two_things() -> None:
    named = [
        (name.lower(), meaning)
        for table in (FINISH_REASONS, FAILURE_REASONS)
        for meanings in table.values()
        for meaning, names in meanings.items()
        for name in names.split()
    ]
    assert len(set(named)) == len(ENDINGS)


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
