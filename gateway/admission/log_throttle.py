"""The log message of a refusal, which a flood of requests would otherwise fill the log with. Pure."""

from gateway.log_throttle import INTERVAL
from gateway.protocol.errors import Code, Refused


def log_message(refused: Refused) -> str:
    """Return the log message of a refusal.

    For a limit per address, it names the setting `trusted_proxies`: behind an unknown proxy, all clients share one
    address, and the refused ones can't know that this is why.
    """
    hint = " If this is a proxy's address, add it to trusted_proxies." if refused.code is Code.RATE_LIMIT else ""
    return f"{refused.message}{hint} (Further refusals in the next {INTERVAL:g} s are not logged.)"
