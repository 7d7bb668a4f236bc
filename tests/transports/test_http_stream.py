"""A streamed HTTP response."""

from tests.served.clients import BODY
from tests.served.gateway import Served


async def test_the_headers_prevent_buffering_and_compression(served: Served) -> None:
    headers = {"X-Request-ID": "mine-1", "Accept-Encoding": "gzip"}
    async with served.http.post("/api/chat/stream", json=BODY, headers=headers) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["X-Request-ID"] == "mine-1"
        assert response.headers["X-Generation-ID"] == served.only.id
        assert "Content-Encoding" not in response.headers
        assert "Content-Length" not in response.headers
