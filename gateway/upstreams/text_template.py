"""Read text from events that look like an earlier one, without decoding the JSON around it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

import orjson

from gateway.protocol.events import Chunk, Reasoning, Text
from gateway.upstreams.event_pieces import PROBE, EventPieces, Padding, Piece, Place

MAX_BATCH_CHARS = 8192
"""Characters after which a batch of text ends; clients get a batch as one message."""

MAX_PAYLOAD_BYTES = 8192
"""Maximum size of an event that is read by template. Longer text must be cut (`long_text.py`)."""

MAX_TOGETHER = 32
"""Maximum number of texts that are decoded together: if one of them is no text, so many were looked at in vain."""

MAX_UNUSED = 8
"""Number of texts in a row that matched no template, after which few more are learned from: no two look alike."""

RETRY_EVERY = 32
"""From then on, one of so many texts is learned from.

Events that contain the time in seconds look alike as soon as several come within one second.
"""

DATA = b"data:"
"""What stands before the data of an event, which a space may follow."""

_SPACED = b"data: "
_SPACED_LENGTH = len(_SPACED)

_NAMES = (
    b"content_block_delta",
    b"response.output_text.delta",
    b"response.reasoning_summary_text.delta",
    b"response.reasoning_text.delta",
)
"""Names of events of text in APIs that name them, Anthropic's Messages and OpenAI's Responses."""

_HEADS = (
    _SPACED,
    *(b"event: %b\ndata: " % name for name in _NAMES),
    # Some servers and relays write no space behind a colon. A space that stands there is no part of the data.
    DATA,
    *(b"event:%b\ndata:" % name for name in _NAMES),
)
"""Beginnings of events of text, up to their data; the one with a space before the one without it."""

_NO_TEMPLATE = b"\r"
"""A carriage return ends a line, so no event contains one: nothing matches it."""


@dataclass(frozen=True, slots=True)
class ChunkLayout:
    """What a read looks like that is one event with one text: a chunk of the chunked transfer coding (RFC 9112, 7.1).

    It is `head`, a JSON string, and `tail`, line end included. `head` is the format of the size of the chunk and what
    follows. The event's data begin `data_at` bytes behind the line of the size. `verbatim`: they are passed on, too.

    With a padding, the text, `between` and the padding stand in place of the JSON string, in one order or the other.

    `number` is that of the next event if each has one more than the one before. Then the piece that `number_in` names
    is the format of the number, or, if it is `head`, that of size and number.
    """

    kind: type[Text]
    head: bytes
    between: bytes
    tail: bytes
    data_at: int
    verbatim: bool
    padding: Padding | None
    number: int | None
    number_in: Place | None


_NOTHING: Final = EventPieces(Piece(_NO_TEMPLATE), Piece(_NO_TEMPLATE))


class TextTemplate:
    """The bytes before and after the text in the events of one stream.

    Most providers send the same JSON around each piece of text. A template is learned from an event that was decoded in
    full. A later event that begins and ends with the same bytes, and has exactly one JSON string between them, means
    the same with another text: JSON is parsed from left to right, so equal bytes before the string put the parser into
    the same state, and equal bytes after it complete the same value. So a text costs two comparisons of bytes and the
    decoding of one JSON string.

    Whether the string found in the event is the text itself, and not another field with the same value, is tested with
    a probe when a template is learned.

    Number and padding of the event may differ, too (`event_pieces.py`): no reader reads them. A number in place of
    another one leaves the parser in the same state. So do more or fewer characters without an escape sequence in a
    string, and more or fewer spaces before a brace. An event then consists of the same pieces, of a number, of padding,
    and of one JSON string in the place of the text; nothing else can be read from its bytes, since JSON is divided into
    tokens in one way only. The probe has another number and another padding than the event.
    """

    __slots__ = ("_number", "_pieces", "_together", "_unused", "has_learned", "kind")

    def __init__(self) -> None:
        self.kind: type[Text] = Chunk
        self.has_learned = False
        """There is an event to compare with: without one, nothing matches."""
        self._pieces = _NOTHING
        self._number = b""
        """The number of the last event that matched; b"" if events have none."""
        self._together = MAX_TOGETHER
        """Number of texts that are decoded together next: one after an event without a text, then more again."""
        self._unused = 0

    def match_read(self, data: bytes) -> str:
        r"""Return the text of a read that is exactly one matching event, with `data:` and its line ends; else "".

        Behind `data:` the read must have no line end but its last two: a carriage return ends a line as well (WHATWG
        HTML, 9.2.6), and JSON allows one as white space.
        """
        end = len(data) - 2
        start = _SPACED_LENGTH if data.startswith(_SPACED) else data_start(data)
        if not (start and data.endswith(b"\n\n") and data.find(b"\n", start) == end):
            return ""
        if b"\r" in data or end > MAX_PAYLOAD_BYTES:
            return ""
        return self._match(data, start, end)

    def layout(self, size_format: bytes, read: bytes, *, verbatim: bool) -> ChunkLayout:
        """Return what a chunk looks like whose data is the event after `read`, which has just matched.

        `size_format` is how its size is written.
        """
        data_at, (first, last, middle, padding, number_in) = data_start(read), self._pieces
        head = b"%b%b%b" % (size_format, read[:data_at], first.format())
        between = middle.format() if middle.is_numbered else middle.begin
        tail = (last.format() if last.is_numbered else last.begin) + b"\n\n\r\n"
        number = None if number_in is None else int(self._number) + 1
        return ChunkLayout(self.kind, head, between, tail, data_at, verbatim, padding, number, number_in)

    def match_payloads(self, payloads: Sequence[bytes], start: int) -> list[str]:
        """Return the texts of the payloads from `start` on, up to the first mismatch or to `MAX_BATCH_CHARS`."""
        pieces, texts, length, at = self._pieces, list[str](), 0, start
        if pieces.padding is None and pieces.number_in is None:
            while (alike := self._match_alike(payloads[at : at + self._together])) is not None:
                texts += alike
                at += len(alike)
                length += sum(map(len, alike))
                if len(alike) < self._together or length > MAX_BATCH_CHARS:
                    return texts
                self._together = min(2 * self._together, MAX_TOGETHER)
            self._together = 1
        while at < len(payloads) and length <= MAX_BATCH_CHARS:
            payload = payloads[at]
            size = len(payload)
            text = self._match(payload, 0, size) if size <= MAX_PAYLOAD_BYTES else ""
            if not text:
                break
            texts.append(text)
            length += len(text)
            at += 1
        return texts

    def _match_alike(self, payloads: Sequence[bytes]) -> list[str] | None:
        r"""Return the texts of payloads that differ in these alone, up to the first that differs; None if it must look.

        Their strings are decoded together. A line feed between two of them is white space, and can't stand inside a
        JSON string: so none reaches into the next one. If as many strings come out as were put in, and nothing else,
        each was one: a list or an object would come out as such, and nothing at all between two commas is not valid.
        """
        prefix, suffix = self._pieces.head.begin, self._pieces.tail.begin
        head, tail = len(prefix), len(suffix)
        strings = list[bytes]()
        for payload in payloads:
            if payload[:head] != prefix or payload[-tail:] != suffix:
                break
            strings.append(payload[head:-tail])
        if not strings:
            return []
        joined = b",\n".join(strings)
        if len(joined) + head + tail > MAX_PAYLOAD_BYTES:
            return None
        try:
            texts = orjson.loads(b"[%b]" % joined)
        except orjson.JSONDecodeError:
            return None
        if len(texts) != len(strings) or set(map(type, texts)) != {str} or "" in texts:
            return None
        self._unused = 0
        return cast("list[str]", texts)

    def learn(self, payload: bytes, events: Sequence[object], decode: Callable[[bytes], Sequence[object]]) -> None:
        """Update the template from a payload and the events it was decoded to, if they are a single text.

        `decode` decodes a payload by itself. The payload with the probe in place of the text must decode to the probe
        alone, or nothing is learned.
        """
        if len(events) != 1 or not isinstance(events[0], Chunk | Reasoning):
            return
        self._unused += 1
        if self._unused > MAX_UNUSED and self._unused % RETRY_EVERY:
            return
        kind = type(events[0])
        prefix, found, suffix = payload.partition(orjson.dumps(events[0].content))
        if b"\n" in payload or not found:
            return
        pieces = EventPieces.of(prefix, suffix)
        if list(decode(pieces.probe())) == [kind(PROBE)]:
            self._pieces, self.kind, self.has_learned = pieces, kind, True

    def forget(self) -> None:
        """Forget the template: events that look like it may mean something else from here on."""
        self._pieces, self.has_learned = _NOTHING, False
        # It is not for lack of similar events that this one matched none.
        self._unused = max(0, self._unused - 1)

    def _match(self, data: bytes, start: int, end: int) -> str:
        """Return the text between prefix and suffix, or "" if there is none: then the event is decoded in full."""
        first, last, middle, padding, number_in = self._pieces
        if number_in is None:
            prefix, between, suffix = first.begin, middle.begin, last.begin
        else:
            number = EventPieces.number(data, start, end)
            if not number:
                return ""
            self._number = number
            prefix, between, suffix = first.numbered(number), middle.numbered(number), last.numbered(number)
        if not (data.startswith(prefix, start) and data.endswith(suffix, start, end)):
            return ""
        start, end = start + len(prefix), end - len(suffix)
        try:
            text = orjson.loads(data[start:end] if padding is None else padding.string_in(data, start, end, between))
        except orjson.JSONDecodeError:
            # More than a string stands there, or prefix and suffix overlap; or a lone surrogate, which orjson refuses.
            return ""
        # Not a subclass, and no other JSON value: null, a number or an object in this place needs the reader.
        if type(text) is not str:
            return ""
        self._unused = 0
        return text


def data_start(read: bytes) -> int:
    """Return where the data of an event begins that has no name, or one of the known ones; 0 for any other."""
    return next((len(head) for head in _HEADS if read.startswith(head)), 0)
