"""How often something is told that would fill a log if it were told each time. Pure."""

from math import inf

from gateway.protocol.errors import Code, Refused

SECONDS = 60.0
"""Between one time and the next."""


class LogThrottle:
    """Remembers when something was told last."""

    def __init__(self) -> None:
        self._last = -inf

    def is_due(self, now: float) -> bool:
        """Tell whether it is to be told now, `now` in seconds; from then on it was."""
        if now - self._last < SECONDS:
            return False
        self._last = now
        return True


def log_message(refused: Refused) -> str:
    """Spell a refusal for the log: clients of a proxy have one address, and can't know why they are refused."""
    hint = " If that is a proxy's, name it in trusted_proxies." if refused.code is Code.RATE_LIMIT else ""
    return f"{refused.message}{hint} (The next {SECONDS:g} s more of this is not told.)"
