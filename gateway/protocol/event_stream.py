"""Decode text/event-stream as the WHATWG HTML standard (9.2.6, "Interpreting an event stream") says. Pure."""

from typing import NamedTuple

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

RETRY_DIGITS = 9
"""What asks for a longer wait, of eleven days and more, is passed over; Python reads no number of 4,300 digits."""


class ServerSentEvent(NamedTuple):
    """A dispatched event. `data` is UTF-8, its lines joined by LF; `last_event_id` persists from event to event."""

    data: bytes
    event: str
    last_event_id: str


class LineTooLongError(Exception):
    """One event grew past the decoder's bound; what is undecoded is dropped, and the stream can't go on."""


class EventStreamDecoder:
    """Turn bytes, cut anywhere, into events.

    It works on bytes and cuts only at line ends, so a character split between reads is whole again in its line.
    `limit` bounds the bytes held of one event that has not ended.
    """

    def __init__(self, limit: int = 1 << 20) -> None:
        self.retry_ms: int | None = None
        self.last_event_id = ""
        self.between = True
        """Nothing is held of an event that has not ended, as far as `feed_data` was used."""
        self._limit = limit
        self._tail: list[bytes] = []
        self._held = 0
        self._data: list[bytes] = []
        self._event = b""
        self._id = ""
        self._after_cr = False
        self._start = b""
        self._started = False

    def feed_data(self, read: bytes) -> list[bytes]:
        """Like `feed`, for who asks only for the events' data.

        What is spelled as all providers do, whole events of one `data: ` line each, is cut without looking at lines.

        Raises:
            LineTooLongError: when an event is longer than the limit.
        """
        if self.between and read.startswith(b"data: ") and read.endswith(b"\n\n") and len(read) <= self._limit:
            events = read[6:-2].split(b"\n\ndata: ")
            if b"\r" not in read and read.count(b"\n") == 2 * len(events):
                self._started = True
                self.last_event_id = self._id
                return events
        events = [event.data for event in self.feed(read)]
        held = self._held or self._tail or self._data or self._event
        self.between = not (held or self._after_cr or self._start)
        return events

    def feed(self, read: bytes) -> list[ServerSentEvent]:
        """Take what was read and give the events it completes.

        Raises:
            LineTooLongError: when an event is longer than the limit.
        """
        if not self._started:
            read = self._without_mark(read)
        if b"\r" in read or self._after_cr:
            read = self._with_line_feeds(read)
        if b"\n" not in read:
            self._hold(read)
            return []
        if self._tail:
            self._held -= sum(map(len, self._tail))
            read = b"".join([*self._tail, read])
            self._tail.clear()
        *lines, tail = read.split(b"\n")
        events: list[ServerSentEvent] = []
        for line in lines:
            if line[:6] == b"data: ":
                self._hold_data(line[6:])
            elif not line:
                if self._data:
                    events.append(self._dispatch())
                self._id_dispatched()
            else:
                self._field(line)
        self._hold(tail)
        return events

    def _without_mark(self, read: bytes) -> bytes:
        read = self._start + read
        if len(read) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(read):
            self._start = read
            return b""
        self._started = True
        return read.removeprefix(BYTE_ORDER_MARK)

    def _with_line_feeds(self, read: bytes) -> bytes:
        if not read:
            return read
        if self._after_cr:
            read = read.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = read.endswith(b"\r")
        return read.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._tail.append(piece)
            self._grow(len(piece))

    def _hold_data(self, piece: bytes) -> None:
        self._data.append(piece)
        # The line end counts too: else empty lines would be held for nothing.
        self._grow(len(piece) + 1)

    def _grow(self, size: int) -> None:
        self._held += size
        if self._held > self._limit:
            message = f"an event is longer than {self._limit} bytes"
            raise LineTooLongError(message)

    def _dispatch(self) -> ServerSentEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = self._event.decode("utf-8", "replace") if self._event else "message"
        return ServerSentEvent(data, event, self._id)

    def _id_dispatched(self) -> None:
        # The standard sets the last event id at each blank line, also where no event is dispatched.
        self.last_event_id = self._id
        self._data.clear()
        self._event = b""
        self._held = 0

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._hold_data(value)
            case b"event":
                self._event = value
                self._grow(len(value))
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            case b"retry" if value.isdigit() and len(value) <= RETRY_DIGITS:
                self.retry_ms = int(value)


def event_frame(data: bytes, name: bytes = b"", position: bytes = b"", retry_ms: int | None = None) -> bytes:
    """Spell one event of a text/event-stream; what is left out has no line.

    Raises:
        ValueError: there is a line break in one of its lines.
    """
    said = position + name
    if b"\n" in data or b"\r" in data or b"\n" in said or b"\r" in said:
        message = "a line of an event holds a line break"
        raise ValueError(message)
    head = b"id: %b\n" % position if position else b""
    if retry_ms is not None:
        head += b"retry: %d\n" % retry_ms
    if name:
        head += b"event: %b\n" % name
    return b"%bdata: %b\n\n" % (head, data)
