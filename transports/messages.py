"""An event as a message, where its framing has no place for its position: over WebSocket, and in long polls."""

from typing import Final

from gateway.generation.event_log import Entry
from gateway.protocol.events import Accepted

HEAD: Final = b'{"generation_id":"%b","seq":%d,'
"""The beginning of a message, for the generation's id and the sequence number. The entry's JSON follows."""

ACCEPTED_HEAD: Final = b'{"seq":%d,'
"""That of `accepted`, which has the id among its fields."""


def message_head(generation_id: str, entry: Entry) -> bytes:
    """Return the beginning of a message. The entry's JSON follows, without its opening brace."""
    if entry.kind is Accepted:
        return ACCEPTED_HEAD % entry.last
    return HEAD % (generation_id.encode(), entry.last)
