"""Usage figures in the form of the Gemini API."""

import pytest

from gateway.dialects.gemini.usage import usage_metadata
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(20, 9, "exact"), {"promptTokenCount": 20, "candidatesTokenCount": 9, "totalTokenCount": 29}),
        (
            Usage(20, 9, "exact", 8, 5, 3),
            {
                "promptTokenCount": 20,
                "candidatesTokenCount": 4,
                "totalTokenCount": 29,
                "cachedContentTokenCount": 8,
                "thoughtsTokenCount": 5,
            },
        ),
        (Usage(None, None, "estimated"), {"totalTokenCount": 0}),
    ],
)
def test_thoughts_are_counted_apart(usage: Usage, expected: JsonObject) -> None:
    assert usage_metadata(usage) == expected
