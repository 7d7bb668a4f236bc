"""Usage figures of the Responses API."""

from gateway.dialects.openai_responses.usage import usage_object
from gateway.protocol.events import Usage


def test_usage_has_all_its_details() -> None:
    assert usage_object(Usage(21, 9, "exact", 8, 2, 3)) == {
        "input_tokens": 21,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 30,
    }
    assert usage_object(Usage(None, None, "estimated")) is None


def test_estimated_usage_is_marked() -> None:
    usage = usage_object(Usage(None, 5, "estimated"))
    assert usage is not None
    assert (usage["input_tokens"], usage["total_tokens"], usage["estimated"]) == (0, 5, True)
