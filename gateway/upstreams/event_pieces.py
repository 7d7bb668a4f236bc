"""Divide an event with a text into what is the same in each event of its stream, and what varies. Pure.

Beside the text, two things vary that no reader reads:

- the number of the event, `sequence_number` in OpenAI's Responses API;
- its padding: characters without a meaning that vary its size, because an observer of an encrypted connection sees the
  sizes of its records, and those of tokens betray what a conversation is about. OpenAI sends the field `obfuscation`
  (API reference, `stream_options.include_obfuscation`), Mistral and Amazon Bedrock a field `p`, Anthropic spaces before
  the last brace.
"""

import re
from typing import Final, Literal, NamedTuple

import orjson

PROBE: Final = "\x01dualstream\x01"
"""A text that no provider sends."""

_PROBE_JSON: Final = orjson.dumps(PROBE)

PROBE_NUMBER: Final = b"987654321987654321"
"""A number that no event has."""

_NUMBER: Final = re.compile(rb'"sequence_number": ?(0|[1-9][0-9]{0,17})(?![0-9])')
"""The number of an event.

Only a key is followed by a colon, and a quotation mark inside a string is escaped: no text contains this.
"""

_PADDING: Final = re.compile(rb'"(?:obfuscation|p)": ?"(?P<string>[ !#-\[\]-~]*)"|[^ ](?P<spaces> +)\}\Z')
"""The padding of an event: the string of a field; or spaces between the last two tokens of the object."""

_VARIES: Final = re.compile(rb'"(?:sequence_number|obfuscation|p)":| \}\Z')
"""What every event has that has a number or a padding, and some others have."""

_STRING_CHARS: Final = bytes(char for char in range(0x20, 0x7F) if char not in b'"\\')
"""Those that stand for themselves in a JSON string, and are one byte each."""

Place = Literal["head", "between", "tail"]
"""A piece of an event."""


class Padding(NamedTuple):
    """The padding of an event: a run of `chars`, which may be empty, before the text if `is_first`, or else behind it.

    `sample` is an example of it.
    """

    chars: bytes
    is_first: bool
    sample: bytes

    def string_in(self, data: bytes, start: int, end: int, between: bytes) -> bytes:
        """Return the text's JSON string from a part of an event that is text, `between` and padding; b"" for any other.

        The caller finds out whether it is a JSON string. If it is one, it is the text: JSON can be divided into tokens
        in one way only, so it does not matter how this one is found.
        """
        if self.is_first:
            at = data.find(between, start, end)
            padding, string = data[start:at], data[at + len(between) : end]
        else:
            at = data.rfind(between, start, end)
            padding, string = data[at + len(between) : end], data[start:at]
        return b"" if at < 0 or padding.strip(self.chars) else string


class Piece(NamedTuple):
    """A piece that is the same in each event: `begin`, and, if `is_numbered`, the number of the event and `end`."""

    begin: bytes
    end: bytes = b""
    is_numbered: bool = False

    @classmethod
    def of(cls, data: bytes) -> "Piece":
        """Return a piece of an event, with its number if that is in it."""
        found = _NUMBER.search(data)
        return cls(data) if found is None else cls(data[: found.start(1)], data[found.end(1) :], is_numbered=True)

    def numbered(self, digits: bytes) -> bytes:
        """Return the piece of the event with a number."""
        return b"%b%b%b" % (self.begin, digits, self.end) if self.is_numbered else self.begin

    def format(self) -> bytes:
        """Return the format of a number, or the escaped bytes of a piece without one."""
        begin, end = self.begin.replace(b"%", b"%%"), self.end.replace(b"%", b"%%")
        return b"%b%%d%b" % (begin, end) if self.is_numbered else begin


_EMPTY: Final = Piece(b"")


class EventPieces(NamedTuple):
    """An event without its text: `head` and `tail`, and, if it has a padding, what is `between` text and padding.

    At most one of the pieces has the number of the event: `number_in`.
    """

    head: Piece
    tail: Piece
    between: Piece = _EMPTY
    padding: Padding | None = None
    number_in: Place | None = None

    @classmethod
    def of(cls, prefix: bytes, suffix: bytes) -> "EventPieces":
        """Return the pieces of the event with these bytes around its text."""
        if not (_VARIES.search(prefix) or _VARIES.search(suffix)):
            return cls(Piece(prefix), Piece(suffix))
        (head, between, tail), padding = divide(prefix, suffix)
        if (first := Piece.of(head)).is_numbered:
            return cls(first, Piece(tail), Piece(between), padding, "head")
        middle = Piece.of(between) if between else _EMPTY
        if middle.is_numbered:
            return cls(first, Piece(tail), middle, padding, "between")
        last = Piece.of(tail)
        return cls(first, last, middle, padding, "tail" if last.is_numbered else None)

    @staticmethod
    def number(data: bytes, start: int, end: int) -> bytes:
        """Return the digits of an event's number; b"" if it has none."""
        found = _NUMBER.search(data, start, end)
        return b"" if found is None else found[1]

    def probe(self) -> bytes:
        """Return the event with the probe in place of its text, another number and another padding."""
        text, padding = _PROBE_JSON, self.padding
        if padding is None and self.number_in is None:
            return b"%b%b%b" % (self.head.begin, text, self.tail.begin)
        head, tail = self.head.numbered(PROBE_NUMBER), self.tail.numbered(PROBE_NUMBER)
        if padding is None:
            return b"%b%b%b" % (head, text, tail)
        first, second = (padding.sample, text) if padding.is_first else (text, padding.sample)
        return b"%b%b%b%b%b" % (head, first, self.between.numbered(PROBE_NUMBER), second, tail)


def divide(prefix: bytes, suffix: bytes) -> tuple[tuple[bytes, bytes, bytes], Padding | None]:
    """Return head, between and tail of the event with these bytes around its text, and its padding."""
    if found := _PADDING.search(suffix):
        start, end = found.span(found.lastgroup or 0)
        return (prefix, suffix[:start], suffix[end:]), _padding(found, is_first=False)
    # No spaces are found here: a text stands between this and the last brace.
    if found := _PADDING.search(prefix):
        start, end = found.span(found.lastgroup or 0)
        return (prefix[:start], prefix[end:], suffix), _padding(found, is_first=True)
    return (prefix, b"", suffix), None


def _padding(found: re.Match[bytes], *, is_first: bool) -> Padding:
    if found.lastgroup == "spaces":
        return Padding(b" ", is_first, b"  ")
    return Padding(_STRING_CHARS, is_first, b"dualstream")
