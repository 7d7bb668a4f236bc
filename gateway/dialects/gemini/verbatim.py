"""The responses of a provider with the Gemini API, as they came."""

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
    the connection alive. Without `alt=sse`, which some proxies drop, responses come as an array.
    """
    events: list[ProjectedEvent] = []
    error: bytes | None = None
    for line in lines.split(b"\n"):
        data = line.strip()
        if data[:1] == b"[":
            events += [ProjectedEvent(orjson.dumps(each)) for each in _array(data)]
        elif data[:1] != b"{":
            continue
        elif b'"error"' in data[:_NEAR_START] and _is_error(data):
            error = data
        else:
            events.append(ProjectedEvent(data))
    return VerbatimEvents(events, error)


def _array(data: bytes) -> list[object]:
    try:
        values = orjson.loads(data)
    except orjson.JSONDecodeError:
        return []
    return [each for each in values if isinstance(each, dict)]


def _is_error(data: bytes) -> bool:
    try:
        response = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return bool(response.get("error")) or ("candidates" not in response and find_error(response) is not None)
