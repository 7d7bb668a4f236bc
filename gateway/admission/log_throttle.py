"""Throttle for log messages about refusals, which a flood of requests would otherwise fill the log with. Pure."""

from math import inf

from gateway.protocol.errors import Code, Refused

INTERVAL = 60.0
"""Minimum seconds between two messages."""


class LogThrottle:
    """Remembers when the last message was logged."""

    def __init__(self) -> None:
        self._last = -inf

    def is_due(self, now: float) -> bool:
        """Return True at most once per `INTERVAL`, and record it. `now` is in seconds."""
        if now - self._last < INTERVAL:
            return False
        self._last = now
        return True


def log_message(refused: Refused) -> str:
    """Return the log message of a refusal.

    For a limit per address, it names the setting `trusted_proxies`: behind an unknown proxy, all clients share one
    address, and the refused ones can't know that this is why.
    """
    hint = " If this is a proxy's address, add it to trusted_proxies." if refused.code is Code.RATE_LIMIT else ""
    return f"{refused.message}{hint} (Further refusals in the next {INTERVAL:g} s are not logged.)"
