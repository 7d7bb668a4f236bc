"""The session cookie: it grants what its key grants, but only to allowed pages."""

import asyncio
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest

from gateway.api.session import MAX_COOKIE_LENGTH
from gateway.config import Settings
from gateway.security.jwt_tokens import LEEWAY_SECONDS
from gateway.security.key_file import write_keys
from tests.gateway.security.issuer import token
from tests.served.clients import BODY, KEYS, Clients, clients, keys_file, protocols, stored_key, with_keys
from tests.served.gateway import Served
from tests.served.viewers import JsonObject

__all__ = ["clients", "keys_file", "protocols"]

NAME = "__Host-dualstream"
PAGE = "https://app.example"
START = "/api/chat/stream?prompt=x"
EVENTS = {"Accept": "text/event-stream"}
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file).model_copy(update={"cookie": NAME, "allowed_origins": (PAGE,)})


def with_cookie(name: str = "alice", **headers: str) -> dict[str, str]:
    return {"Cookie": f"other=1; {NAME}={KEYS[name].text()}", **headers}


async def error_of(response: aiohttp.ClientResponse) -> JsonObject:
    body: JsonObject = (await response.json())["error"]
    return body


async def test_a_session_puts_the_key_into_a_cookie_that_scripts_cannot_read(clients: Clients) -> None:
    async with clients.named("alice").post("/api/session") as response:
        assert response.status == 204
        assert response.headers["Cache-Control"] == "no-store"
        (cookie,) = SimpleCookie(response.headers["Set-Cookie"]).values()
    assert (cookie.key, cookie.value) == (NAME, KEYS["alice"].text())
    assert (cookie["path"], cookie["samesite"], cookie["domain"]) == ("/", "strict", "")
    assert cookie["httponly"]
    assert cookie["secure"]
    # A session cookie, for a key that does not expire.
    assert (cookie["max-age"], cookie["expires"]) == ("", "")


async def test_a_cookie_ends_with_its_token(served: Served, clients: Clients) -> None:
    served.clock.advance(1000)
    text = token({"exp": 4_000_000_000})
    async with clients.session(text).post("/api/session") as response:
        (cookie,) = SimpleCookie(response.headers["Set-Cookie"]).values()
    assert int(cookie["max-age"]) == 4_000_000_000 + LEEWAY_SECONDS - int(served.clock.unix())


async def test_a_cookie_can_be_cleared_even_if_it_is_not_valid(served: Served) -> None:
    for cookie in (with_cookie(**OURS), {"Cookie": f"{NAME}=wrong", **OURS}, OURS):
        async with served.http.delete("/api/session", headers=cookie) as response:
            assert response.status == 204
            (cleared,) = SimpleCookie(response.headers["Set-Cookie"]).values()
            assert (cleared.value, cleared["max-age"]) == ("", "0")
    async with served.http.delete("/api/session", headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403
        assert "Set-Cookie" not in response.headers


async def test_only_the_credential_of_the_header_is_put_into_a_cookie(served: Served, clients: Clients) -> None:
    async with served.http.post("/api/session", headers=with_cookie(**OURS)) as response:
        assert response.status == 400
        assert (await error_of(response))["param"] == "Authorization"
    async with served.http.post("/api/session") as response:
        assert response.status == 401
    async with clients.session(token({"long": "x" * MAX_COOKIE_LENGTH})).post("/api/session") as response:
        assert response.status == 400
        assert "tickets" in str((await error_of(response))["message"])


@pytest.mark.parametrize("headers", [OURS, {"Origin": PAGE, "Sec-Fetch-Site": "same-site"}], ids=["ours", "allowed"])
async def test_a_cookie_grants_what_its_key_does_to_allowed_pages(served: Served, headers: dict[str, str]) -> None:
    mine = with_cookie(**headers)
    async with served.http.get(START, headers={**EVENTS, **mine}) as response:
        assert response.status == 200
        generation_id = response.headers["X-Generation-ID"]
        assert served.hub._records._by_id[generation_id].principal.id == "key:alice"
        async with served.http.get(f"/api/generations/{generation_id}", headers=mine) as found:
            assert found.status == 200
        async with served.http.get(f"/api/generations/{generation_id}", headers=with_cookie("bob", **headers)) as lost:
            assert lost.status == 404
        async with served.http.post(f"/api/generations/{generation_id}/interrupt", headers=mine) as stopped:
            assert stopped.status == 202


async def test_a_cookie_opens_a_socket(served: Served) -> None:
    for origin in (served.url, PAGE):
        async with served.http.ws_connect("/api/ws", headers=with_cookie(Origin=origin)) as socket:
            await socket.send_json({"type": "start", "id": 1, **BODY})
            assert (await socket.receive_json())["type"] == "ack"
    assert {record.principal.id for record in served.hub._records._by_id.values()} == {"key:alice"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        # Another port of this machine is on the same site: the browser sends the cookie, but the page is not allowed.
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_a_cookie_grants_nothing_to_other_pages(served: Served, headers: dict[str, str]) -> None:
    mine = with_cookie(**headers)
    requests = [("POST", "/api/generations"), ("POST", "/api/chat/stream"), ("GET", "/api/models"), ("GET", START)]
    for method, path in [*requests, ("POST", "/api/tickets"), ("POST", "/api/generations/g_x/interrupt")]:
        async with served.http.request(method, path, headers=mine, json=BODY) as response:
            assert response.status == 403, path
            assert KEYS["alice"].text() not in await response.text()
    async with served.http.ws_connect("/api/ws", headers=mine) as socket:
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4403
    assert served.hub.running == 0


@pytest.mark.parametrize("blank", ["\xa0", "\x85"], ids=ascii)
async def test_a_cookie_name_that_another_host_can_set_does_not_count(served: Served, blank: str) -> None:
    alice, watcher = KEYS["alice"].text(), KEYS["watcher"].text()
    # Browsers prevent other hosts from setting `__Host-…`, but not names that only look like it.
    for name in (f"{blank}{NAME}", f"{NAME}{blank}", NAME.lower(), f"x{NAME}"):
        assert await stats_status(served, f"{name}={watcher}") == 401
        assert await stats_status(served, f"{NAME}={alice}; {name}={watcher}") == 403
        assert await stats_status(served, f"{name}={alice}; {NAME}={watcher}") == 200


async def test_two_cookies_of_the_same_name_are_refused(served: Served) -> None:
    alice, watcher = KEYS["alice"].text(), KEYS["watcher"].text()
    assert await stats_status(served, f"{NAME}={alice}; {NAME}={watcher}") == 401
    assert await stats_status(served, f"{NAME}={alice}\r\nCookie: {NAME}={watcher}") == 401
    assert await stats_status(served, f'a=b;c; {NAME}="{watcher}" ;d=') == 200


async def stats_status(served: Served, cookies: str) -> int:
    """Request the statistics with exactly these bytes as cookies; return the status: 403 means no role."""
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = ["GET /api/stats HTTP/1.1", f"Host: {host}:{port}", "Sec-Fetch-Site: same-origin", f"Cookie: {cookies}"]
    try:
        writer.write("\r\n".join([*head, "", ""]).encode("latin-1"))
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("gateway.example", "http://gateway.example", 403),
        ("gateway.example:8443", "http://gateway.example:8443", 403),
        ("gateway.example", "https://gateway.example", 200),
        ("localhost:8000", "http://localhost:8000", 200),
        ("app.localhost", "http://app.localhost", 200),
    ],
)
async def test_a_page_over_plain_http_is_refused(served: Served, host: str, origin: str, status: int) -> None:
    async with served.http.get("/api/models", headers=with_cookie(Host=host, Origin=origin)) as response:
        assert response.status == status
    async with served.http.ws_connect("/api/ws", headers=with_cookie(Host=host, Origin=origin)) as socket:
        if status == 200:
            await socket.send_json({"type": "ping", "id": 1})
            assert (await socket.receive_json())["type"] == "pong"
        else:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4403


