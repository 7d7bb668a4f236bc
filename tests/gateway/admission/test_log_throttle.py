"""Throttle for log messages about refusals."""

from gateway.admission.log_throttle import INTERVAL, LogThrottle, log_message
from gateway.protocol.errors import Code, Refused


def test_a_message_is_due_at_first_and_then_once_per_interval() -> None:
    throttle = LogThrottle()
    assert throttle.is_due(0.0)
    assert not throttle.is_due(INTERVAL - 1)
    assert throttle.is_due(INTERVAL)
    assert not throttle.is_due(INTERVAL + 1)


def test_only_a_limit_per_address_names_trusted_proxies() -> None:
    assert "trusted_proxies" in log_message(Refused(Code.RATE_LIMIT, "Too many."))
    assert "trusted_proxies" not in log_message(Refused(Code.QUEUE_FULL, "Too many."))
