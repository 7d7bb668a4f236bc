"""The streamed response to a request of a chat UI."""

from typing import Final

from gateway.protocol.events import Queued, Retry, Revision
from transports.projected.response import DialectResponse

_SHOWN: Final = frozenset({Queued, Retry, Revision})
"""Kinds of events that a user may want to see before the first content."""


MAX_WAIT: Final = 1.0
"""Seconds after which a response begins at the latest. Until then, a failure has a status of its own."""


class ChatUiResponse(DialectResponse):
    """The response to one request: it also begins with what a user may want to see while nothing else comes."""

    def _max_wait(self) -> float | None:
        return min(self._services.heartbeat, MAX_WAIT)

    def _is_ready(self) -> bool:
        return super()._is_ready() or any(entry.kind in _SHOWN for entry in self._generation.log.since(1))
