"""Error events on a socket of the Responses API."""

import re
from collections.abc import Mapping
from typing import Final

from gateway.dialects.base import Dialect
from gateway.protocol.errors import Refused, invalid

STREAM_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")


def error_event(dialect: Dialect, refused: Refused, stream_id: object) -> dict[str, object]:
    """Return an error event; without a number in `status`, Codex waits for ever."""
    event: dict[str, object] = {"type": "error", "status": dialect.status(refused), **dialect.refusal(refused)}
    if refused.retry_after_ms is not None:
        event["headers"] = {"retry-after": str(-(-refused.retry_after_ms // 1000))}
    is_lane = isinstance(stream_id, str) and STREAM_ID.fullmatch(stream_id) is not None
    return in_lane(event, stream_id if is_lane else None)


def in_lane(event: Mapping[str, object], stream_id: object) -> dict[str, object]:
    """Return an event with the `stream_id` of its lane; None is the lane without one."""
    return {**event} if stream_id is None else {**event, "stream_id": stream_id}


def coded(refused: Refused, api_code: str) -> Refused:
    """Return a refusal with a code of the API."""
    refused.api_code = api_code
    return refused


def limit_reached() -> Refused:
    """Return the refusal of a request on a socket whose time is over."""
    message = (
        "Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue."
    )
    return coded(invalid(message), "websocket_connection_limit_reached")
