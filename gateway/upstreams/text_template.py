"""Read text from events that look like an earlier one, without decoding the JSON around it. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

import orjson

from gateway.protocol.events import Chunk, Reasoning, Text

PROBE = "\x01dualstream\x01"
"""A text that no provider sends."""

PROBE_NUMBER = b"987654321987654321"
"""A number that no event has."""

MAX_BATCH_CHARS = 8192
"""Characters after which a batch of text ends; clients get a batch as one message."""

MAX_PAYLOAD_BYTES = 8192
"""Maximum size of an event that is read by template. Longer text must be cut (`long_text.py`)."""

MAX_UNUSED = 8
"""Number of templates in a row that matched nothing, after which no more are learned: no two events look alike."""


DATA = b"data: "
"""What stands before the data of an event."""

_DATA_LENGTH = len(DATA)

_NAMED = tuple(
    b"event: %b\n%b" % (name, DATA)
    for name in (
        b"content_block_delta",
        b"response.output_text.delta",
        b"response.reasoning_summary_text.delta",
        b"response.reasoning_text.delta",
    )
)
"""Beginnings of events of text in APIs that name them, Anthropic's Messages and OpenAI's Responses."""

_NUMBER: Final = re.compile(rb'"sequence_number": ?(0|[1-9][0-9]{0,17})(?![0-9])')
"""The number of an event, as OpenAI's Responses API writes it; no reader reads it.

