"""Which pages may use the gateway: the same on every route, checked before a request has any effect."""

from pathlib import Path

import aiohttp
import orjson
import pytest
from starlette.routing import BaseRoute, Route

from gateway.api.middleware.auth import PUBLIC_PATHS
from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.protocol.event_stream import EventStreamDecoder
from tests.served.clients import BODY, Clients, clients, keys_file, protocols, with_keys
from tests.served.gateway import Served

__all__ = ["clients", "keys_file", "protocols"]


PAGE = "https://app.example"


EVIL = "https://evil.example"


EVENTS = {"Accept": "text/event-stream"}


CHROME = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36"}


GET_START = "/api/chat/stream?prompt=x"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"allowed_origins": (PAGE,), "rate_limit_per_minute": 5})


def routes() -> list[tuple[str, str]]:
    """List every method of every route that is not public, with a value for each path parameter."""
    found: list[BaseRoute] = create_app(Settings(cookie="c", keys_file=Path("/dev/null"))).routes
    return [
        (method, route.path.replace("{generation_id}", "g_x").replace("{name:path}", "m"))
        for route in found
        if isinstance(route, Route) and route.path not in PUBLIC_PATHS
        for method in sorted(route.methods or ())
    ]


@pytest.mark.parametrize("headers", [{"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
async def test_a_foreign_page_gets_nothing_on_any_route(served: Served, headers: dict[str, str]) -> None:
    assert len(routes()) > 12
    for method, path in routes():
        async with served.http.request(method, path, headers=headers, json=BODY) as response:
            assert response.status == 403, (method, path)
            # The page may read the refusal, without credentials.
            assert response.headers.get("Access-Control-Allow-Origin") == headers.get("Origin")
            assert "Access-Control-Allow-Credentials" not in response.headers
            body = (await response.read()).lower()
            assert b"forbidden" in body or response.headers.get("X-Error-Code") == "forbidden" or method == "HEAD"
    if "Origin" in headers:
        async with served.http.ws_connect("/api/ws", headers=headers) as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4403
    assert served.hub.running == 0


async def test_the_close_reason_fits_into_a_close_frame(served: Served) -> None:
    async with served.http.ws_connect("/api/ws", headers={"Origin": "http://" + "é" * 100}) as socket:
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4403)
        assert str(closed.extra).startswith("Pages of http://")


async def test_a_foreign_page_cannot_start_by_get(served: Served) -> None:
    for headers in ({"Origin": EVIL}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        async with served.http.get(GET_START, headers={**EVENTS, **headers}) as response:
            (event,) = EventStreamDecoder().feed(await response.read())
            assert orjson.loads(event.data)["code"] == "forbidden"
            assert event.last_event_id == "refused"
    # Over plain HTTP to another machine a browser sends neither header, and any page can set `Accept`.
    async with served.http.get(GET_START, headers={**EVENTS, **CHROME}) as response:
        (event,) = EventStreamDecoder().feed(await response.read())
        assert "HTTPS" in orjson.loads(event.data)["message"]
    assert served.hub.running == 0
    async with served.http.get(GET_START, headers={**EVENTS, **CHROME, "Sec-Fetch-Site": "same-origin"}):
        assert served.hub.running == 1
    async with served.http.get(GET_START, headers=EVENTS):
        assert served.hub.running == 2


async def test_a_browser_without_origin_headers_may_start_with_a_ticket(served: Served) -> None:
    async with served.http.post("/api/tickets", json={"scope": "start"}, headers=CHROME) as response:
        ticket = (await response.json())["ticket"]
    async with served.http.get(f"{GET_START}&ticket={ticket}", headers={**EVENTS, **CHROME}) as response:
        assert response.status == 200
        assert served.hub.running == 1


async def test_a_rebound_host_name_reads_nothing(served: Served) -> None:
    for headers in ({"Origin": "http://evil.example:80"}, {"Sec-Fetch-Site": "same-origin"}, CHROME):
        for path in ("/api/stats", "/api/models", "/v1/models", GET_START):
            async with served.http.get(path, headers={"Host": "evil.example:80", **EVENTS, **headers}) as response:
                assert b"forbidden" in await response.read(), path
    assert served.hub.running == 0


async def test_our_own_page_is_admitted(served: Served) -> None:
    async with served.http.post("/api/generations", json=BODY, headers={"Origin": served.url}) as response:
        assert response.status == 201


class TestWithKeys:
    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    async def test_an_allowed_page_may_read_that_a_credential_is_missing(self, served: Served) -> None:
        async with served.http.post("/api/generations", json=BODY, headers={"Origin": PAGE}) as response:
            assert response.status == 401
            assert response.headers["Access-Control-Allow-Origin"] == PAGE

    async def test_a_key_does_not_help_a_foreign_page(self, served: Served, clients: Clients) -> None:
        for method, path in routes():
            async with clients.named("alice").request(method, path, headers={"Origin": EVIL}, json=BODY) as response:
                assert response.status == 403, (method, path)
        assert served.hub.running == 0

    async def test_a_browser_without_origin_headers_may_start_with_a_key(
        self, served: Served, clients: Clients
    ) -> None:
        async with clients.named("alice").get(GET_START, headers={**EVENTS, **CHROME}) as response:
            assert response.status == 200
            assert served.hub.running == 1


class TestOtherNamesOfLoopback:
    """A gateway without keys that listens on loopback under another name for it."""

    @pytest.fixture(params=["127.1", "0x7f.1", "LOCALHOST", "loopback.example"])
    def settings(self, request: pytest.FixtureRequest) -> Settings:
        return Settings(host=request.param, model=("m",), max_concurrent=0)

    async def test_a_rebound_host_name_starts_nothing(self, served: Served) -> None:
        headers = {"Host": "evil.example", "Origin": "http://evil.example"}
        async with served.http.post("/api/generations", json=BODY, headers=headers) as response:
            assert response.status == 403
        async with served.http.post("/api/generations", json=BODY) as response:
            assert response.status == 201
        await served.hub.close()
