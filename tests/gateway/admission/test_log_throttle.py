from gateway.admission.log_throttle import INTERVAL, LogThrottle, log_message
from gateway.protocol.errors import Code, Refused


def test_it_is_told_at_first_and_then_once_in_a_while() -> None:
    told = LogThrottle()
    assert told.is_due(0.0)
    assert not told.is_due(INTERVAL - 1)
    assert told.is_due(INTERVAL)
    assert not told.is_due(INTERVAL + 1)


def test_only_of_one_address_it_is_said_that_it_may_be_a_proxys() -> None:
    assert "trusted_proxies" in log_message(Refused(Code.RATE_LIMIT, "Too many."))
    assert "trusted_proxies" not in log_message(Refused(Code.QUEUE_FULL, "Too many."))
