"""Which pages may use the gateway: everywhere the same, and the browser is told so before it sends anything."""

from pathlib import Path

import aiohttp
import orjson
import pytest
from starlette.routing import BaseRoute, Route

from gateway.api.middleware.auth import PUBLIC_PATHS
from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.protocol.errors import Code, Refused
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.security.origins import Origins, has_origin_headers, is_browser
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
    """List all routes but those that are public, each method by itself, with something in each place of a path."""
    found: list[BaseRoute] = create_app(Settings(cookie="c", keys_file=Path("/dev/null"))).routes
    return [
        (method, route.path.replace("{generation_id}", "g_x").replace("{name:path}", "m"))
        for route in found
        if isinstance(route, Route) and route.path not in PUBLIC_PATHS
        for method in sorted(route.methods or ())
    ]


# Pure.


@pytest.mark.parametrize(
    ("headers", "scheme", "origin"),
    [
        ({}, "http", ""),
        ({"host": "gw.example", "origin": "http://gw.example"}, "http", ""),
        ({"host": "GW.example", "origin": "https://gw.example"}, "https", ""),
        # A proxy took the TLS off, and does not say so.
        ({"host": "gw.example", "origin": "https://gw.example"}, "http", ""),
        ({"host": "gw.example", "origin": PAGE}, "http", PAGE),
        ({"host": "gw.example", "sec-fetch-site": "same-origin"}, "http", ""),
        ({"host": "gw.example", "sec-fetch-site": "none"}, "http", ""),
        ({"host": "gw.example", "origin": PAGE, "sec-fetch-site": "cross-site"}, "https", PAGE),
    ],
)
def test_whose_page_it_is(headers: dict[str, str], scheme: str, origin: str) -> None:
    assert Origins(frozenset({PAGE})).check(headers, scheme) == origin


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ({"host": "gw.example", "origin": EVIL}, "https"),
        ({"host": "gw.example", "origin": "null"}, "https"),
        ({"host": "gw.example", "origin": ""}, "https"),
        ({"host": "", "origin": "null"}, "http"),
        ({"origin": "https://"}, "http"),
        ({"host": "gw.example", "origin": "https://gw.example:444"}, "https"),
        ({"host": "gw.example", "origin": "https://gw.example.evil.example"}, "https"),
        ({"host": "gw.example", "origin": f"{PAGE}.evil.example"}, "https"),
        ({"host": "gw.example", "origin": f"{PAGE}/"}, "https"),
        ({"host": "gw.example", "origin": "http://[::1"}, "https"),
        # Anybody on the way may have written that page.
        ({"host": "gw.example", "origin": "http://gw.example"}, "https"),
        ({"host": "gw.example", "origin": "http://gw.example"}, "wss"),
        ({"host": "gw.example", "sec-fetch-site": "cross-site"}, "https"),
        ({"host": "gw.example", "sec-fetch-site": "same-site"}, "https"),
        ({"host": "gw.example", "sec-fetch-site": "made up"}, "https"),
    ],
)
def test_foreign_pages(headers: dict[str, str], scheme: str) -> None:
    with pytest.raises(Refused) as refused:
        Origins(frozenset({PAGE})).check(headers, scheme)
    assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8080", True),
        ("localhost:8080", True),
        ("app.localhost", True),
        ("[::1]:8080", True),
        ("10.0.0.1", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_a_name_that_was_made_to_point_here_is_not_our_own_page(host: str, *, ours: bool) -> None:
    origins = Origins(any_host=False)
    # Browsers tell nothing with a GET over plain HTTP to such a name.
    for told in ({"origin": f"http://{host}"}, {"sec-fetch-site": "same-origin"}, {}):
        headers = {"host": host, **told}
        if ours:
            assert origins.check(headers) == ""
        else:
            with pytest.raises(Refused):
                origins.check(headers)


def test_what_tells_of_the_page() -> None:
    assert has_origin_headers({"origin": PAGE})
    assert has_origin_headers({"sec-fetch-site": "none"})
    assert not has_origin_headers({"user-agent": "curl/8", "referer": PAGE})
    assert is_browser({"user-agent": CHROME["User-Agent"]})
    assert not is_browser({"user-agent": "curl/8.0"})
    assert not is_browser({})


# On the wire.


@pytest.mark.parametrize("headers", [{"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
async def test_a_foreign_page_gets_nothing_on_any_route(served: Served, headers: dict[str, str]) -> None:
    assert len(routes()) > 12
    for method, path in routes():
        async with served.http.request(method, path, headers=headers, json=BODY) as response:
            assert response.status == 403, (method, path)
            assert "Access-Control-Allow-Origin" not in response.headers
            assert b"forbidden" in await response.read() or method == "HEAD"
    if "Origin" in headers:
        async with served.http.ws_connect("/api/ws", headers=headers) as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4403
    assert served.hub.running == 0


async def test_why_a_socket_is_closed_fits_into_its_close_code(served: Served) -> None:
    async with served.http.ws_connect("/api/ws", headers={"Origin": "http://" + "é" * 100}) as socket:
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4403)
        assert str(closed.extra).startswith("Pages of http://")


async def test_a_foreign_page_can_not_start_by_get(served: Served) -> None:
    for headers in ({"Origin": EVIL}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        async with served.http.get(GET_START, headers={**EVENTS, **headers}) as response:
            (event,) = EventStreamDecoder().feed(await response.read())
            assert orjson.loads(event.data)["code"] == "forbidden"
            assert event.last_event_id == "refused"
    # Over plain HTTP from another machine a browser tells neither, and `Accept` it lets any page set.
    async with served.http.get(GET_START, headers={**EVENTS, **CHROME}) as response:
        (event,) = EventStreamDecoder().feed(await response.read())
        assert "HTTPS" in orjson.loads(event.data)["message"]
    assert served.hub.running == 0
    async with served.http.get(GET_START, headers={**EVENTS, **CHROME, "Sec-Fetch-Site": "same-origin"}):
        assert served.hub.running == 1
    async with served.http.get(GET_START, headers=EVENTS):
        assert served.hub.running == 2


async def test_a_browser_that_tells_no_page_may_start_by_a_ticket(served: Served) -> None:
    async with served.http.post("/api/tickets", json={"scope": "start"}, headers=CHROME) as response:
        ticket = (await response.json())["ticket"]
    async with served.http.get(f"{GET_START}&ticket={ticket}", headers={**EVENTS, **CHROME}) as response:
        assert response.status == 200
        assert served.hub.running == 1


async def test_a_name_that_was_made_to_point_here_reads_nothing(served: Served) -> None:
    for headers in ({"Origin": "http://evil.example:80"}, {"Sec-Fetch-Site": "same-origin"}, CHROME):
        for path in ("/api/stats", "/api/models", "/v1/models", GET_START):
            async with served.http.get(path, headers={"Host": "evil.example:80", **EVENTS, **headers}) as response:
                assert b"forbidden" in await response.read(), path
    assert served.hub.running == 0


async def test_our_own_page_may(served: Served) -> None:
    async with served.http.post("/api/generations", json=BODY, headers={"Origin": served.url}) as response:
        assert response.status == 201


async def test_a_preflight_is_answered_on_every_route(served: Served) -> None:
    asked = "authorization, cache-control, content-type, idempotency-key, last-event-id, x-request-id"
    for method, path in routes():
        headers = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": asked}
        async with served.http.options(path, headers={"Origin": PAGE, **headers}) as response:
            assert response.status == (200 if method != "HEAD" else 400), (method, path)
            assert response.headers["Access-Control-Allow-Origin"] == PAGE
            assert response.headers["Access-Control-Allow-Credentials"] == "true"
            assert "Origin" in response.headers["Vary"]
        async with served.http.options(path, headers={"Origin": EVIL, **headers}) as response:
            assert response.status == 400, (method, path)
            assert "Access-Control-Allow-Origin" not in response.headers
    assert served.hub.running == 0


async def test_an_allowed_page_may_read_what_it_needs(served: Served) -> None:
    exposed = {"X-Request-ID", "X-Generation-ID", "Location", "Retry-After", "X-RateLimit-Remaining", "RateLimit"}
    page = {"Origin": PAGE}
    async with served.http.post("/api/chat/stream", json=BODY, headers=page) as response:
        shown = {name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
        assert exposed <= shown
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert response.headers["X-RateLimit-Remaining"]
        assert response.headers["X-Request-ID"]
    async with served.http.get(GET_START, headers={**page, **EVENTS}) as response:
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
    async with served.http.ws_connect("/api/ws", headers=page) as socket:
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"


async def test_an_allowed_page_may_read_why_it_is_refused(served: Served) -> None:
    page = {"Origin": PAGE}
    for path, status in (("/api/generations/g_x", 404), ("/nowhere", 404)):
        async with served.http.get(path, headers=page) as response:
            assert response.status == status
            assert response.headers["Access-Control-Allow-Origin"] == PAGE
    for _ in range(60):
        async with served.http.post("/api/generations", json=BODY, headers=page) as response:
            if response.status == 429:
                assert response.headers["Access-Control-Allow-Origin"] == PAGE
                break
    else:
        pytest.fail("no limit was reached")


class TestWithKeys:
    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    async def test_who_shows_nothing_is_told_so_where_its_page_can_read_it(self, served: Served) -> None:
        async with served.http.post("/api/generations", json=BODY, headers={"Origin": PAGE}) as response:
            assert response.status == 401
            assert response.headers["Access-Control-Allow-Origin"] == PAGE

    async def test_a_key_does_not_help_a_foreign_page(self, served: Served, clients: Clients) -> None:
        for method, path in routes():
            async with clients.named("alice").request(method, path, headers={"Origin": EVIL}, json=BODY) as response:
                assert response.status == 403, (method, path)
        assert served.hub.running == 0

    async def test_a_browser_that_tells_no_page_may_start_by_a_key(self, served: Served, clients: Clients) -> None:
        async with clients.named("alice").get(GET_START, headers={**EVENTS, **CHROME}) as response:
            assert response.status == 200
            assert served.hub.running == 1
