"""What a client may get wrong, and the message that tells it what to change."""

import asyncio

import aiohttp
import orjson
import pytest

from tests.served.gateway import Served
from tests.served.viewers import JsonObject, WebSocketViewer, until

GOOD: JsonObject = {"messages": [{"role": "user", "content": "Hello"}]}

BAD_STARTS: list[tuple[object, str | None, str]] = [
    ([], None, "must be a JSON object, not an array"),
    ("x", None, "must be a JSON object, not a string"),
    (None, None, "must be a JSON object, not null"),
    (True, None, "must be a JSON object, not true or false"),
    ({}, "messages", "messages: is missing"),
    ({"messages": []}, "messages", "at least 1"),
    ({"messages": "hi"}, "messages", "valid list"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "'assistant'"),
    ({"messages": [{"role": "user"}]}, "messages[0]", "content is missing"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "valid string"),
    ({**GOOD, "model": 7}, "model", "valid string"),
    ({**GOOD, "model": "gpt-9"}, "model", "known are: m"),
    ({**GOOD, "stream": True}, "stream", "known are: messages, model, options, metadata"),
    ({**GOOD, "options": {"temprature": 1}}, "options.temprature", "known are: temperature"),
    ({**GOOD, "options": {"temperature": "hot"}}, "options.temperature", "valid number"),
    ({**GOOD, "options": {"temperature": 9}}, "options.temperature", "less than or equal to 2"),
    ({**GOOD, "options": {"on_disconnect": "explode"}}, "options.on_disconnect", "'grace', 'cancel' or 'continue'"),
    ({**GOOD, "metadata": {"a": 1}}, "metadata.a", "valid string"),
]


async def error_of(response: aiohttp.ClientResponse) -> dict[str, object]:
    error = (await response.json())["error"]
    assert set(error) == {"code", "message", "retryable", "retry_after_ms", "param"}
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize("path", ["/api/chat/stream", "/api/generations"])
@pytest.mark.parametrize(("body", "param", "said"), BAD_STARTS)
async def test_a_start_that_does_not_fit(served: Served, path: str, body: object, param: str | None, said: str) -> None:
    async with served.http.post(
        path, data=orjson.dumps(body), headers={"Content-Type": "application/json"}
    ) as response:
        error = await error_of(response)
        assert said in str(error["message"])
        assert error["param"] == param
        known_model = param != "model" or body == {**GOOD, "model": 7}
        assert response.status == (400 if known_model else 404)
        assert error["code"] == ("invalid_request" if known_model else "model_not_found")
    assert served.hub.running == 0


@pytest.mark.parametrize(("body", "param", "said"), [bad for bad in BAD_STARTS if isinstance(bad[0], dict)])
async def test_a_start_command_that_does_not_fit_leaves_the_socket_open(
    served: Served, body: JsonObject, param: str | None, said: str
) -> None:
    viewer = WebSocketViewer(served.http)
    answer = await viewer.command(type="start", **body)
    if param == "stream":
        said = "known are: id, messages"
    assert answer["type"] == "rejected"
    assert said in str(answer["message"])
    assert answer["param"] == param
    assert (await viewer.command(type="ping"))["type"] == "pong"
    await viewer.leave()


RAW_BODIES: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"{", {}, 400, "is not JSON"),
    (b"\xff", {}, 400, "is not JSON"),
    (b"", {}, 400, "is not JSON"),
    (b'{"messages":NaN}', {}, 400, "is not JSON"),
    (b"[" * 5000 + b"]" * 5000, {}, 400, "The body is"),
    (b'{"messages":' + b"[" * 100 + b"]" * 100 + b"}", {}, 400, "nested more than 64"),
    (b'{"messages":[' + b"1," * 9000 + b"1]}", {}, 400, "messages[0]"),
    (orjson.dumps(GOOD), {"Idempotency-Key": ""}, 400, "1 to 255 characters"),
    (orjson.dumps(GOOD), {"Content-Type": "text/plain"}, 415, "send application/json"),
    (orjson.dumps(GOOD), {"Content-Type": "application/x-www-form-urlencoded"}, 415, "send application/json"),
    (b" " * 30_000, {}, 413, "larger than 20000 bytes"),
]


@pytest.mark.parametrize(("body", "headers", "status", "said"), RAW_BODIES)
async def test_a_body_that_can_not_be_read(
    served: Served, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    headers = {"Content-Type": "application/json"} | headers
    async with served.http.post("/api/chat/stream", data=body, headers=headers) as response:
        assert response.status == status
        error = await error_of(response)
        assert (error["code"], error["retryable"]) == ("invalid_request", False)
        assert said in str(error["message"])


async def test_a_body_without_a_declared_length_is_bounded_too(served: Served) -> None:
    async def endless() -> object:
        for _ in range(100):
            yield b" " * 1000

    async with served.http.post("/api/chat/stream", data=endless(), headers={"Content-Type": "application/json"}) as r:
        assert r.status == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/nowhere", 404, "nothing at '/nowhere'"),
        ("GET", "/api/generations", 405, "does not take GET"),
        ("DELETE", "/api/chat/stream", 405, "does not take DELETE"),
        ("GET", "/api/generations/g_unknown", 404, "no generation 'g_unknown'"),
        ("GET", "/api/generations/g_unknown/events", 404, "no generation"),
        ("POST", "/api/generations/g_unknown/interrupt", 404, "no generation"),
        ("GET", "/api/chat/stream?prompt=x", 406, "Accept"),
        ("GET", "/api/ws", 426, "connect with a WebSocket client"),
        ("GET", "/static/../pyproject.toml", 404, "nothing at"),
    ],
)
async def test_what_is_not_there(served: Served, method: str, path: str, status: int, said: str) -> None:
    async with served.http.request(method, path) as response:
        assert response.status == status
        assert said in str((await error_of(response))["message"])


