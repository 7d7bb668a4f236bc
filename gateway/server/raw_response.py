"""Error responses as bytes, for requests that never reach the application."""

from http import HTTPStatus

import orjson

from gateway.api.middleware.headers import DEFAULT_HEADERS
from gateway.protocol.errors import Refused


def encode_refusal(refused: Refused) -> bytes:
    """Encode a refusal as a whole HTTP/1.1 response with the error body that the application sends.

    The caller closes the connection after it, as its `Connection: close` says (RFC 9112, 9.6).
    """
    status, body = HTTPStatus(refused.status), orjson.dumps(refused.body())
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "connection: close",
        *(f"{name.decode()}: {value.decode()}" for name, value in DEFAULT_HEADERS.items()),
    ]
    if refused.retry_after_ms is not None:
        # Whole seconds, rounded up.
        lines.append(f"retry-after: {-(-refused.retry_after_ms // 1000)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
