"""Usage figures of TanStack AI."""

from gateway.dialects.tanstack.usage import usage_object
from gateway.protocol.events import Usage


def test_all_figures() -> None:
    assert usage_object(Usage(5, 3, "exact", 2, 1, 4)) == {
        "promptTokens": 5,
        "completionTokens": 3,
        "totalTokens": 8,
        "promptTokensDetails": {"cachedTokens": 2, "cacheWriteTokens": 4},
        "completionTokensDetails": {"reasoningTokens": 1},
    }


def test_totals_are_required_and_details_are_not() -> None:
    assert usage_object(Usage(None, None, "exact")) == {"promptTokens": 0, "completionTokens": 0, "totalTokens": 0}
