"""Estimates of token usage, and sums over attempts."""

import pytest

from gateway.billing.usage import TOKENS_PER_MESSAGE, estimate_input, estimate_output, sum_usage
from gateway.protocol.commands import Message
from gateway.protocol.events import Usage


@pytest.mark.parametrize(("text_bytes", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_output_is_estimated_from_bytes(text_bytes: int, tokens: int) -> None:
    assert estimate_output(text_bytes) == tokens


def test_input_is_estimated_from_bytes_and_messages() -> None:
    messages = [
        Message(role="user", content="é" * 4),
        Message(role="user", content=[{"type": "text", "text": "x"}]),
    ]
    assert estimate_input(messages) == 2 * TOKENS_PER_MESSAGE + 2 + 7


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], Usage(0, 0, "exact")),
        ([Usage(1, 2, "estimated", 1)], Usage(1, 2, "estimated", 1)),
        ([Usage(1, 2, "exact"), Usage(3, 4, "exact", 2, 1)], Usage(4, 6, "exact", 2, 1)),
        ([Usage(1, 2, "exact"), Usage(3, 4, "estimated")], Usage(4, 6, "estimated")),
        ([Usage(1, None, "exact"), Usage(3, 4, "exact")], Usage(4, None, "exact")),
    ],
)
def test_a_sum_is_exact_or_known_only_if_all_parts_are(parts: list[Usage], expected: Usage) -> None:
    assert sum_usage(parts) == expected
