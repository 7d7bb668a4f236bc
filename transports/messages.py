"""An event as a message, where its framing has no place for its position: over WebSocket, and in long polls."""

from gateway.generation.event_log import Entry
from gateway.protocol.events import Accepted


def message_head(generation_id: str, entry: Entry) -> bytes:
    """Return the beginning of a message: the generation's id and the sequence number. The entry's JSON follows.

    Its opening brace is part of the head.
    """
    if entry.kind is Accepted:
        # This event has the id among its fields.
        return b'{"seq":%d,' % entry.last
    return b'{"generation_id":"%b","seq":%d,' % (generation_id.encode(), entry.last)


def event_message(generation_id: str, entry: Entry) -> bytes:
    """Return a whole message."""
    return b"%b%b" % (message_head(generation_id, entry), entry.data[1:])
