"""Throttle for log messages."""

from gateway.log_throttle import INTERVAL, LogThrottle


def test_a_message_is_due_at_first_and_then_once_per_interval() -> None:
    throttle = LogThrottle()
    assert throttle.is_due(0.0)
    assert not throttle.is_due(INTERVAL - 1)
    assert throttle.is_due(INTERVAL)
    assert not throttle.is_due(INTERVAL + 1)
