"""Which failures end a response as a lost connection does."""

import pytest

from gateway.dialects.ends import is_cut
from gateway.protocol.errors import CODES, Code
from gateway.protocol.events import Error


@pytest.mark.parametrize(("code", "cut"), [("truncated", True), ("stalled", True), ("server_error", False)])
def test_a_lost_provider_is_a_lost_connection(code: str, cut: bool) -> None:
    assert is_cut(Error(code, "It failed.", True, None, True, None, None, None)) is cut


def test_only_what_a_retry_may_help_is_a_lost_connection() -> None:
    assert all(CODES[code].retryable for code in Code if is_cut(Error(code, "", True, None, True, None, None, None)))
