"""Usage figures of AG-UI."""

from gateway.dialects.ag_ui.usage import usage_entry
from gateway.protocol.events import Usage


def test_all_figures() -> None:
    assert usage_entry(Usage(5, 3, "exact", 2, 1, 4), "p", "m") == {
        "provider": "p",
        "model": "m",
        "inputTokens": 5,
        "outputTokens": 3,
        "totalTokens": 8,
        "reasoningTokens": 1,
        "cachedInputTokens": 2,
        "cacheWriteInputTokens": 4,
    }


def test_what_is_not_known_is_left_out() -> None:
    assert usage_entry(Usage(None, 3, "exact"), "", "") == {"outputTokens": 3}
    assert usage_entry(Usage(0, 0, "exact"), "", "")["totalTokens"] == 0
