"""Read text from events that look like an earlier one, without decoding the JSON around it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from gateway.protocol.events import Chunk, Reasoning, Text

PROBE = "\x01dualstream\x01"
"""A text that no provider sends."""

MAX_BATCH_CHARS = 8192
"""Characters after which a batch of text ends; clients get a batch as one message."""

MAX_PAYLOAD_BYTES = 8192
"""Maximum size of an event that is read by template. Longer text must be cut (`long_text.py`)."""

MAX_UNUSED = 8
"""Number of templates in a row that matched nothing, after which no more are learned: no two events look alike."""


DATA = b"data: "
"""What stands before the data of an event."""

_DATA_LENGTH = len(DATA)

_NAMED = (b"event: content_block_delta\n" + DATA, b"event: response.output_text.delta\n" + DATA)
"""Beginnings of events of text in APIs that name their events, Anthropic's Messages and OpenAI's Responses."""

_NO_TEMPLATE = b"\r"
"""A carriage return ends a line, so no event contains one: nothing matches it."""


@dataclass(frozen=True, slots=True)
class ChunkLayout:
    """What a read looks like that is one event with one text: a chunk of the chunked transfer coding (RFC 9112, 7.1).

    It is the size of the chunk as `size_format` writes it, `head`, a JSON string, and `tail`, line end included. The
    event's data begin `prefix_length` bytes before the string. `verbatim`: they are passed on, too.
    """

    kind: type[Text]
    size_format: bytes
    head: bytes
    tail: bytes
    prefix_length: int
    verbatim: bool


class TextTemplate:
    """The bytes before and after the text in the events of one stream.

    Most providers send the same JSON around each piece of text. A template is learned from an event that was decoded in
    full. A later event that begins and ends with the same bytes, and has exactly one JSON string between them, means
    the same with another text: JSON is parsed from left to right, so equal bytes before the string put the parser into
    the same state, and equal bytes after it complete the same value. So a text costs two comparisons of bytes and the
    decoding of one JSON string.

    Whether the string found in the event is the text itself, and not another field with the same value, is tested with
    a probe when a template is learned.
    """

    def __init__(self) -> None:
        self.kind: type[Text] = Chunk
        self._prefix = self._suffix = _NO_TEMPLATE
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
        """Return what a chunk looks like whose data is an event like `read`, which has just matched."""
        head, tail = read[: _data_start(read)] + self._prefix, self._suffix + b"\n\n\r\n"
        return ChunkLayout(self.kind, size_format, head, tail, len(self._prefix), verbatim)

    def match_payloads(self, payloads: Sequence[bytes], start: int) -> list[str]:
        """Return the texts of the payloads from `start` on, up to the first mismatch or to `MAX_BATCH_CHARS`."""
        texts, length = list[str](), 0
        for at in range(start, len(payloads)):
            size = len(payloads[at])
            text = self._match(payloads[at], 0, size) if size <= MAX_PAYLOAD_BYTES else ""
            if not text:
                break
            texts.append(text)
            length += len(text)
            if length > MAX_BATCH_CHARS:
                break
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
        if (
            b"\n" not in payload
            and found
            and list(decode(b"%b%b%b" % (prefix, orjson.dumps(PROBE), suffix))) == [kind(PROBE)]
        ):
            self._prefix, self._suffix, self.kind = prefix, suffix, kind
            self._unused += 1

    def forget(self) -> None:
        """Forget the template: events that look like it may mean something else from here on."""
        self._prefix = self._suffix = _NO_TEMPLATE
        # It is not for lack of similar events that this one matched none.
        self._unused = max(0, self._unused - 1)

    def _match(self, data: bytes, start: int, end: int) -> str:
        """Return the text between prefix and suffix, or "" if there is none: then the event is decoded in full."""
        prefix, suffix = self._prefix, self._suffix
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
