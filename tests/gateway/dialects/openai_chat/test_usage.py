"""Usage in the shape of chat completions."""

from gateway.dialects.openai_chat.usage import usage_object
from gateway.protocol.events import Usage


def test_all_figures() -> None:
    assert usage_object(Usage(21, 9, "exact", 8, 2, 3)) == {
        "prompt_tokens": 21,
        "completion_tokens": 9,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def test_unknown_figures_are_zero_and_estimated_ones_are_marked() -> None:
    assert usage_object(Usage(None, 9, "estimated")) == {
        "prompt_tokens": 0,
        "completion_tokens": 9,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
        "estimated": True,
    }
