"""Read the usage figures of a document without decoding all of it: a document of embeddings has megabytes. Pure."""

import json
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage
from gateway.upstreams.formats.json_values import count_of

_NAME: Final = b'"usage"'
_MAX_BYTES: Final = 4096
"""Bytes in which the figures stand; those of OpenAI take a hundred."""


def usage_in(document: bytes) -> Usage | None:
    """Return the usage that a document names last, as OpenAI's do; None if it names none."""
    at = document.rfind(_NAME)
    if at < 0:
        return None
    text = document[at + len(_NAME) : at + _MAX_BYTES].decode("utf-8", "replace").lstrip(": \t\r\n")
    try:
        value: JsonValue = json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None
    return _usage(value) if isinstance(value, dict) else None


def _usage(figures: JsonObject) -> Usage | None:
    count = {name: count_of(value) for name, value in figures.items()}
    read = count.get("prompt_tokens")
    if read is None:
        read = count.get("total_tokens")
    return None if read is None else Usage(read, count.get("completion_tokens") or 0, "exact")
