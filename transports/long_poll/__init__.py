"""Long polls as a transport."""

from transports.long_poll.transport import LongPollTransport

__all__ = ["LongPollTransport"]
