"""Token buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import PrincipalLimits
from gateway.admission.rate_limits import SWEEP_AT, Buckets, RateLimits
from gateway.protocol.errors import Refused


@given(
    st.integers(1, 1000),
    st.integers(1, 100),
    st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_the_rate_pass(per_minute: int, burst: int, pauses: list[float]) -> None:
    limits, now, allowed = RateLimits(per_minute, burst), 0.0, 0
    for pause in pauses:
        now += pause
        try:
            limits.consume("a", now)
            allowed += 1
        except Refused:
            pass
    assert allowed <= burst + now * per_minute / 60 + 1e-6


def test_in_a_minute_of_constant_requests_exactly_the_burst_and_the_rate_pass() -> None:
    limits, allowed = RateLimits(500, 50), 0
    for tick in range(60_000):
        try:
            limits.consume("a", tick / 1000)
            allowed += 1
        except Refused:
            pass
    assert allowed == 549  # 50 at once, and one every 120 ms until the last millisecond of the minute


@given(st.integers(1, 600), st.integers(1, 20), st.floats(0, 100, allow_nan=False))
def test_a_request_passes_after_the_advised_wait_and_not_before(per_minute: int, burst: int, start: float) -> None:
    limits = RateLimits(per_minute, burst)
    for _ in range(burst):
        limits.consume("a", start)
    with pytest.raises(Refused) as refused:
        limits.consume("a", start)
    wait = (refused.value.retry_after_ms or 0) / 1000
    with pytest.raises(Refused):
        limits.consume("a", start + wait - 0.002)
    limits.consume("a", start + wait)


def test_headers_of_an_allowance() -> None:
    limits = RateLimits(60, 10)
    limits.consume("a", 0.0)
    allowance = limits.allowance("a", 0.0)
    assert allowance is not None
    assert allowance.headers() == {
        "RateLimit-Policy": '"default";q=60;w=60',
        "RateLimit": '"default";r=9;t=1',
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "9",
        "X-RateLimit-Reset": "1",
    }
    assert RateLimits(0, 1).allowance("a", 0.0) is None


def test_full_buckets_are_removed() -> None:
    buckets = Buckets(60, 1)
    for number in range(10 * SWEEP_AT):
        buckets.spend(str(number), 1, float(number))
    assert len(buckets._buckets) <= 2 * SWEEP_AT


def test_excess_output_tokens_delay_the_next_request() -> None:
    limits = RateLimits(0, 1, output_tokens_per_minute=600)
    limits.record_output("a", 1200, 0.0)
    with pytest.raises(Refused) as refused:
        limits.consume("a", 0.0)
    assert refused.value.retry_after_ms == 60_100
    limits.consume("a", 60.1)
    limits.consume("b", 0.0)


def test_a_principals_own_limits_replace_the_general_ones() -> None:
    limits, own = RateLimits(60, 10, output_tokens_per_minute=60), PrincipalLimits(2, None, 600)
    for _ in range(2):
        limits.consume("a", 0.0, own)
    with pytest.raises(Refused, match="more than 2 generations a minute"):
        limits.consume("a", 0.0, own)
    limits.consume("b", 0.0)
    limits.record_output("a", 500, 0.0, own)
    limits.record_output("b", 500, 0.0)
    limits.consume("a", 60.0, own)
    with pytest.raises(Refused, match="60 output tokens"):
        limits.consume("b", 60.0)
    allowance = limits.allowance("a", 60.0, own)
    assert allowance is not None
    assert (allowance.limit, allowance.burst, allowance.remaining) == (2, 2, 1)
    limits.refund("a", 60.0, own)
    assert limits.allowance("a", 60.0, PrincipalLimits(rate_limit_per_minute=0)) is None


def test_own_limits_without_general_ones() -> None:
    limits = RateLimits(0, 1)
    limits.consume("a", 0.0, PrincipalLimits(1, 3))
    allowance = limits.allowance("a", 0.0, PrincipalLimits(1, 3))
    assert allowance is not None
    assert (allowance.limit, allowance.remaining) == (1, 2)
    assert limits.allowance("a", 0.0) is None
