"""The chat of the AI SDK over WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Interrupted, Revision
from tests.gateway.dialects.ai_sdk.requests import user
from tests.gateway.dialects.ai_sdk.streams import Json, Message, message_of
from tests.gateway.server.raw_client import UPGRADE, connected, frame
from tests.served.chats import PATH, answer, body, chatted
from tests.served.clients import KEYS, Clients, clients, close_code, keys_file, protocols, with_keys
from tests.served.gateway import Served
from tests.served.viewers import until
from transports.chat_ui.ai_sdk.commands import ABORT_SECONDS
from transports.handshake import HELLO_SECONDS

__all__ = ["clients", "keys_file", "protocols"]

Socket = aiohttp.ClientWebSocketResponse


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_generations_per_socket": 2})


@pytest.fixture
async def socket(served: Served) -> AsyncIterator[Socket]:
    async with served.http.ws_connect(PATH) as opened, asyncio.timeout(10):
        yield opened


async def send(socket: Socket, request_id: str = "r1", chat: str = "c/1", **fields: object) -> None:
    """Send a message as the SDK does."""
    named = {"headers": {}, "body": {}, "messageId": None, "trigger": "submit-message", **fields}
    await socket.send_json({"type": "send", "requestId": request_id, "id": chat, "messages": [user("Hello")], **named})


async def resume(socket: Socket, request_id: str = "r2", chat: str = "c/1", **fields: object) -> None:
    await socket.send_json({"type": "resume", "requestId": request_id, "id": chat, "headers": {}, "body": {}, **fields})


async def read(socket: Socket, request_id: str = "r1", *, until_chunk: str = "") -> list[Json]:
    """Return the chunks of a request up to its end, or up to a chunk; their numbers have no gap."""
    found: list[Json] = []
    numbers: list[int] = []
    while True:
        received = await socket.receive_json()
        if received["requestId"] != request_id:
            continue
        if received["type"] == "end":
            break
        if received["type"] == "chunk":
            found.append(received["chunk"])
            numbers.append(received["sequence"])
            if received["chunk"]["type"] == until_chunk:
                break
        else:
            assert received == {"type": "start", "requestId": request_id}
    assert numbers == list(range(numbers[0] if numbers else 0, len(numbers) + (numbers[0] if numbers else 0)))
    return found


async def message(socket: Socket, request_id: str = "r1") -> Message:
    return message_of(await read(socket, request_id))


async def error(socket: Socket) -> tuple[str, str]:
    """Return the next frame, which must be an error: its request and its text."""
    received = await socket.receive_json()
    assert received["type"] == "error"
    return received["requestId"], received["errorText"]


async def test_a_message_is_answered(served: Served, socket: Socket) -> None:
    await send(socket)
    await served.called()
    answer(served)
    found = await message(socket)
    assert (found.text, found.finish_reason) == ("Xin chào", "stop")


async def test_many_requests_on_one_socket(served: Served, socket: Socket) -> None:
    for number in range(2):
        await send(socket, f"r{number}", f"c{number}", body={"metadata": {"n": str(number)}})
        await served.called(number + 1)
    for number, call in enumerate(served.upstream.calls):
        call.send(f"answer {number}")
    for call in reversed(served.upstream.calls):
        call.finish()
    texts: dict[str, Message] = {f"r{number}": Message() for number in range(2)}
    ended = 0
    while ended < 2:
        received = await socket.receive_json()
        ended += received["type"] == "end"
        if received["type"] == "chunk":
            texts[received["requestId"]].read(received["chunk"])
    assert [found.text for found in texts.values()] == ["answer 0", "answer 1"]


async def test_the_next_message_of_a_chat(served: Served, socket: Socket) -> None:
    for request_id in ("r1", "r2"):
        await send(socket, request_id)
        await served.called(int(request_id[1]))
        answer(served)
        assert (await message(socket, request_id)).text == "Xin chào"


async def test_a_new_text_replaces_the_one_before(served: Served, socket: Socket) -> None:
    await send(socket)
    await served.called()
    served.upstream.last.send("old")
    before = await read(socket, until_chunk="text-delta")
    served.only.log.append(Revision(2, None, None, "failover"))
    answer(served, "new")
    assert message_of([*before, *await read(socket)]).text == "new"


async def test_abort_stops_the_answer(served: Served, socket: Socket) -> None:
    await send(socket)
    await served.called()
    served.upstream.last.send("Xin ")
    before = await read(socket, until_chunk="text-delta")
    await socket.send_json({"type": "abort", "requestId": "r1"})
    found = message_of([*before, *await read(socket)])
    assert (found.text, found.abort_reason) == ("Xin ", "stopped by the user")
    # The SDK aborts also what has ended.
    await socket.send_json({"type": "abort", "requestId": "r1"})
    await resume(socket, chat="unknown")
    assert (await socket.receive_json())["type"] == "no-active"


@pytest.mark.parametrize("last", [None, 0, 3, 99])
async def test_an_answer_is_resumed_on_another_socket(served: Served, socket: Socket, last: int | None) -> None:
    whole = await chatted(served, {"messages": body()["messages"]})
    fields: Json = {"chat": served.only.id} if last is None else {"chat": served.only.id, "lastSequence": last}
    await resume(socket, **fields)
    found = await read(socket, "r2")
    assert found == whole[0 if last is None else last + 1 :]


async def test_a_running_answer_is_resumed_from_its_beginning(served: Served, socket: Socket) -> None:
    async with served.http.ws_connect(PATH) as first:
        await send(first)
        await served.called()
        served.upstream.last.send("Xin ")
        await read(first, until_chunk="text-delta")
        await first.close()
    await until(lambda: served.hub.viewers == 0)
    await resume(socket)
    await until(lambda: served.hub.viewers == 1)
    answer(served, "chào")
    assert (await message(socket, "r2")).text == "Xin chào"


async def test_a_request_takes_over_what_another_one_of_its_socket_reads(served: Served, socket: Socket) -> None:
    await send(socket)
    await served.called()
    served.upstream.last.send("Xin ")
    await read(socket, until_chunk="text-delta")
    await resume(socket)
    assert await error(socket) == ("r1", "This socket has resumed the answer in another request.")
    answer(served, "chào")
    assert (await message(socket, "r2")).text == "Xin chào"


async def test_abort_of_a_resumed_stream_stops_the_answer_unless_it_is_resumed_again(
    served: Served, socket: Socket
) -> None:
    """`resumeStream()` aborts the one before it."""
    async with served.http.ws_connect(PATH) as first:
        await send(first)
        await served.called()
    await until(lambda: served.hub.viewers == 0)
    for request_id in ("r2", "r3"):
        await resume(socket, request_id)
        await until(lambda: served.hub.viewers == 1)
        await socket.send_json({"type": "abort", "requestId": request_id})
        await until(lambda: served.hub.viewers == 0)
    await resume(socket, "r4")
    await until(lambda: served.hub.viewers == 1)
    served.clock.advance(ABORT_SECONDS)
    assert not served.only.log.ended
    await socket.send_json({"type": "abort", "requestId": "r4"})
    await until(lambda: served.hub.viewers == 0)
    served.clock.advance(ABORT_SECONDS)
    await until(lambda: served.only.log.ended)
    assert isinstance(served.only.end, Interrupted)
    assert served.only.end.by == "client"


async def test_a_client_that_does_not_read_is_left_behind(settings: Settings, served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE.replace(b"/api/ws", PATH.encode()) + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        message = {"id": "c", "messages": [user("Hello")], "trigger": "submit-message", "headers": {}, "body": {}}
        writer.write(frame(1, orjson.dumps({"type": "send", "requestId": "r", **message})))
        await served.called()
        for _ in range(64):
            served.upstream.last.send("x" * 400_000)
        await until(lambda: served.only.has_content)
        served.upstream.last.finish()
        await until(lambda: served.only.log.ended)
        await until(lambda: served.hub.viewers == 1)
        while served.hub.viewers:
            # Not at once: a client that takes anything meanwhile has more time.
            served.clock.advance(settings.viewer_timeout)
            await asyncio.sleep(0)


async def test_a_socket_that_closes_is_a_viewer_that_leaves(served: Served) -> None:
    async with served.http.ws_connect(PATH) as opened:
        await send(opened, headers={"X-On-Disconnect": "cancel"})
        await served.called()
    await until(lambda: served.only.log.ended)
    assert isinstance(served.only.end, Interrupted)


async def test_a_failure_is_an_error_of_its_request(served: Served, socket: Socket) -> None:
    await send(socket)
    await served.called()
    served.upstream.last.fail(Failed(Code.CONTENT_FILTER, "Refused by a filter."))
    found = await message(socket)
    assert (found.id, found.error) == ("", "Refused by a filter.")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"trigger": "x"}, "trigger: must be one of submit-message, regenerate-message."),
        ({"messages": "x"}, "messages: must be a list."),
        ({"body": []}, "body: must be an object."),
        ({"headers": []}, "headers: must be an object of strings."),
        ({"headers": {"a": 1}}, "headers.a: must be a string."),
        ({"headers": {"X-On-Disconnect": "x"}}, "x-on-disconnect: must be one of grace, cancel, continue."),
        ({"type": "x"}, "type: must be one of send, resume, abort."),
        ({"type": "resume", "lastSequence": -1}, "lastSequence: must be the sequence of the last chunk"),
        ({"type": "resume", "lastSequence": True}, "lastSequence: must be the sequence of the last chunk"),
        ({"headers": {"Idempotency-Key": "k" * 256}}, "Idempotency-Key: must have 1 to 255 characters"),
    ],
)
async def test_a_request_that_is_not_valid_is_refused_and_the_socket_lives(
    served: Served, socket: Socket, fields: Json, problem: str
) -> None:
    await send(socket, **fields)
    request_id, text = await error(socket)
    assert request_id == "r1"
    assert text.startswith(problem)
    await resume(socket)
    assert await socket.receive_json() == {"type": "no-active", "requestId": "r2"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "The frame is not JSON"),
        ("[]", "The frame must be a JSON object."),
        ("{}", "requestId: must be a string."),
        ('{"requestId":""}', "requestId: must have 1 to 128 characters."),
    ],
)
async def test_a_frame_that_can_not_be_answered_closes_the_socket(socket: Socket, text: str, reason: str) -> None:
    await socket.send_str(text)
    closed = await socket.receive()
    assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4400)
    assert str(closed.extra).startswith(reason)


async def test_binary_frames_close_the_socket(socket: Socket) -> None:
    await socket.send_bytes(b"{}")
    assert await close_code(socket) == 4400


async def test_a_frame_that_is_too_large_is_an_error_of_its_request(served: Served, socket: Socket) -> None:
    await socket.send_json({"type": "send", "requestId": "r1", "pad": "x" * 20_001})
    request_id, text = await error(socket)
    assert (request_id, text) == ("r1", "The message is larger than 20000 bytes.")


async def test_too_many_answers_on_one_socket(settings: Settings, served: Served, socket: Socket) -> None:
    for number in range(settings.max_generations_per_socket + 1):
        await send(socket, f"r{number}", f"c{number}")
    while (received := await socket.receive_json())["type"] != "error":
        pass
    assert (received["requestId"], received["errorText"][:14]) == ("r2", "2 answers are ")


async def test_a_plain_request_is_told_to_upgrade(served: Served) -> None:
    async with served.http.get(PATH) as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")
        assert (await response.text()).startswith("This is a WebSocket, or POST")


async def test_a_foreign_page_is_closed(served: Served) -> None:
    async with served.http.ws_connect(PATH, headers={"Origin": "https://evil.example"}) as opened:
        assert await close_code(opened) == 4403


async def test_a_subprotocol_that_is_offered_is_selected(served: Served) -> None:
    async with served.http.ws_connect(PATH, protocols=["dualstream.ticket.x", "mine"]) as opened:
        assert opened.protocol == "mine"


class TestKeys:
    """A gateway with keys: each frame has its own."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: object) -> Settings:
        return with_keys(settings, keys_file)  # type: ignore[arg-type]

    @asynccontextmanager
    async def opened(self, clients: Clients, credential: str | None = None) -> AsyncIterator[Socket]:
        async with clients.session(credential).ws_connect(PATH) as socket, asyncio.timeout(10):
            yield socket

    @staticmethod
    def headers(name: str) -> Json:
        return {"authorization": f"Bearer {KEYS[name].text()}"}

    async def test_a_frame_is_authorised_by_its_headers(self, served: Served, clients: Clients) -> None:
        async with self.opened(clients) as socket:
            await send(socket, headers=self.headers("alice"))
            await served.called()
            answer(served)
            assert (await message(socket)).text == "Xin chào"

    async def test_no_key_is_logged_or_sent_back(
        self, served: Served, clients: Clients, caplog: pytest.LogCaptureFixture
    ) -> None:
        secret = "sk-secret-0123456789"
        caplog.set_level("DEBUG")
        async with self.opened(clients) as socket:
            await send(socket, headers={"authorization": f"Bearer {secret}"}, trigger="x")
            received = await socket.receive()
            assert secret not in str(received.data)
        async with self.opened(clients) as socket:
            await send(socket, headers={**self.headers("alice"), "x-on-disconnect": "x"})
            assert KEYS["alice"].secret not in str((await socket.receive()).data)
        assert secret not in caplog.text
        assert KEYS["alice"].secret not in caplog.text

    async def test_a_frame_may_use_the_credential_of_the_handshake(self, served: Served, clients: Clients) -> None:
        async with self.opened(clients, KEYS["alice"].text()) as socket:
            await send(socket)
            await served.called()
            answer(served)
            assert (await message(socket)).text == "Xin chào"

    async def test_a_frame_may_have_a_ticket(self, served: Served, clients: Clients) -> None:
        async with clients.named("alice").post("/api/tickets", json={"scope": "socket"}) as response:
            ticket = (await response.json())["ticket"]
        async with self.opened(clients) as socket:
            await send(socket, headers={"Ticket": ticket})
            await served.called()
            answer(served)
            assert (await message(socket)).text == "Xin chào"
            # It is used up, and the socket stays whose it is.
            await send(socket, "r2", headers={"Ticket": ticket})
            assert (await error(socket))[0] == "r2"

    @pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic x"}])
    async def test_a_socket_without_a_valid_key_gets_one_try(
        self, served: Served, clients: Clients, headers: Json
    ) -> None:
        async with self.opened(clients) as socket:
            await send(socket, headers=headers)
            assert (await error(socket))[0] == "r1"
            assert await close_code(socket) == 4401
        assert served.hub.running == 0

    async def test_a_socket_without_a_frame_is_closed(self, served: Served, clients: Clients) -> None:
        async with self.opened(clients) as socket:
            await until(lambda: served.clock.pending)
            served.clock.advance(HELLO_SECONDS)
            assert await close_code(socket) == 4408

    async def test_another_principal_on_the_socket_does_not_find_the_chat(
        self, served: Served, clients: Clients
    ) -> None:
        async with self.opened(clients) as socket:
            await send(socket, headers=self.headers("alice"))
            await served.called()
            await resume(socket, headers=self.headers("bob"))
            received = await socket.receive_json()
            while received["requestId"] == "r1":
                received = await socket.receive_json()
            assert received == {"type": "no-active", "requestId": "r2"}
            answer(served)
            assert (await message(socket)).text == "Xin chào"

    async def test_chats_are_each_principals_own_over_http(self, served: Served, clients: Clients) -> None:
        alice, bob = clients.named("alice"), clients.named("bob")
        posting = asyncio.ensure_future(alice.post(PATH, json=body()).__aenter__())
        await served.called()
        answer(served)
        await (await posting).read()
        run = served.only.id
        for chat in ("c%2F1", run):
            async with bob.get(f"{PATH}/{chat}/stream") as response:
                assert response.status == 204
            async with bob.post(f"{PATH}/{chat}/stop") as response:
                assert await response.json() == {"success": True, "stopped": False}
            async with alice.get(f"{PATH}/{chat}/stream") as response:
                assert response.status == 200
        async with clients.session(None).get(f"{PATH}/c/stream") as response:
            assert (response.status, response.headers["X-Error-Code"]) == (401, "auth_error")

    async def test_the_credential_of_a_frame_is_not_that_of_the_socket(self, served: Served, clients: Clients) -> None:
        async with self.opened(clients) as socket:
            await send(socket, headers=self.headers("alice"))
            await served.called()
            answer(served)
            await read(socket)
            for fields in ({}, {"chat": served.only.id}):
                await resume(socket, **fields)
                assert "requires a key" in (await error(socket))[1]


class TestLargeFrames:
    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file).model_copy(update={"max_body_bytes": 1_000_000})

    @pytest.mark.parametrize("is_valid", [True, False])
    async def test_the_first_frame_may_be_as_large_as_any(
        self, served: Served, clients: Clients, is_valid: bool
    ) -> None:
        key = KEYS["alice"].text() if is_valid else "wrong"
        async with clients.session(None).ws_connect(PATH) as socket, asyncio.timeout(10):
            await send(socket, messages=[user("a" * 900_000)], headers={"authorization": f"Bearer {key}"})
            received = await socket.receive_json()
            assert received["type"] == ("start" if is_valid else "error")

    async def test_a_first_frame_that_is_too_large_closes_the_socket(self, served: Served, clients: Clients) -> None:
        async with clients.session(None).ws_connect(PATH) as socket, asyncio.timeout(10):
            await send(socket, messages=[user("a" * 1_000_000)])
            assert await close_code(socket) == 4413
        await until(lambda: served.hub.prompts.used == 0)