async def test_every_invalid_cookie_gets_the_same_status(served: Served, keys_file: Path, clients: Clients) -> None:
    wrong = [f"{NAME}=", f"{NAME}=x", f'{NAME}="a b"', f"{NAME}={KEYS['alice'].text()}x"]
    for text in wrong:
        async with served.http.get("/api/models", headers={"Cookie": text, **OURS}) as response:
            assert response.status == 401, text
    write_keys(keys_file, [stored_key("bob")])
    await served.reloader.change(served.reloader._settings)
    async with served.http.get("/api/models", headers=with_cookie(**OURS)) as response:
        assert response.status == 401


async def test_a_header_and_a_ticket_take_precedence_over_a_cookie(served: Served, clients: Clients) -> None:
    bob = clients.named("bob")
    async with bob.post("/api/generations", headers=with_cookie(**OURS), json=BODY) as response:
        assert served.hub._records._by_id[(await response.json())["id"]].principal.id == "key:bob"
    async with bob.post("/api/tickets", json={"scope": "socket"}) as response:
        text = (await response.json())["ticket"]
    protocols = ["dualstream.v1", f"dualstream.ticket.{text}"]
    async with served.http.ws_connect(
        "/api/ws", headers=with_cookie(Origin=served.url), protocols=protocols, origin=None
    ) as socket:
        assert not socket.closed


async def test_a_cookie_of_another_name_does_not_count(served: Served, clients: Clients) -> None:
    async with served.http.get("/api/models", headers={"Cookie": f"else={KEYS['alice'].text()}", **OURS}) as response:
        assert response.status == 401


class TestOpen:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"keys_file": None, "jwt": None})

    async def test_a_session_is_not_an_error_without_keys(self, served: Served) -> None:
        for headers in ({}, {"Authorization": "Bearer anything"}, {"Authorization": "Basic eDp5"}):
            async with served.http.post("/api/session", headers=headers) as response:
                assert response.status == 204
                assert "Set-Cookie" not in response.headers
        async with served.http.get("/api/models", headers={"Cookie": f"{NAME}=x"}) as response:
            assert response.status == 200


class TestUnset:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"cookie": None})

    async def test_without_the_setting_no_cookie_counts(self, served: Served, clients: Clients) -> None:
        async with served.http.get("/api/models", headers=with_cookie(**OURS)) as response:
            assert response.status == 401
        async with clients.named("alice").post("/api/session") as response:
            assert response.status == 404
