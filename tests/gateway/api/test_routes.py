"""Paths that no route serves."""

import aiohttp
import orjson
import pytest

from tests.gateway.server.raw_client import UPGRADE, connected, read_response
from tests.served.gateway import Protocols, Served
from tests.served.viewers import until


@pytest.mark.parametrize("path", ["/api/wss", "/", "/api/chat/stream", "/api/generations/g_x/events"])
async def test_a_websocket_on_a_wrong_path_gets_404_and_logs_nothing(
    served: Served, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE.replace(b"/api/ws", path.encode()) + b"\r\n")
        status, headers, body = await read_response(reader)
        assert (status, headers["content-type"], headers["x-content-type-options"]) == (
            404,
            "application/json",
            "nosniff",
        )
        error = body["error"]
        assert isinstance(error, dict)
        assert error["code"] == "invalid_request"
        assert f"no WebSocket at '{path}'" in error["message"]
    await until(lambda: not served.protocols)
    assert caplog.messages == []


class TestUnderAnotherServer:
    @pytest.fixture
    def protocols(self) -> Protocols:
        return Protocols(http="httptools", ws="websockets-sansio")

    async def test_it_gets_404_too(self, served: Served) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await served.http.ws_connect("/api/nothing")
        assert refused.value.status == 404
        async with served.http.get("/api/nothing") as response:
            assert orjson.loads(await response.read())["error"]["code"] == "invalid_request"
