"""The responses of a provider with the Gemini API, as they came. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from gateway.dialects.base import ProjectedEvent
from gateway.upstreams.errors.bodies import find_error

_NEAR_START = 64
"""Bytes at the start of a response among which an error is named."""


class VerbatimEvents(NamedTuple):
    """Responses of a provider, and its error, if there is one."""

    events: Sequence[ProjectedEvent]
    error: bytes | None


def responses_in(lines: bytes) -> VerbatimEvents:
    """Return the responses in the provider's own data, one in a line.

    What no client of the API expects is left out: a mark at the end, as in chat completions, and words that only keep
    the connection alive.
    """
    events: list[ProjectedEvent] = []
    error: bytes | None = None
    for line in lines.split(b"\n"):
        data = line.strip()
        if data[:1] != b"{":
            continue
        if b'"error"' in data[:_NEAR_START] and _is_error(data):
            error = data
        else:
            events.append(ProjectedEvent(_unwrapped(data) if b'"response"' in data[:_NEAR_START] else data))
    return VerbatimEvents(events, error)


def _unwrapped(data: bytes) -> bytes:
    """Return a response, which some proxies of Google's put into an object of their own."""
    try:
        inner = orjson.loads(data).get("response")
    except orjson.JSONDecodeError:
        return data
    return orjson.dumps(inner) if isinstance(inner, dict) else data


def _is_error(data: bytes) -> bool:
    try:
        response = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return bool(response.get("error")) or ("candidates" not in response and find_error(response) is not None)
