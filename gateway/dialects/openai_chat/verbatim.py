"""Pass on the chunks of a provider that speaks this API itself. Pure.

What they contain is passed on field for field and event for event, with three exceptions: usage figures that the
gateway asked for, and not the client; an error, whose message must be sanitized first; and `[DONE]`, which the end of
the generation sends.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeGuard

from pydantic import JsonValue

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import as_encodable, decode
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Verbatim
from gateway.upstreams.event_pieces import Padding, divide

_NO_USAGE: Final = b',"usage":null'
"""A field of all chunks once usage figures are asked for. A JSON string contains no unescaped quote, so not this."""

_NOTHING: Final = (b"\n", b"")
"""Around the text of no line: it contains a line end."""

_LF: Final = 0x0A
_ERROR: Final = b'"error"'
_USAGE: Final = b'"usage"'


class _PaddedLine(NamedTuple):
    """Pieces of a plain line with a padding behind its text (`event_pieces.py`), and the same as they are passed on."""

    pieces: tuple[bytes, bytes, bytes]
    plain: tuple[bytes, bytes, bytes]
    padding: Padding

    def pass_on(self, data: bytes, string: bytes) -> bytes:
        """Return what is passed on of a line that differs in text and padding only; b"" for any other."""
        head, between, tail = self.pieces
        padding = data[len(head) + len(string) + len(between) : len(data) - len(tail)]
        if padding.strip(self.padding.chars) or data != b"%b%b%b%b%b" % (head, string, between, padding, tail):
            return b""
        head, between, tail = self.plain
        return b"%b%b%b%b%b" % (head, string, between, padding, tail)


class VerbatimEvents:
    """Passes chunks on, and tracks which parts of the response's end were among them.

    The JSON of a chunk with content is not decoded: there are many, and each may be large. The last one is, at the end.
    """

    def __init__(self, *, usage: bool) -> None:
        self._with_usage = usage
        self.has_usage = False
        self._has_finish_reason = False
        self._last = b""
        self._around = self._plain_around = _NOTHING
        """What stands before and behind the text of plain lines, and the same as it is passed on."""
        self._padded: _PaddedLine | None = None
        """In place of these, if plain lines are padded."""

    def pass_on(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """Return the chunks of an entry with data of its provider."""
        data = entry.verbatim or b""
        if entry.kind is not Verbatim and (lines := self.plain_lines(data)):
            return [ProjectedEvent(line) for line in lines.split(b"\n")]
        return self._inspect(data, has_content=entry.kind is not Verbatim)

    def plain_text(self, data: bytes, string: bytes) -> bytes:
        """Return the chunks of a text, one in a line, as `plain_lines`; `string` is the JSON of the text.

        Most chunks differ from an earlier plain one only in strings that are values, or in spaces: these bring neither
        fields nor lines. So they are compared, which costs a tenth of looking for what must not be in them.
        """
        head, tail = self._around
        if data == b"%b%b%b" % (head, string, tail):
            head, tail = self._plain_around
            self._last = b"%b%b%b" % (head, string, tail)
            return self._last
        if self._padded is not None and (line := self._padded.pass_on(data, string)):
            self._last = line
            return line
        lines = self.plain_lines(data)
        head, found, tail = data.partition(string)
        # Behind a colon stands a value.
        if lines and found and b"\n" not in data and head.endswith((b":", b": ")):
            self._learn(head, tail)
        return lines

    def _learn(self, head: bytes, tail: bytes) -> None:
        """Keep what stands around the text of a plain line."""
        pieces, padding = divide(head, tail)
        if padding is not None and not padding.is_first:
            first, between, last = pieces
            plain = pieces if self._with_usage else (_plain(first), _plain(between), _plain(last))
            self._padded, self._around = _PaddedLine(pieces, plain, padding), _NOTHING
            return
        self._padded, self._around = None, (head, tail)
        self._plain_around = self._around if self._with_usage else (_plain(head), _plain(tail))

    def plain_lines(self, data: bytes) -> bytes:
        """Return the chunks of some content, one in a line; b"" if they must be decoded.

        By far most content comes with neither an error nor figures. Figures may come with it: a call's arguments are
        complete only at the end of the response.
        """
        plain = _plain(data)
        if _ERROR in data or _USAGE in plain or not data or data[0] == _LF or data[-1] == _LF or b"\n\n" in data:
            return b""
        self._last = data if self._with_usage else plain
        return self._last

    def _inspect(self, data: bytes, *, has_content: bool) -> Sequence[ProjectedEvent]:
        """Return the chunks of some lines, each of which is decoded."""
        if not data:
            return ()
        chunks = [(line, chunk) for line in data.split(b"\n") if self._passes(chunk := _decode(line))]
        lines = [line if self._with_usage else _plain(line) for line, _ in chunks]
        if has_content and lines:
            self._last = lines[-1]
        else:
            # That of a chunk with content counts if it is the last one, as on the short way.
            self._has_finish_reason = self._has_finish_reason or any(_finish_reason(chunk) for _, chunk in chunks)
        return [*map(ProjectedEvent, lines)]

    def last_chunk(self) -> JsonObject:
        """Return the last chunk with content, decoded."""
        return as_encodable(_decode(self._last.rpartition(b"\n")[2]) or {})

    @property
    def has_finish_reason(self) -> bool:
        """Return True if a finish reason was passed on."""
        return self._has_finish_reason or bool(_finish_reason(self.last_chunk()))

    def _passes(self, chunk: JsonObject | None) -> TypeGuard[JsonObject]:
        """Return True if a chunk is passed on, and note whether it has figures."""
        if chunk is None or _has_error(chunk):
            return False
        has_usage = bool(chunk.get("usage"))
        if has_usage and not (chunk.get("choices") or self._with_usage):
            return False
        self.has_usage = self.has_usage or has_usage
        return True


def _plain(data: bytes) -> bytes:
    """Return data without the field that says that figures are yet to come."""
    return data.replace(_NO_USAGE, b"")


def _decode(line: bytes) -> JsonObject | None:
    """Return the object of a line; None for an empty line, which stands for `[DONE]`, and for what is not JSON."""
    try:
        return (decode(line) or None) if line else None
    except ValueError:
        return None


def _has_error(chunk: JsonObject | None) -> bool:
    return chunk is not None and bool(chunk.get("error") or _choice(chunk).get("error"))


def _finish_reason(chunk: JsonObject) -> JsonValue:
    return _choice(chunk).get("finish_reason")


def _choice(chunk: JsonObject) -> JsonObject:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}
