"""The handshake of the Responses API's WebSocket: who may open one, and what the others are told."""

from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code
from tests.served.clients import KEYS, Clients, clients, keys_file, protocols, with_keys
from tests.served.gateway import Served
from tests.served.responses import PATH, answer, request
from tests.served.viewers import until

__all__ = ["clients", "keys_file", "protocols"]


async def refused_with(
    session: aiohttp.ClientSession, *, origin: str | None = None, offered: Sequence[str] = ()
) -> int:
    """Return the status with which a handshake is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await session.ws_connect(PATH, origin=origin, protocols=offered)
    return error.value.status


async def works(served: Served, socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Return True if a response is created on a socket."""
    calls = len(served.upstream.calls)
    await socket.send_json({"type": "response.create", **request()})
    await served.called(calls + 1)
    answer(served)
    while (message := await socket.receive_json())["type"] not in {"response.completed", "error"}:
        pass
    return bool(message["type"] == "response.completed")


async def test_a_page_of_another_site_is_refused(served: Served) -> None:
    assert await refused_with(served.http, origin="https://foreign.example") == 403


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        (["realtime"], "realtime"),
        (["openai-insecure-api-key.sk-x", "openai-beta.responses.v1"], "openai-beta.responses.v1"),
        ([], None),
    ],
)
async def test_a_subprotocol_is_selected_and_never_a_secret(
    served: Served, offered: list[str], selected: str | None
) -> None:
    async with served.http.ws_connect(PATH, protocols=offered) as socket:
        assert socket.protocol == selected
        assert await works(served, socket)


async def test_a_socket_counts_as_a_stream_until_it_ends(served: Served) -> None:
    async with served.http.ws_connect(PATH) as socket:
        assert served.streams.open == 1
        assert await works(served, socket)
    await until(lambda: served.streams.open == 0)


async def test_a_shutdown_closes_the_socket(served: Served) -> None:
    async with served.http.ws_connect(PATH) as socket:
        served.hub.draining = True
        await socket.send_json({"type": "response.create", **request()})
        error = await socket.receive_json()
        assert (error["status"], error["error"]["code"]) == (503, Code.SHUTTING_DOWN)
        for protocol in tuple(served.protocols):
            protocol.shutdown()  # type: ignore[attr-defined]
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1012


class TestSwitchedOff:
    """`responses_websocket = false`."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"responses_websocket": False})

    async def test_clients_are_told_to_use_http(self, served: Served) -> None:
        assert await refused_with(served.http) == 426


class TestKeys:
    """Keys of clients."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    async def test_a_key_opens_a_socket(self, clients: Clients, served: Served) -> None:
        async with clients.named("alice").ws_connect(PATH) as socket:
            assert await works(served, socket)

    @pytest.mark.parametrize("credential", [None, "wrong"])
    async def test_without_a_valid_key_the_status_says_so(self, clients: Clients, credential: str | None) -> None:
        assert await refused_with(clients.session(credential)) == 401

    async def test_an_expired_key_is_refused(self, clients: Clients) -> None:
        assert await refused_with(clients.named("old")) == 401

    async def test_a_ticket_opens_a_socket(self, clients: Clients, served: Served) -> None:
        async with clients.named("alice").post("/api/tickets", json={"scope": "socket"}) as response:
            ticket = (await response.json())["ticket"]
        protocols = ["dualstream.ticket." + ticket, "realtime"]
        async with clients.session(None).ws_connect(PATH, protocols=protocols) as socket:
            assert socket.protocol == "realtime"
            assert await works(served, socket)
        assert await refused_with(clients.session(None), offered=protocols) == 401

    async def test_too_many_streams(self, clients: Clients, served: Served) -> None:
        reader = clients.named("reader")
        sockets = [await reader.ws_connect(PATH) for _ in range(3)]
        assert await refused_with(reader) == 429
        for socket in sockets:
            await socket.close()

    async def test_the_history_of_a_socket_belongs_to_its_key(self, clients: Clients, served: Served) -> None:
        assert KEYS["alice"].id != KEYS["bob"].id
        async with clients.named("alice").ws_connect(PATH) as mine, clients.named("bob").ws_connect(PATH) as other:
            await mine.send_json({"type": "response.create", **request(generate=False, store=False)})
            while (message := await mine.receive_json())["type"] != "response.completed":
                pass
            previous = {"previous_response_id": message["response"]["id"]}
            await other.send_json({"type": "response.create", **request(**previous)})
            assert (await other.receive_json())["error"]["code"] == "previous_response_not_found"
