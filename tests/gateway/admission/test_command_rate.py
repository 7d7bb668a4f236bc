"""Rate limit for commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.command_rate import BURST_SECONDS, PER_SECOND, CommandRate
from gateway.protocol.errors import Code, Refused


def test_requests_pass_at_the_rate_and_after_the_advised_wait() -> None:
    rate = CommandRate(10)
    for _ in range(20):
        rate.count_request("key:alice", "", 0.0)
    with pytest.raises(Refused) as refused:
        rate.count_request("key:alice", "", 0.0)
    assert (refused.value.code, refused.value.retry_after_ms) == (Code.RATE_LIMIT, 100)
    rate.count_request("key:bob", "", 0.0)
    rate.count_request("key:alice", "", 0.1)


def test_the_default_rate_does_not_apply_to_loopback_addresses() -> None:
    default, slow, unlimited = CommandRate(None), CommandRate(1), CommandRate(0)
    for _ in range(10 * PER_SECOND):
        default.count_request("address:127.0.0.1", "127.0.0.1", 0.0)
        unlimited.count_request("key:alice", "", 0.0)
        assert unlimited.count_message("s", "", 0.0) is None
        assert default.count_message("s", "127.0.0.1", 0.0) is None
    assert not default.is_flooded("s", "127.0.0.1", 0.0)
    assert not unlimited.is_flooded("s", "", 0.0)
    for rate, passes in ((default, BURST_SECONDS * PER_SECOND), (slow, BURST_SECONDS)):
        for _ in range(passes):
            rate.count_request("address:203.0.113.1", "203.0.113.1", 0.0)
        with pytest.raises(Refused):
            rate.count_request("address:203.0.113.1", "203.0.113.1", 0.0)
    slow.count_request("address:127.0.0.1", "127.0.0.1", 0.0)


def test_a_socket_is_refused_messages_and_then_flooded() -> None:
    rate = CommandRate(10)
    assert [rate.count_message("s", "", 0.0) for _ in range(20)] == [None] * 20
    refusal = rate.count_message("s", "", 0.0)
    assert refusal is not None
    assert refusal.retry_after_ms == 200
    assert rate.count_message("s", "", (refusal.retry_after_ms or 0) / 1000) is None
    assert rate.count_message("other", "", 0.0) is None
    for _ in range(18):
        rate.count_message("s", "", 0.2)
    assert not rate.is_flooded("s", "", 0.2)
    rate.count_message("s", "", 0.2)
    rate.count_message("s", "", 0.2)
    assert rate.is_flooded("s", "", 0.2)
    assert not rate.is_flooded("s", "", 0.5)
    rate.forget("s")
    assert rate.count_message("s", "", 0.2) is None


@given(st.integers(1, 3), st.lists(st.floats(0, 2, allow_nan=False), max_size=60))
def test_only_a_refused_message_begins_a_flood(per_second: int, pauses: list[float]) -> None:
    rate, now = CommandRate(per_second), 0.0
    for pause in pauses:
        now += pause / 10
        assert rate.count_message("s", "", now) is not None or not rate.is_flooded("s", "", now)


def test_refunded_messages_do_not_count() -> None:
    rate = CommandRate(1)
    for _ in range(100):
        rate.count_message("s", "", 0.0)
        rate.refund_message("s", "", 0.0)
    assert rate.count_message("s", "", 0.0) is None