async def test_feedback_that_does_not_fit(served: Served) -> None:
    viewer = WebSocketViewer(served.http)
    await viewer.start(GOOD)
    address = f"/api/generations/{viewer.generation_id}/feedback"
    for body, said in (
        ({}, "text is missing"),
        ({"rating": 1}, "set mode to 'note'"),
        ({"mode": "note"}, "text and rating are both missing"),
        ({"mode": "shout", "text": "x"}, "'revise', 'stop' or 'note'"),
        ({"text": ""}, "at least 1 character"),
    ):
        async with served.http.post(address, json=body) as response:
            assert response.status == 400
            assert said in str((await error_of(response))["message"])
    await viewer.leave()


async def test_a_finished_generation_takes_no_command(served: Served) -> None:
    viewer = WebSocketViewer(served.http)
    await viewer.start(GOOD)
    await served.called()
    served.upstream.last.finish()
    await viewer.to_end()
    address = f"/api/generations/{viewer.generation_id}"
    for path, body in (("interrupt", {}), ("feedback", {"text": "x"})):
        async with served.http.post(f"{address}/{path}", json=body) as response:
            assert response.status == 409
            assert (await error_of(response))["code"] == "already_over"
    rejected = await viewer.command(type="interrupt", generation_id=viewer.generation_id)
    assert (rejected["type"], rejected["code"]) == ("rejected", "already_over")
    await viewer.leave()


@pytest.mark.parametrize("position", ["nonsense", "g_other:1", "{id}:x", "{id}:99", "{id}:-1", ":"])
async def test_a_broken_position(served: Served, position: str) -> None:
    viewer = WebSocketViewer(served.http)
    await viewer.start(GOOD)
    position = position.replace("{id}", viewer.generation_id)
    events = f"/api/generations/{viewer.generation_id}/events"
    async with served.http.get(events, headers={"Last-Event-ID": position}) as response:
        assert response.status == 400
        assert (await error_of(response))["code"] == "invalid_request"
    rejected = await viewer.command(type="attach", generation_id=viewer.generation_id, after=position)
    assert (rejected["type"], rejected["code"]) == ("rejected", "invalid_request")
    await viewer.leave()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "must be a JSON object"),
        ("5", "must be a JSON object, not a number"),
        ('{"type":"dance"}', "'dance' is not a command; known are: start, attach"),
        ('{"type":7}', "is not a command"),
        ("{}", "is not a command"),
        ('{"type":"interrupt"}', "generation_id: is missing"),
        ('{"type":"attach","generation_id":"g_x","after":-1}', "after"),
        ('{"type":"interrupt","generation_id":"g_x"}', "no generation"),
        ('{"type":"detach","generation_id":"g_x"}', "no generation"),
        (b"\x00\x01", "binary"),
    ],
)
async def test_a_message_that_is_no_command_we_can_carry_out(served: Served, message: str | bytes, said: str) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        if isinstance(message, str):
            await socket.send_str(message)
        else:
            await socket.send_bytes(message)
        answer = await socket.receive_json()
        assert answer["type"] == "rejected"
        assert said in answer["message"]
        await socket.send_str('{"type":"ping","id":1}')
        assert (await socket.receive_json()) == {"type": "pong", "id": 1}


async def test_who_speaks_no_protocol_of_ours_is_shown_out(served: Served) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        for _ in range(10):
            await socket.send_str("hello?")
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.close_code == 4400


async def test_a_message_that_is_too_large_closes_with_our_code(served: Served) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        await socket.send_str(orjson.dumps({"type": "ping", "pad": "x" * 30_000}).decode())
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4413


async def test_a_socket_carries_many_generations_up_to_a_number(served: Served) -> None:
    viewer = WebSocketViewer(served.http)
    for _ in range(100):
        assert (await viewer.command(type="start", **GOOD))["type"] == "ack"
    rejected = await viewer.command(type="start", **GOOD)
    assert rejected["type"] == "rejected"
    assert "detach one" in str(rejected["message"])
    await viewer.leave()
    await until(lambda: served.hub.viewers == 0)


async def test_every_answer_names_its_request(served: Served) -> None:
    viewer = WebSocketViewer(served.http)
    await viewer.start(GOOD)
    address = f"/api/generations/{viewer.generation_id}"
    paths = ["/health", "/ready", "/api/stats", "/api/models", "/nowhere", address, f"{address}/events"]
    for path in paths:
        for given in ("mine-7", None):
            async with served.http.get(path, headers={"X-Request-ID": given} if given else {}) as response:
                named = response.headers["X-Request-ID"]
                assert named == given if given else named.startswith("r_"), path
    await viewer.leave()


async def raw(served: Served, *pieces: bytes) -> bytes:
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_head_without_end_is_refused(served: Served) -> None:
    answer = await raw(served, b"GET /health HTTP/1.1\r\n", *[b"X-Pad: " + b"x" * 8000 + b"\r\n"] * 20)
    assert answer.startswith(b"HTTP/1.1 431") or answer == b""
    answer = await raw(served, b"GET /health?", *[b"x" * 8000] * 60)
    assert answer.startswith(b"HTTP/1.1 431") or answer == b""


async def test_who_sends_into_a_running_answer_is_cut_off_and_counts_as_gone(served: Served) -> None:
    body = orjson.dumps({**GOOD, "options": {"on_disconnect": "cancel"}})
    start = (
        b"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b"
    )
    await raw(served, start % (len(body), body) + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(lambda: served.only.log.ended)
    assert served.only.state == "interrupted"


async def test_text_that_is_not_utf8_closes_the_socket(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        await socket._writer.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1007
    assert "Traceback" not in caplog.text
