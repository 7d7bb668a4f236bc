"""Usage in the form of the SDK."""

from gateway.dialects.ai_sdk.metadata import end_metadata, usage_object
from gateway.protocol.events import Usage
from tests.gateway.dialects.ai_sdk.streams import COMPLETE, failed


def test_usage_has_the_names_of_the_sdk() -> None:
    assert usage_object(Usage(21, 9, "exact", 8, 2, 3)) == {
        "inputTokens": 21,
        "inputTokenDetails": {"noCacheTokens": 10, "cacheReadTokens": 8, "cacheWriteTokens": 3},
        "outputTokens": 9,
        "outputTokenDetails": {"textTokens": 7, "reasoningTokens": 2},
        "totalTokens": 30,
        "source": "exact",
    }


def test_what_is_not_known_is_left_out() -> None:
    assert usage_object(Usage(None, 9, "estimated")) == {
        "inputTokenDetails": {},
        "outputTokens": 9,
        "outputTokenDetails": {},
        "source": "estimated",
    }


def test_an_end_has_its_cost_and_its_measurements() -> None:
    found = end_metadata(COMPLETE)
    assert found["costUsd"] == 0.25
    assert found["metrics"] == {
        "requestId": "r",
        "ttftMs": 1.0,
        "durationMs": 2.0,
        "queueMs": 0.0,
        "chunks": 1,
        "chars": 1,
        "bytes": 1,
        "attempts": 1,
        "revisions": 1,
    }
    assert "costUsd" not in end_metadata(failed("timeout"))
