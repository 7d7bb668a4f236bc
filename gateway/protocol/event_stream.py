"""Decode and encode text/event-stream (WHATWG HTML standard, 9.2.6 "Interpreting an event stream"). Pure."""

from collections.abc import Sequence
from typing import NamedTuple

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

LINE_BYTES = 32
"""Bytes that are counted for a line of data beside its own."""

RETRY_DIGITS = 9
"""Maximum digits of a `retry` field, in milliseconds; longer ones (eleven days and more) are ignored.

Python's `int` raises ValueError for more than 4,300 digits.
"""


class ServerSentEvent(NamedTuple):
    """A dispatched event. `data` is UTF-8, its lines joined with LF. `last_event_id` persists from event to event."""

    data: bytes
    event: str
    last_event_id: str


class ErrorData(bytes):
    """Data of an event whose name says that it is an error. Its data may look like those of any other event."""

    __slots__ = ()


KEEP_ALIVE_NAMES = frozenset({"ping", "heartbeat", "keepalive", "keep-alive", "keep_alive"})
"""Names of events that only keep the connection alive."""


class EventTooLongError(Exception):
    """An event is longer than `limit`, the decoder's limit in bytes. The decoder can't continue after it.

    `events` are those that the same bytes completed before it; `payloads` is what `feed_data` would have returned.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"an event is longer than {limit} bytes")
        self.limit = limit
        self.events: Sequence[ServerSentEvent] = ()
        self.payloads: list[bytes] = []


class EventStreamDecoder:
    """Incremental decoder: bytes in, split anywhere, events out.

    It works on bytes and splits them only at line ends, so a character split between two reads needs no special care.
    `limit` is the maximum number of bytes held for one incomplete event.
    """

    __slots__ = (
        *("_after_cr", "_data", "_event", "_held", "_id", "_limit", "_start", "_started", "_tail", "at_boundary"),
        *("last_event_id", "retry_ms"),
    )

    def __init__(self, limit: int = 1 << 20) -> None:
        self.retry_ms: int | None = None
        self.last_event_id = ""
        self.at_boundary = True
        """True if no part of an incomplete event is held. Maintained by `feed_data` only."""
        self._limit = limit
        self._tail = bytearray()
        self._held = 0
        self._data: list[bytes] = []
        self._event = b""
        self._id = ""
        self._after_cr = False
        self._start = b""
        self._started = False

    def feed_data(self, data: bytes) -> list[bytes]:
        """Decode bytes and return the data of the events that they complete.

        Of their names, only two kinds count: the data of an `error` is `ErrorData`, and keep-alives are skipped.

        Raises:
            EventTooLongError: An event is longer than the limit.
        """
        if self.at_boundary and data[:5] == b"data:" and data[-2:] == b"\n\n" and len(data) <= self._limit:
            # Fast path for complete events of one `data: ` line each, as most providers send them; some leave the space
            # out, which is no part of the data. If there are exactly two LF for each event, and no CR, then splitting
            # at the separator is the same as decoding line by line.
            if data[:6] == b"data: ":
                events = data[6:-2].split(b"\n\ndata: ")
            else:
                events = [] if b"\n\ndata: " in data else data[5:-2].split(b"\n\ndata:")
            if b"\r" not in data and data.count(b"\n") == 2 * len(events):
                self._started = True
                self.last_event_id = self._id
                return events
        too_long = None
        try:
            decoded: Sequence[ServerSentEvent] = self.feed(data)
        except EventTooLongError as error:
            decoded, too_long = error.events, error
        events = [
            ErrorData(event.data) if event.event == "error" else event.data
            for event in decoded
            if event.event not in KEEP_ALIVE_NAMES
        ]
        if too_long is not None:
            too_long.payloads = events
            raise too_long
        held = self._held or self._tail or self._data or self._event
        self.at_boundary = not (held or self._after_cr or self._start)
        return events

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Decode bytes and return the events that they complete.

        Raises:
            EventTooLongError: An event is longer than the limit.
        """
        if not self._started:
            data = self._strip_byte_order_mark(data)
        if b"\r" in data or self._after_cr:
            data = self._normalize_line_ends(data)
        if b"\n" not in data:
            self._hold(data)
            return []
        if self._tail:
            self._held -= len(self._tail)
            data = b"".join([self._tail, data])
            self._tail.clear()
        *lines, tail = data.split(b"\n")
        # An event may be large: no copy of it is kept any longer than needed.
        del data
        events: list[ServerSentEvent] = []
        try:
            for line in lines:
                if line[:6] == b"data: ":
                    self._hold_data(line[6:])
                elif not line:
                    if self._data:
                        events.append(self._dispatch())
                    self._end_event()
                else:
                    self._parse_field(line)
            self._hold(tail)
        except EventTooLongError as error:
            error.events = events
            raise
        return events

    def _strip_byte_order_mark(self, data: bytes) -> bytes:
        data = self._start + data
        if len(data) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(data):
            self._start = data
            return b""
        self._started = True
        return data.removeprefix(BYTE_ORDER_MARK)

    def _normalize_line_ends(self, data: bytes) -> bytes:
        if not data:
            return data
        if self._after_cr:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._tail += piece
            self._count(len(piece))

    def _hold_data(self, piece: bytes) -> None:
        self._data.append(piece)
        # What a line takes beside its bytes counts, too: many short ones are held as many times their size.
        self._count(len(piece) + LINE_BYTES if len(self._data) > 1 else len(piece) + 1)

    def _count(self, size: int) -> None:
        self._held += size
        if self._held > self._limit:
            raise EventTooLongError(self._limit)

    def _dispatch(self) -> ServerSentEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = self._event.decode("utf-8", "replace") if self._event else "message"
        return ServerSentEvent(data, event, self._id)

    def _end_event(self) -> None:
        # The standard sets the last event ID at each blank line, even if no event is dispatched.
        self.last_event_id = self._id
        self._data.clear()
        self._event = b""
        self._held = 0

    def _parse_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._hold_data(value)
            case b"event":
                self._event = value
                self._count(len(value))
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            case b"retry" if value.isdigit() and len(value) <= RETRY_DIGITS:
                self.retry_ms = int(value)


def event_frame(data: bytes, name: bytes = b"", position: bytes = b"", retry_ms: int | None = None) -> bytes:
    """Encode one event of a text/event-stream. Omitted fields get no line.

    The position comes last: @microsoft/fetch-event-source takes it for reached as soon as its line is complete, and
    would lose an event if the connection broke before the data.

    Raises:
        ValueError: A field contains a line break, which would end its line and could begin another field or event.
    """
    fields = position + name
    if b"\n" in data or b"\r" in data or b"\n" in fields or b"\r" in fields:
        message = "a field of an event contains a line break"
        raise ValueError(message)
    prefix = b"event: %b\n" % name if name else b""
    suffix = b"" if retry_ms is None else b"retry: %d\n" % retry_ms
    if position:
        suffix += b"id: %b\n" % position
    return b"%bdata: %b\n%b\n" % (prefix, data, suffix)
