"""Values out of what providers send as JSON: read with care, and fit to be sent on. Pure."""

import json
from collections.abc import Hashable
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.upstreams.errors import broken

MAX_DEPTH: Final = 64
"""How deep JSON may be nested: beyond some hundred levels Python can't spell it again."""


class SurrogateJoiner:
    """Puts characters together that come in halves: some servers cut JSON text between UTF-16 surrogates."""

    def __init__(self) -> None:
        self._held: dict[Hashable, str] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def whole(self, stream: Hashable, text: str) -> str:
        """Give what is whole of a stream's next piece; a half is held for the piece after it."""
        if text.isascii() and not self._held:
            return text
        text = self._held.pop(stream, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held[stream] = text[-1]
            text = text[:-1]
        return clean(text)

    def drop(self, stream: Hashable) -> None:
        """Forget the half of a stream that is over."""
        self._held.pop(stream, None)


def clean(text: str) -> str:
    """Join surrogate pairs, and replace those that have no other half: they can't be encoded."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def decode(data: bytes) -> JsonObject:
    """Decode one event.

    Raises:
        Failed: `upstream_protocol`, when it is no JSON object, or nested too deep.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        # orjson refuses a lone surrogate, which the standard library and some providers' servers allow.
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            # A ValueError is no JSON, no UTF-8, or a number of thousands of digits.
            raise broken("a line of it is not JSON") from error
    if not isinstance(value, dict):
        raise broken("a line of it is not a JSON object")
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(value):
        raise broken("a line of it is nested too deep")
    return value


def _is_deep(value: JsonValue) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = (each for outer in level for each in (outer.values() if isinstance(outer, dict) else list_of(outer)))
        level = [each for each in inner if isinstance(each, dict | list)]
    return bool(level)


def spelled(value: JsonValue) -> str:
    """Spell a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def count_of(value: JsonValue) -> int | None:
    """Give a count that JSON can carry on: not negative, and exact in every language."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def detail_of(usage: JsonObject, group: str, name: str) -> int | None:
    """Give a count out of a group of them."""
    details = usage.get(group)
    return count_of(details.get(name)) if isinstance(details, dict) else None


def text_of(value: JsonValue) -> str | None:
    """Give a text, cleaned."""
    return clean(value) if isinstance(value, str) else None


def object_of(value: JsonValue) -> JsonObject:
    """Give an object, an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def list_of(value: JsonValue) -> list[JsonValue]:
    """Give a list, an empty one where there is none."""
    return value if isinstance(value, list) else []
