"""Validate the headers of every HTTP response in one place, against response splitting (CWE-113)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from starlette.types import Message, Send

DEFAULT_HEADERS: Final[Mapping[bytes, bytes]] = {
    b"x-content-type-options": b"nosniff",
    # Pages of other origins cannot embed it as an image, script or style; an allowed page can still fetch it (CORS).
    b"cross-origin-resource-policy": b"same-origin",
}
"""Headers of every response that does not set them itself."""

_DEFAULTS: Final = list(DEFAULT_HEADERS.items())
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class ValidatedSend:
    """An ASGI `send` that adds the default headers, and sends no header with a control character.

    Such a response fails with a ValueError before any part of it is sent.
    """

    __slots__ = ("_send", "has_begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False
        """A response has begun, or was not valid."""

    async def __call__(self, message: Message) -> None:
        """Send a message."""
        # Also "websocket.http.response.start", the response to a handshake that is refused.
        if message["type"].endswith("http.response.start"):
            self.has_begun = True
            message["headers"] = _validated([*message.get("headers", ())])
        await self._send(message)


def _validated(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers, their names in lower case, with the default headers."""
    named = [(_lower_name(name), value) for name, value in headers]
    present = dict(named)
    if b"" in present or _CONTROL.search(b"".join([value for _, value in named])) is not None:
        name = next(name for name, value in headers if not _lower_name(name) or _CONTROL.search(value) is not None)
        message = f"cannot send the header {name!a}: it contains a control character"
        raise ValueError(message)
    return named + [default for default in _DEFAULTS if default[0] not in present]


@lru_cache(maxsize=256)
def _lower_name(name: bytes) -> bytes:
    """Return the name of a header in lower case; b"" if it is not valid (RFC 9110, 5.6.2). Names are few."""
    return name.lower() if _NAME.fullmatch(name) is not None else b""
