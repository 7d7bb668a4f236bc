"""Error responses as bytes, for requests that never reach the application."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson

from gateway.api.middleware.headers import DEFAULT_HEADERS
from gateway.api.responses import STREAM_HEADERS, refusal_frame
from gateway.protocol.errors import Refused


def encode_refusal(refused: Refused) -> bytes:
    """Encode a refusal as a whole HTTP/1.1 response with the error body that the application sends.

    The caller closes the connection after it, as its `Connection: close` says (RFC 9112, 9.6).
    """
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    if refused.retry_after_ms is not None:
        # Whole seconds, rounded up.
        headers["Retry-After"] = str(-(-refused.retry_after_ms // 1000))
    return _encode(HTTPStatus(refused.status), headers, orjson.dumps(refused.body()))


def encode_refusal_to_event_source(refused: Refused, jitter: float) -> bytes:
    """Encode a refusal as the response that the application sends to an `EventSource`; see `refusal_frame`."""
    headers = {"Content-Type": "text/event-stream; charset=utf-8", **STREAM_HEADERS}
    return _encode(HTTPStatus.OK, headers, refusal_frame(refused, jitter))


def _encode(status: HTTPStatus, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        *(f"{name.lower()}: {value}" for name, value in headers.items()),
        f"content-length: {len(body)}",
        "connection: close",
        *(f"{name.decode()}: {value.decode()}" for name, value in DEFAULT_HEADERS.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
