"""WebSocket handshake: the hello, and what a client may send before it is authenticated."""

from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.security.api_keys import generate_key
from tests.gateway.security.issuer import token
from tests.served.clients import BODY, KEYS, Clients, clients, close_code, keys_file, protocols, with_keys
from tests.served.gateway import Served

__all__ = ["clients", "keys_file", "protocols"]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


async def test_a_hello_authenticates_a_socket(clients: Clients, served: Served) -> None:
    async with clients.socket() as websocket:
        for command in ({"type": "ping"}, {"type": "start", **BODY}, {"type": "attach", "generation_id": "g_x"}):
            await websocket.send_json({"id": 1, **command})
            answer = await websocket.receive_json()
            assert (answer["type"], answer["code"]) == ("rejected", "auth_error")
            # Not a header: a page can't add one to a handshake.
            assert 'first send {"type":"hello","token":"…"}' in answer["message"]
        await websocket.send_json({"type": "hello", "id": 2, "token": KEYS["alice"].text()})
        assert await websocket.receive_json() == {"type": "ack", "id": 2, "generation_id": None}
        await websocket.send_json({"type": "start", "id": 3, **BODY})
        assert (await websocket.receive_json())["type"] == "ack"
        served.clock.advance(6)
        await websocket.send_json({"type": "ping", "id": 4})
        while (answer := await websocket.receive_json())["type"] != "pong":
            pass
        assert served.hub._records._by_id[served.only.id].principal.id == "key:alice"


@pytest.mark.parametrize(
    "credential", [None, "", "x", generate_key().text(), KEYS["old"].text(), token(key="x" * 64)], ids=range(6)
)
async def test_an_invalid_hello_closes_the_socket(clients: Clients, credential: str | None) -> None:
    async with clients.socket() as websocket:
        await websocket.send_json({"type": "hello", "id": 1, "token": credential})
        assert await close_code(websocket) == 4401


async def test_an_invalid_header_closes_the_socket(clients: Clients, served: Served) -> None:
    for credential in ("x", KEYS["old"].text(), generate_key().text()):
        async with clients.socket(credential) as websocket:
            assert await close_code(websocket) == 4401


async def test_a_socket_without_a_hello_in_time_is_closed(clients: Clients, served: Served) -> None:
    async with clients.socket() as websocket:
        await websocket.send_json({"type": "ping", "id": 1})
        assert (await websocket.receive_json())["type"] == "rejected"
        served.clock.advance(5)
        assert await close_code(websocket) == 4408


async def test_before_its_hello_a_socket_may_send_little(clients: Clients) -> None:
    async with clients.socket() as websocket:
        await websocket.send_json({"type": "hello", "token": "x" * 17_000})
        assert await close_code(websocket) == 4413
    async with clients.socket() as websocket:
        for _ in range(10):
            await websocket.send_str("hello?")
        assert await close_code(websocket) == 4400
    async with clients.socket() as websocket:
        await websocket.close()


async def test_a_hello_may_replace_the_token_of_the_same_principal(clients: Clients) -> None:
    async with clients.socket(token({"sub": "carol"})) as websocket:
        for credential, said in ((token({"sub": "carol"}), "ack"), (token(), "forbidden"), ("x", "auth_error")):
            await websocket.send_json({"type": "hello", "id": 1, "token": credential})
            answer = await websocket.receive_json()
            assert said in {answer["type"], answer.get("code")}
