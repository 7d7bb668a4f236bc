"""A refusal as a whole HTTP answer, for what never reaches the application."""

from http import HTTPStatus

import orjson

from gateway.api.middleware.headers import ALWAYS
from gateway.protocol.errors import Refused


def answer(refused: Refused) -> bytes:
    """Spell a refusal as the application would (`Refused.body`); the connection is to be closed behind it."""
    status, body = HTTPStatus(refused.status), orjson.dumps(refused.body())
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "connection: close",
        *(f"{name.decode()}: {value.decode()}" for name, value in ALWAYS.items()),
    ]
    if refused.retry_after_ms is not None:
        lines.append(f"retry-after: {-(-refused.retry_after_ms // 1000)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
