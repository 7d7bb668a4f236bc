"""The data of an event as it is passed on: a JSON object on one line, which strict parsers can read. Pure."""

import json
from typing import NoReturn

import orjson
from pydantic import SecretStr

from gateway.protocol.errors import Failed
from gateway.upstreams.formats.base import DONE
from gateway.upstreams.formats.json_values import decode, to_json
from gateway.upstreams.sanitize import contains_key


def verbatim_line(payload: bytes) -> bytes:
    """Return the data of an event on one line; b"" if it is not an object: an end mark, or a word of a keep-alive.

    It is the provider's own text, but for what clients can't parse: `NaN`, and an object in a list.
    """
    # Between two tokens of JSON a line end is white space, and inside of a string it is not valid.
    line = payload.replace(b"\n", b" ").strip()
    if line == DONE:
        # Nearly every stream ends with it, and each decoder below refuses it by an exception.
        return b""
    if _is_object(line):
        return line
    try:
        # An empty object says nothing: it stands for a keep-alive.
        return to_json(value).encode() if (value := decode(line)) else b""
    except Failed:
        return b""


def has_key(line: bytes, api_key: SecretStr | None) -> bool:
    """Return True if an error contains a part of our key, which some servers repeat."""
    return api_key is not None and contains_key(line.decode(errors="replace"), api_key.get_secret_value())


def _is_object(line: bytes) -> bool:
    """Return True for an object. It may have half of a surrogate pair: the other half is in the next event."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        pass
    try:
        return isinstance(json.loads(line.decode(), parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
