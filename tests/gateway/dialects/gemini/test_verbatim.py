"""Responses of a provider as they came."""

import pytest

from gateway.dialects.gemini.verbatim import responses_in


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b'{"candidates":[{"new":1}]}', [b'{"candidates":[{"new":1}]}']),
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b"", []),
        (b"[DONE]", []),
        (b"null", []),
        (b'{"response":{"candidates":[]},"traceId":"t"}', [b'{"candidates":[]}']),
        (b'{"response":"none"}', [b'{"response":"none"}']),
        (b'{"candidates":[{"content":{"parts":[{"text":"\\"error\\""}]}}]}', None),
    ],
)
def test_responses(lines: bytes, expected: list[bytes] | None) -> None:
    found = responses_in(lines)
    assert [event.data for event in found.events] == ([lines] if expected is None else expected)
    assert all(event.name == b"" for event in found.events)
    assert found.error is None


def test_an_error_is_told_apart() -> None:
    error = b'{"error": {"code": 503, "message": "no", "status": "UNAVAILABLE", "new": 1}}'
    assert responses_in(error) == ([], error)
    assert responses_in(b'{"error":') == ([(b'{"error":', b"")], None)
