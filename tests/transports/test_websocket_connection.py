"""Messages and frames of a WebSocket connection."""

import aiohttp
import orjson
import pytest
from websockets.frames import Frame, Opcode

from tests.served.gateway import Served
from transports.websocket_connection import text_frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_text_frame_is_encoded_as_by_the_library(length: int) -> None:
    message = b"x" * length
    assert text_frame(message) == Frame(Opcode.TEXT, message).serialize(mask=False)


async def test_a_message_that_is_too_large_closes_the_socket(served: Served) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        await socket.send_str(orjson.dumps({"type": "ping", "pad": "x" * 30_000}).decode())
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4413


async def test_text_that_is_not_utf8_closes_the_socket(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        await socket._writer.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1007
    assert "Traceback" not in caplog.text
