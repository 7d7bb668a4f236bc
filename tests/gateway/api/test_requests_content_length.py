"""The Content-Length header of a request, as `read_json` reads it."""

from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from gateway.api.requests import read_json
from gateway.protocol.errors import Refused


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1", "1_0", ""])
async def test_a_length_that_is_not_a_number_is_refused(length: str) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    headers: Sequence[tuple[bytes, bytes]] = [(b"content-length", length.encode("latin-1"))]
    with pytest.raises(Refused) as refused:
        await read_json(Request({"type": "http", "method": "POST", "headers": headers}, receive), 100)
    assert refused.value.status == 413
