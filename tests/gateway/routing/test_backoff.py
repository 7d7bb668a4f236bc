"""Delays between attempts: within their bounds, never before a provider's `Retry-After`."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.errors import Code, Failed
from gateway.routing.backoff import Backoff

DOWN = Failed(Code.SERVER_ERROR, "down")


@given(st.integers(1, 10), st.floats(0, 1), st.integers(0, 100_000) | st.none())
def test_a_delay_is_within_its_bounds(failures: int, number: float, retry_after_ms: int | None) -> None:
    failure = Failed(Code.SERVER_ERROR, "down", retry_after_ms=retry_after_ms)
    delay = Backoff(20, retry_base=1, retry_longest=10, retry_within=1000).delay(failure, failures, 0, lambda: number)
    assert delay is not None
    requested = (retry_after_ms or 0) / 1000
    assert requested <= delay <= requested + min(10, 2 ** (failures - 1))


def test_there_is_no_retry_after_the_last_attempt_or_past_the_time() -> None:
    backoff = Backoff(3, retry_base=1, retry_longest=10, retry_within=60)
    assert backoff.delay(DOWN, 2, 0, lambda: 1.0) == 2
    assert backoff.delay(DOWN, 3, 0, lambda: 1.0) is None
    assert backoff.delay(DOWN, 1, 59.5, lambda: 1.0) is None
    assert backoff.delay(Failed(Code.AUTH_ERROR, "no"), 1, 0, lambda: 1.0) is None
