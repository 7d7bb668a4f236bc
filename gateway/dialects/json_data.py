"""Read the data of a provider that is passed on as it came, and put it together. Pure.

Some servers write what only lenient parsers read: `NaN`, and an emoji as two surrogates, one in this event and one in
the next.
"""

import json

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.parts import encodable


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
