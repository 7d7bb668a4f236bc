"""Pass on the chunks of a provider that speaks this API itself. Pure.

What they contain is passed on field for field and event for event, with three exceptions: usage figures that the
gateway asked for, and not the client; an error, whose message must be sanitized first; and `[DONE]`, which the end of
the generation sends.
"""

from collections.abc import Sequence
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.dialects.base import ProjectedEvent
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Verbatim

_NO_USAGE: Final = b',"usage":null'
"""A field of all chunks once usage figures are asked for. A JSON string contains no unescaped quote, so not this."""

_ERROR: Final = b'"error"'
_USAGE: Final = b'"usage"'


class VerbatimChunks:
    """Passes chunks on, and tracks which parts of the response's end were among them.

    The JSON of a chunk with content is not decoded: there are many, and each may be large. The last one is, at the end.
    """

    def __init__(self, *, usage: bool) -> None:
        self._with_usage = usage
        self.has_usage = False
        self._has_finish_reason = False
        self._last = b""

    def pass_on(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """Return the chunks of an entry with data of its provider."""
        data = entry.verbatim or b""
        if data and entry.kind is not Verbatim and b"\n" not in data and _is_plain(data):
            # By far the most common case: one chunk with content.
            self._last = data
            return (ProjectedEvent(data if self._with_usage or _NO_USAGE not in data else _without_usage(data)),)
        lines = data.split(b"\n")
        if entry.kind is not Verbatim:
            lines = [line for line in lines if line and (_is_plain(line) or self._passes(_decode(line)))]
            self._last = lines[-1] if lines else self._last
        else:
            lines = [line for line in lines if self._passes(_decode(line))]
        return [*map(ProjectedEvent, lines if self._with_usage else map(_without_usage, lines))]

    def last_chunk(self) -> JsonObject:
        """Return the last chunk with content, decoded."""
        return _decode(self._last) or {}

    @property
    def has_finish_reason(self) -> bool:
        """Return True if a finish reason was passed on."""
        return self._has_finish_reason or _finish_reason(self.last_chunk()) is not None

    def _passes(self, chunk: JsonObject | None) -> bool:
        """Return True if a chunk is passed on, and note which part of the end it is."""
        if chunk is None or _has_error(chunk):
            return False
        has_usage = bool(chunk.get("usage"))
        if has_usage and not (chunk.get("choices") or self._with_usage):
            return False
        self.has_usage = self.has_usage or has_usage
        self._has_finish_reason = self._has_finish_reason or _finish_reason(chunk) is not None
        return True


def _without_usage(line: bytes) -> bytes:
    return line.replace(_NO_USAGE, b"")


def _is_plain(line: bytes) -> bool:
    """Return True if a chunk with content certainly brings neither an error nor figures.

    Figures may: a call's arguments are complete only at the end of the response.
    """
    return _ERROR not in line and (_USAGE not in line or _NO_USAGE in line)


def _decode(line: bytes) -> JsonObject | None:
    """Return the object of a line; None for an empty line, `[DONE]`, and what is not JSON."""
    try:
        chunk: JsonValue = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return chunk if isinstance(chunk, dict) else None


def _has_error(chunk: JsonObject | None) -> bool:
    return chunk is not None and bool(chunk.get("error") or _choice(chunk).get("error"))


def _finish_reason(chunk: JsonObject) -> JsonValue:
    return _choice(chunk).get("finish_reason")


def _choice(chunk: JsonObject) -> JsonObject:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}
