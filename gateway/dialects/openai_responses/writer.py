"""Number the events of one response, and encode them. Pure."""

from collections.abc import Mapping
from typing import Protocol

import orjson

from gateway.dialects.base import ProjectedEvent


class TextDelta(Protocol):
    """An item with a text: the JSON of a delta's event, around its number and its text, and the pieces so far."""

    delta_name: bytes
    delta_head: bytes
    delta_middle: bytes
    delta_tail: bytes
    pieces: list[bytes]


class EventWriter:
    """Encodes events, and collects those of one entry of the log in `events`.

    `number` is the `sequence_number` of the next event. It counts what is said, never how it was joined: a replay of
    the log gives every event its number again.
    """

    def __init__(self) -> None:
        self.number = 0
        self.events: list[ProjectedEvent] = []

    def take(self) -> list[ProjectedEvent]:
        """Return the collected events, and begin a new list."""
        events, self.events = self.events, []
        return events

    def add(self, kind: str, fields: Mapping[str, object]) -> None:
        """Add an event."""
        self.add_encoded(kind, orjson.dumps(fields)[1:])

    def add_encoded(self, kind: str, rest: bytes) -> None:
        """Add an event of which all but the beginning of its JSON object is encoded already."""
        name = kind.encode()
        self.events.append(ProjectedEvent(b'{"type":"%b","sequence_number":%d,%b' % (name, self.number, rest), name))
        self.number += 1

    def delta(self, item: TextDelta, string: bytes, tail: bytes = b"") -> bytes:
        """Return the data of the event of a piece of a text, given as a JSON string, and add the piece to its item.

        `tail` replaces the end of the event.
        """
        number = self.number
        self.number = number + 1
        item.pieces.append(string)
        head, middle, tail = item.delta_head, item.delta_middle, tail or item.delta_tail
        return b"%b%d%b%b%b" % (head, number, middle, string, tail)

    def add_delta(self, item: TextDelta, string: bytes, tail: bytes = b"") -> None:
        """Add the event of a piece of a text; see `delta`."""
        self.events.append(ProjectedEvent(self.delta(item, string, tail), item.delta_name))

    def add_response(self, kind: str, response: bytes) -> None:
        """Add an event about the whole response."""
        self.add_encoded(kind, b'"response":%b}' % response)
