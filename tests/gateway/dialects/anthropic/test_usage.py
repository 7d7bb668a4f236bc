"""Usage figures in the form of the Messages API."""

from gateway.dialects.anthropic.usage import final_usage, start_usage
from gateway.protocol.events import Usage


def test_input_excludes_the_cache() -> None:
    usage = final_usage(Usage(21, 9, "exact", cached_input_tokens=8, cache_write_tokens=3))
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (10, 8, 3)
    assert "output_tokens_details" not in usage


def test_unknown_is_0() -> None:
    assert final_usage(Usage(None, None, "estimated"))["input_tokens"] == 0
    assert final_usage(None) == {"input_tokens": 0, "output_tokens": 0}
    assert start_usage()["output_tokens"] == 0
