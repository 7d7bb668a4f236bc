"""Commands over WebSocket: invalid ones, and the number of generations of a socket."""

import aiohttp
import pytest

from tests.gateway.api.invalid_starts import BAD_STARTS
from tests.served.clients import BODY
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, WebSocketViewer, until


@pytest.mark.parametrize(("body", "param", "message"), [bad for bad in BAD_STARTS if isinstance(bad[0], dict)])
async def test_an_invalid_start_command_leaves_the_socket_open(
    served: Served, body: JsonObject, param: str | None, message: str
) -> None:
    viewer = WebSocketViewer(served.http)
    answer = await viewer.command(type="start", **body)
    assert answer["type"] == "rejected"
    assert message in str(answer["message"])
    assert answer["param"] == param
    assert (await viewer.command(type="ping"))["type"] == "pong"
    await viewer.leave()


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must be a JSON object"),
        ("5", "must be a JSON object, not a number"),
        ('{"type":"dance"}', "'dance' is not a command; known are: start, attach"),
        ('{"type":7}', "is not a command"),
        ("{}", "type: is missing; known are: start, attach"),
        ('{"type":null}', "type: 'None' is not a command"),
        ('{"type":"interrupt"}', "generation_id: is missing"),
        ('{"type":"attach","generation_id":"g_x","after":-1}', "after"),
        ('{"type":"interrupt","generation_id":"g_x"}', "no generation"),
        ('{"type":"detach","generation_id":"g_x"}', "no generation"),
        (b"\x00\x01", "binary"),
    ],
)
async def test_an_invalid_command_is_rejected(served: Served, sent: str | bytes, message: str) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        if isinstance(sent, str):
            await socket.send_str(sent)
        else:
            await socket.send_bytes(sent)
        answer = await socket.receive_json()
        assert answer["type"] == "rejected"
        assert message in answer["message"]
        await socket.send_str('{"type":"ping","id":1}')
        assert (await socket.receive_json()) == {"type": "pong", "id": 1}


async def test_many_invalid_messages_in_a_row_close_the_socket(served: Served) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        for _ in range(10):
            await socket.send_str("hello?")
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.close_code == 4400


async def test_a_socket_carries_up_to_100_generations(served: Served) -> None:
    viewer = WebSocketViewer(served.http)
    for _ in range(100):
        assert (await viewer.command(type="start", **BODY))["type"] == "ack"
    rejected = await viewer.command(type="start", **BODY)
    assert rejected["type"] == "rejected"
    assert "detach one" in str(rejected["message"])
    await viewer.leave()
    await until(lambda: served.hub.viewers == 0)


async def test_a_start_may_name_its_own_trace(served: Served) -> None:
    handshake, own = (f"00-{number:032x}-{number:016x}-01" for number in (1, 2))
    headers = {"traceparent": handshake}
    async with served.http.ws_connect("/api/ws", headers=headers) as socket:
        for trace in ({}, {"traceparent": own, "tracestate": "a=b"}):
            await socket.send_json({"type": "start", "id": 1, **BODY, **trace})
            while (answer := await socket.receive_json())["type"] != "ack":
                assert answer["type"] != "rejected", answer
    sources = {record.generation.source for record in served.hub.running_records()}
    assert {(source.traceparent, source.tracestate) for source in sources} == {(handshake, ""), (own, "a=b")}
