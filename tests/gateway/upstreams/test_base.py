"""The finish reason of an end mark."""

import pytest

from gateway.upstreams.base import Finished


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, None),
        ("stop", "stop"),
        ("insufficient_system_resource", "insufficient_system_resource"),
        ("", "other"),
        ("http://llm-gpu-3", "other"),
        ("stop\n", "other"),
        ("\ud800", "other"),
        ("x" * 65, "other"),
    ],
)
def test_a_finish_reason_is_a_plain_token(reason: str | None, expected: str | None) -> None:
    assert Finished(reason).reason == expected
