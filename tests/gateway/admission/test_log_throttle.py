"""Log messages about refusals."""

from gateway.admission.log_throttle import log_message
from gateway.protocol.errors import Code, Refused


def test_only_a_limit_per_address_names_trusted_proxies() -> None:
    assert "trusted_proxies" in log_message(Refused(Code.RATE_LIMIT, "Too many."))
    assert "trusted_proxies" not in log_message(Refused(Code.QUEUE_FULL, "Too many."))
