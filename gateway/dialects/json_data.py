"""Read the data of a provider that is passed on as it came, and put it together. Pure.

Some servers write what only lenient parsers read: `NaN`, and an emoji as two surrogates, one in this event and one in
the next.
"""

import json
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.parts import encodable

MAX_DEPTH: Final = 100
"""Maximum levels of JSON inside a text. orjson reads 1024 of them, but writes 254, those around the value included."""


def decode_inner(text: str) -> JsonValue:
    """Return the value that a text is, such as the arguments of a call, fit to be encoded inside of others.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    value: JsonValue = orjson.loads(text)
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deeper_than(value, MAX_DEPTH):
        message = f"nested more than {MAX_DEPTH} levels deep"
        raise ValueError(message)
    return value


def _is_deeper_than(value: JsonValue, depth: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        items = (item for parent in level for item in (parent.values() if isinstance(parent, dict) else parent))
        level = [item for item in items if isinstance(item, dict | list)]
    return bool(level)


def decode(data: bytes) -> JsonObject:
    """Return an object; an empty one for another value. A lone surrogate stays what it is, and `NaN` becomes null.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        value: JsonValue = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = json.loads(data, parse_constant=_no_number)
    return value if isinstance(value, dict) else {}


def decode_encodable(data: bytes) -> JsonObject:
    """Return an object that can be encoded again; see `decode`."""
    return as_encodable(decode(data))


def as_encodable(document: JsonObject) -> JsonObject:
    """Return a document fit to be encoded: surrogates side by side are one character, others none."""
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError:
        repaired = encodable(document)
        return repaired if isinstance(repaired, dict) else {}
    return document


def _no_number(_name: str) -> None:
    """Return null, as JavaScript writes these numbers."""
