"""Values from the JSON of providers: checked, and made encodable again. Pure."""

import json
import re
from collections.abc import Hashable
from math import isfinite
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.upstreams.errors.failures import unreadable

MAX_DEPTH: Final = 64
"""Maximum nesting of JSON. Python can't encode some hundred levels again (RecursionError)."""


class SurrogateJoiner:
    """Joins characters that arrive as two UTF-16 surrogates in different events: some servers cut JSON text there."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending: dict[Hashable, str] | None = None
        """High surrogates that are held back, by the stream of each; None if there are none, as nearly always."""

    def __bool__(self) -> bool:
        return bool(self.pending)

    def join(self, stream: Hashable, text: str) -> str:
        """Return the complete characters of the next piece of a stream; a high surrogate at its end is held back.

        `stream` names the text that the piece belongs to, such as the content or the arguments of one tool call.
        """
        # The path of nearly every chunk: `isascii` reads a flag of the string, not its characters.
        if text.isascii() and not self.pending:
            return text
        pending = self.pending or {}
        text = pending.pop(stream, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            pending[stream] = text[-1]
            text = text[:-1]
        self.pending = pending or None
        return repair_surrogates(text)

    def discard(self, stream: Hashable) -> None:
        """Discard the pending surrogate of a stream that has ended: without its other half it is no character."""
        if self.pending is not None:
            self.pending.pop(stream, None)


def repair_surrogates(text: str) -> str:
    """Join surrogate pairs, and replace lone surrogates by U+FFFD: no UTF-8 encoder accepts them."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_KEEP_ALIVE = re.compile(rb':.*|null|""|["[]?(?:ping|pong|heartbeat|keep[-_ ]?alive)?["\]]?', re.IGNORECASE | re.DOTALL)
"""Data that only keep the connection alive: nothing, a comment, `null`, or a word, which may be in brackets."""


def decode(data: bytes) -> JsonObject:
    """Decode the data of one event. Data that only keep the connection alive become an empty object.

    A list of one object is that object: Google's APIs send errors that way.

    Raises:
        Failed: `upstream_protocol`, if it is not a JSON object, or nested too deeply.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates in escapes, which the standard library and some providers' servers allow
        # (RFC 8259, 8.2 leaves it open).
        try:
            value = json.loads(data, parse_constant=_no_number, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            # ValueError: not JSON, not UTF-8, or a number of thousands of digits (sys.set_int_max_str_digits).
            # Stripped first: a pattern with white space at both ends takes quadratic time.
            if _KEEP_ALIVE.fullmatch(data.strip()):
                return {}
            raise unreadable("an event is not JSON") from error
    # Decoders build no subclasses; `type` is an attribute, and `isinstance` a call.
    if type(value) is not dict:
        if type(value) is list and len(value) == 1:
            value = value[0]
        if type(value) is not dict:
            if _KEEP_ALIVE.fullmatch(data.strip()):
                return {}
            raise unreadable("an event is not a JSON object")
    # Counting brackets is cheap and rarely exceeds the limit: only then are the levels walked.
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(value):
        raise unreadable("an event is nested too deeply")
    return value


def _no_number(_name: str) -> None:
    """Return null in place of `NaN` and `Infinity`, which Python writes and JSON does not know, as JavaScript does."""


def _finite(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


def _is_deep(value: JsonValue) -> bool:
    # Level by level, not by recursion: the value may be deep enough to exhaust the stack.
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = (each for outer in level for each in (outer.values() if isinstance(outer, dict) else list_of(outer)))
        level = [each for each in inner if isinstance(each, dict | list)]
    return bool(level)


def to_json(value: JsonValue) -> str:
    """Encode a value as compact JSON, in ASCII."""
    return json.dumps(value, separators=(",", ":"))


def count_of(value: JsonValue) -> int | None:
    """Return a count, or None if the value is not a number from 0 to 2**53 - 1, which JavaScript holds exactly.

    Some servers send counts as floats: JSON has one type of number.
    """
    # The types of JSON alone: a boolean is none of them.
    if type(value) is int:
        return value if 0 <= value < 2**53 else None
    return round(value) if type(value) is float and 0 <= value < 2**53 else None


def index_of(value: JsonValue) -> int | None:
    """Return an index, which some servers write as text, or None."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else count_of(value)


def detail_of(usage: JsonObject, group: str, name: str) -> int | None:
    """Return a count from a group of usage details, or None."""
    details = usage.get(group)
    return count_of(details.get(name)) if isinstance(details, dict) else None


def text_of(value: JsonValue) -> str | None:
    """Return a string with its surrogates repaired, or None if the value is not a string."""
    return repair_surrogates(value) if isinstance(value, str) else None


def object_of(value: JsonValue) -> JsonObject:
    """Return an object; an empty one if the value is not an object."""
    return value if isinstance(value, dict) else {}


def objects_of(value: JsonValue) -> list[JsonObject]:
    """Return the objects of a list, without what else it contains; none if the value is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def list_of(value: JsonValue) -> list[JsonValue]:
    """Return a list; an empty one if the value is not a list."""
    return value if isinstance(value, list) else []
