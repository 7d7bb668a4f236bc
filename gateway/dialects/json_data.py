"""Read the data of a provider that is passed on as it came, and put it together. Pure.

Some servers write what only lenient parsers read: `NaN`, and an emoji as two surrogates, one in this event and one in
the next.
"""

import json
from typing import Any

import orjson

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.parts import encodable


def decode(data: bytes) -> Any:  # noqa: ANN401 - each dialect checks what it needs
    """Return the value of JSON; a lone surrogate stays what it is, and `NaN` becomes null.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data, parse_constant=_no_number)


def decode_object(data: bytes) -> Any:  # noqa: ANN401 - each dialect checks what it needs
    """Return the object of JSON, fit to be encoded again; empty for another value."""
    value = decode(data)
    return as_encodable(value) if isinstance(value, dict) else {}


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