Only a key is followed by a colon, and a quotation mark inside a string is escaped: no text contains this.
"""

_NO_TEMPLATE = b"\r"
"""A carriage return ends a line, so no event contains one: nothing matches it."""


@dataclass(frozen=True, slots=True)
class ChunkLayout:
    """What a read looks like that is one event with one text: a chunk of the chunked transfer coding (RFC 9112, 7.1).

    It is `head`, a JSON string, and `tail`, line end included. `head` is the format of the size of the chunk and what
    follows. The event's data begin `data_at` bytes behind the line of the size. `verbatim`: they are passed on, too.

    `number` is that of the next event if each has one more than the one before. Then `head` is the format of size and
    number; or, if not `number_in_head`, `tail` is that of the number.
    """

    kind: type[Text]
    head: bytes
    tail: bytes
    data_at: int
    verbatim: bool
    number: int | None = None
    number_in_head: bool = False


class _Side(NamedTuple):
    """What stands on one side of the text: `begin`, and, if `is_numbered`, the number of the event and `end`."""

    begin: bytes
    end: bytes = b""
    is_numbered: bool = False

    @classmethod
    def of(cls, data: bytes) -> "_Side":
        """Return a side of an event."""
        found = _NUMBER.search(data)
        return cls(data) if found is None else cls(data[: found.start(1)], data[found.end(1) :], is_numbered=True)

    def numbered(self, digits: bytes) -> bytes:
        """Return the side of the event with a number."""
        return b"%b%b%b" % (self.begin, digits, self.end) if self.is_numbered else self.begin

    def format(self) -> bytes:
        """Return the format of a number, or the escaped bytes of a side without one."""
        begin, end = self.begin.replace(b"%", b"%%"), self.end.replace(b"%", b"%%")
        return b"%b%%d%b" % (begin, end) if self.is_numbered else begin


_NOTHING: Final = _Side(_NO_TEMPLATE)


class TextTemplate:
    """The bytes before and after the text in the events of one stream.

    Most providers send the same JSON around each piece of text. A template is learned from an event that was decoded in
    full. A later event that begins and ends with the same bytes, and has exactly one JSON string between them, means
    the same with another text: JSON is parsed from left to right, so equal bytes before the string put the parser into
    the same state, and equal bytes after it complete the same value. So a text costs two comparisons of bytes and the
    decoding of one JSON string.

    Whether the string found in the event is the text itself, and not another field with the same value, is tested with
    a probe when a template is learned.

    One number may differ, too, that of the event (`_NUMBER`): a number in place of another one leaves the parser in the
    same state, and no reader reads it. The probe has another number than the event.
    """

    def __init__(self) -> None:
        self.kind: type[Text] = Chunk
        self._prefix = self._suffix = _NOTHING
        self._is_numbered = False
        self._number = b""
        """The number of the last event that matched; b"" if events have none."""
        self._unused = 0

    def match_read(self, data: bytes) -> str:
        r"""Return the text of a read that is exactly one matching event, with `data: ` and its line ends; else "".

        Behind `data: ` the read must have no line end but its last two: a carriage return ends a line as well (WHATWG
        HTML, 9.2.6), and JSON allows one as white space.
        """
        end = len(data) - 2
        start = _DATA_LENGTH if data.startswith(DATA) else _data_start(data)
        if not (start and data.endswith(b"\n\n") and data.find(b"\n", start) == end):
            return ""
        if b"\r" in data or end > MAX_PAYLOAD_BYTES:
            return ""
        return self._match(data, start, end)

    def layout(self, size_format: bytes, read: bytes, *, verbatim: bool) -> ChunkLayout:
        """Return what a chunk looks like whose data is the event after `read`, which has just matched.

        `size_format` is how its size is written.
        """
        data_at, prefix, suffix = _data_start(read), self._prefix, self._suffix
        head = b"%b%b%b" % (size_format, read[:data_at], prefix.format())
        tail = suffix.format() if suffix.is_numbered else suffix.begin
        number = int(self._number) + 1 if self._is_numbered else None
        return ChunkLayout(self.kind, head, tail + b"\n\n\r\n", data_at, verbatim, number, prefix.is_numbered)

    def match_payloads(self, payloads: Sequence[bytes], start: int) -> list[str]:
        """Return the texts of the payloads from `start` on, up to the first mismatch or to `MAX_BATCH_CHARS`."""
        texts, length = list[str](), 0
        prefix, suffix = self._prefix.begin, self._suffix.begin
        head, tail = len(prefix), len(suffix)
        for payload in islice(payloads, start, None):
            size = len(payload)
            if size > MAX_PAYLOAD_BYTES:
                break
            if self._is_numbered:
                text = self._match(payload, 0, size)
            # As `_match`, without a call for each of many payloads.
            elif payload[:head] == prefix and payload[-tail:] == suffix:
                try:
                    text = orjson.loads(payload[head:-tail])
                except orjson.JSONDecodeError:
                    break
            else:
                break
            if type(text) is not str or not text:
                break
            texts.append(text)
            length += len(text)
            if length > MAX_BATCH_CHARS:
                break
        if texts:
            self._unused = 0
        return texts

    def learn(self, payload: bytes, events: Sequence[object], decode: Callable[[bytes], Sequence[object]]) -> None:
        """Update the template from a payload and the events it was decoded to, if they are a single text.

        `decode` decodes a payload by itself. The payload with the probe in place of the text must decode to the probe
        alone, or nothing is learned.
        """
        if len(events) != 1 or not isinstance(events[0], Chunk | Reasoning) or self._unused >= MAX_UNUSED:
            return
        kind = type(events[0])
        prefix, found, suffix = payload.partition(orjson.dumps(events[0].content))
        if b"\n" in payload or not found:
            return
        before = _Side.of(prefix)
        after = _Side(suffix) if before.is_numbered else _Side.of(suffix)
        probe = b"%b%b%b" % (before.numbered(PROBE_NUMBER), orjson.dumps(PROBE), after.numbered(PROBE_NUMBER))
        if list(decode(probe)) == [kind(PROBE)]:
            self._prefix, self._suffix, self.kind = before, after, kind
            self._is_numbered = before.is_numbered or after.is_numbered
            self._unused += 1

    def forget(self) -> None:
        """Forget the template: events that look like it may mean something else from here on."""
        self._prefix = self._suffix = _NOTHING
        self._is_numbered = False
        # It is not for lack of similar events that this one matched none.
        self._unused = max(0, self._unused - 1)

    def _match(self, data: bytes, start: int, end: int) -> str:
        """Return the text between prefix and suffix, or "" if there is none: then the event is decoded in full."""
        if self._is_numbered:
            number = _NUMBER.search(data, start, end)
            if number is None:
                return ""
            self._number = number[1]
            prefix, suffix = self._prefix.numbered(self._number), self._suffix.numbered(self._number)
        else:
            prefix, suffix = self._prefix.begin, self._suffix.begin
        if not (data.startswith(prefix, start) and data.endswith(suffix, start, end)):
            return ""
        try:
            text = orjson.loads(data[start + len(prefix) : end - len(suffix)])
        except orjson.JSONDecodeError:
            # More than a string stands there, or prefix and suffix overlap; or a lone surrogate, which orjson refuses.
            return ""
        # Not a subclass, and no other JSON value: null, a number or an object in this place needs the reader.
        if type(text) is not str:
            return ""
        self._unused = 0
        return text


def _data_start(read: bytes) -> int:
    """Return where the data of an event begins that has no name, or one of the known ones; 0 for any other."""
    return next((len(head) for head in (DATA, *_NAMED) if read.startswith(head)), 0)
