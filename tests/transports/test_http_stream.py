"""A streamed HTTP response."""

import pytest

from gateway.api.context import PRINCIPAL
from gateway.api.services import Services
from gateway.protocol.errors import Code, Refused
from gateway.replicas.generations import Generations
from gateway.security.principals import Principal
from tests.gateway.pipeline.one_target import one_target
from tests.served.clients import BODY
from tests.served.gateway import Served
from transports.http_stream import StreamedResponse
from transports.sse import EventStream


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


async def test_a_generation_of_another_principal_is_not_shown_even_if_its_route_forgot_to_ask() -> None:
    async with one_target() as harness:
        services = Services(harness.hub, Generations(harness.hub), harness.clock)
        response = StreamedResponse(services, EventStream(), harness.start(principal="alice"), 0, {})
        scope: dict[str, object] = {"type": "http", "headers": [], "client": None, PRINCIPAL: Principal("bob", "key")}
        with pytest.raises(Refused) as refused:
            await response(scope, None, None)  # type: ignore[arg-type]
        assert refused.value.code is Code.GENERATION_LOST
        assert harness.hub.viewers == 0
