"""The heads of HTTP answers. All of them pass here, whoever made them, so that none can be read as more than it is."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.types import Message, Send

ALWAYS: Final[Mapping[bytes, bytes]] = {
    b"x-content-type-options": b"nosniff",
    # No page elsewhere takes it in as a picture, script or style; one that is allowed to fetch it (CORS) still may.
    b"cross-origin-resource-policy": b"same-origin",
}
"""With every answer that does not say otherwise."""

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def validate_headers(send: Send) -> Send:
    """Give a `send` by which no head goes out that holds a line break or another control character.

    What would send one fails with a ValueError, and nothing of it goes out.
    """

    async def send_sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = _sealed([*message.get("headers", ())])
        await send(message)

    return send_sealed


def _sealed(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    for name, value in headers:
        if _NAME.fullmatch(name) is None or _CONTROL.search(value) is not None:
            message = f"the header {name!a} can't be sent: there is a control character in it"
            raise ValueError(message)
    given = {name.lower() for name, _ in headers}
    return [*headers, *((name, value) for name, value in ALWAYS.items() if name not in given)]
