"""What pages of other origins may send and read, and what the log says when they may not."""

import asyncio

import aiohttp
import pytest

from gateway.config import Settings
from gateway.log_throttle import INTERVAL
from gateway.protocol.event_stream import EventStreamDecoder
from tests.gateway.api.middleware.test_auth_origins import EVENTS, EVIL, GET_START, PAGE, routes
from tests.served.clients import BODY
from tests.served.gateway import Served

APPS = (
    *("tauri://localhost", "capacitor://localhost", "ionic://localhost", "app://obsidian.md", "app://", "capacitor://"),
    *("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "safari-web-extension://3F2504E0-4F89-41D3-9A0C-0305E82C"),
)
SOME_INSTALLATION = "moz-extension://f4b2a9c6-92d0-4f43-a2b1-6f2e0a9d5c11"
SOME_PANEL = "vscode-webview://1hq8ufs0a1ck4i3fkgarg1bpvdldrjsq5vkd2pqgpjpq2dlqj3mv"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    allowed = (PAGE, *APPS, "moz-extension://*", "vscode-webview://*")
    return settings.model_copy(update={"allowed_origins": allowed, "rate_limit_per_minute": 5})


def preflight(origin: str, names: str = "content-type") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names}


def allowed_names(response: aiohttp.ClientResponse) -> set[str]:
    return set(response.headers["Access-Control-Allow-Headers"].split(", "))


async def test_a_preflight_is_answered_on_every_route(served: Served) -> None:
    asked = "authorization, cache-control, content-type, idempotency-key, last-event-id, x-request-id"
    for method, path in routes():
        headers = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": asked}
        async with served.http.options(path, headers={"Origin": PAGE, **headers}) as response:
            assert response.status == 200, (method, path)
            assert response.headers["Access-Control-Allow-Origin"] == PAGE
            assert response.headers["Access-Control-Allow-Credentials"] == "true"
            assert "Origin" in response.headers["Vary"]
        async with served.http.options(path, headers={"Origin": EVIL, **headers}) as response:
            assert response.status == 403, (method, path)
            assert b"list it in DUALSTREAM_ALLOWED_ORIGINS" in await response.read()
            assert "Access-Control-Allow-Origin" not in response.headers
    assert served.hub.running == 0


async def test_an_allowed_page_may_read_the_response_headers_it_needs(served: Served) -> None:
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


async def test_the_sdks_of_model_apis_may_be_used_by_an_allowed_page(served: Served) -> None:
    asked = (
        *("anthropic-beta", "anthropic-dangerous-direct-browser-access", "anthropic-version", "x-api-key"),
        *("openai-organization", "openai-project", "x-stainless-lang", "x-stainless-retry-count"),
        *("x-goog-api-client", "x-goog-api-key", "x-on-disconnect", "idempotency-key"),
    )
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1beta/models/m:generateContent"):
        async with served.http.options(path, headers=preflight(PAGE, ", ".join(asked))) as response:
            assert response.status == 200
            assert set(asked) <= allowed_names(response)
        async with served.http.post(path, json={}, headers={"Origin": PAGE}) as response:
            assert response.status == 400
            shown = {name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
            assert {"X-Generation-ID", "X-Request-ID", "X-Should-Retry", "Retry-After-Ms"} <= shown
            assert response.headers["X-Should-Retry"] == "false"


async def test_an_allowed_page_may_read_refusals(served: Served) -> None:
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


@pytest.mark.parametrize("origin", [*APPS, SOME_INSTALLATION, SOME_PANEL])
async def test_an_app_is_let_in(served: Served, origin: str) -> None:
    async with served.http.options("/api/chat/stream", headers=preflight(origin)) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, origin)
    async with served.http.post("/api/generations", json=BODY, headers={"Origin": origin}) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (201, origin)
    async with served.http.ws_connect("/api/ws", headers={"Origin": origin}) as socket:
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"


@pytest.mark.parametrize(
    "origin", ["tauri://other", "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba", "https://*"]
)
async def test_another_app_is_not(served: Served, origin: str) -> None:
    async with served.http.post("/api/generations", json=BODY, headers={"Origin": origin}) as response:
        assert response.status == 403
    async with served.http.options("/api/generations", headers=preflight(origin)) as response:
        assert response.status == 403


TRACING = (
    *("traceparent", "tracestate", "baggage", "sentry-trace", "b3", "x-b3-traceid", "x-b3-sampled", "newrelic"),
    *("x-datadog-trace-id", "x-datadog-sampling-priority", "x-stainless-retry-count", "x-stainless-os", "user-agent"),
    *("x-request-id", "x-requested-with", "x-correlation-id", "request-id", "uber-trace-id", "elastic-apm-traceparent"),
)


async def test_headers_of_tracing_pass_a_preflight(served: Served) -> None:
    names = ",".join(("content-type", *TRACING))
    async with served.http.options("/api/chat/stream", headers=preflight(PAGE, names)) as response:
        assert (response.status, await response.text()) == (200, "OK")
        assert set(TRACING) <= allowed_names(response)
        assert "Access-Control-Request-Headers" in response.headers["Vary"]


async def test_another_header_is_named_and_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        async with served.http.options("/", headers=preflight(PAGE, "X-Tenant, traceparent, b\tad")) as response:
            # The status lets the browser say which header it is.
            assert response.status == 200
            assert "x-tenant" not in allowed_names(response)
            assert await response.text() == "DUALSTREAM_ALLOWED_HEADERS does not list x-tenant, b\tad."
    (record,) = caplog.records
    assert f"a page of {PAGE} may not send its headers: DUALSTREAM_ALLOWED_HEADERS" in record.getMessage()


class TestWithOtherHeaders:
    @pytest.fixture(params=[("x-tenant", "x-my-*"), ("*",)])
    def settings(self, settings: Settings, request: pytest.FixtureRequest) -> Settings:
        return settings.model_copy(update={"allowed_headers": request.param})

    async def test_a_header_of_the_setting_passes(self, served: Served, settings: Settings) -> None:
        async with served.http.options("/", headers=preflight(PAGE, "x-tenant,x-my-trace,authorization")) as response:
            assert {"x-tenant", "x-my-trace", "authorization"} <= allowed_names(response)
        async with served.http.options("/", headers=preflight(PAGE, "traceparent")) as response:
            assert ("traceparent" in allowed_names(response)) is (settings.allowed_headers == ("*",))


async def test_a_foreign_page_can_read_why_it_is_refused_and_nothing_else(served: Served) -> None:
    for origin in (EVIL, "null"):
        async with served.http.get("/api/models", headers={"Origin": origin}) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (403, origin)
            assert "Access-Control-Allow-Credentials" not in response.headers
            assert "Access-Control-Expose-Headers" not in response.headers
            assert response.headers["Vary"] == "Origin"
            message = (await response.json())["error"]["message"]
        assert ("every site can make one" if origin == "null" else "list it in DUALSTREAM_ALLOWED_ORIGINS") in message
        for path in ("/health", "/openapi.json", "/"):
            async with served.http.get(path, headers={"Origin": origin}) as response:
                assert response.status == 200
                assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_foreign_event_source_is_told_and_stops(served: Served) -> None:
    page = {**EVENTS, "Origin": EVIL}
    async with served.http.get(GET_START, headers=page) as response:
        assert response.headers["Access-Control-Allow-Origin"] == EVIL
        (event,) = EventStreamDecoder().feed(await response.read())
    async with served.http.get(GET_START, headers={**page, "Last-Event-ID": event.last_event_id}) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (204, EVIL)


async def test_a_refused_page_is_logged_once_a_minute(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async def knock(origin: str) -> None:
        async with served.http.get("/api/models?ticket=secret", headers={"Origin": origin}):
            pass
        async with served.http.options("/api/models", headers=preflight(origin)):
            pass
        async with served.http.ws_connect("/api/ws", headers={"Origin": origin}) as socket:
            await socket.receive()

    await knock(EVIL)
    await knock(EVIL)
    await knock("null")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(
        f"a page was refused at /api/models: Pages of {EVIL} are refused: list it in DUALSTREAM_ALLOWED_ORIGINS."
    )
    assert second.startswith("a page was refused at /api/models: Pages with the origin null are refused")
    caplog.clear()
    served.clock.advance(INTERVAL)
    async with served.http.ws_connect("/api/ws", headers={"Origin": EVIL}) as socket:
        await asyncio.wait_for(socket.receive(), 5)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["a page was refused at /api/ws"]


async def test_a_page_in_a_public_network_may_call_a_private_gateway(served: Served) -> None:
    headers = {**preflight(PAGE), "Access-Control-Request-Private-Network": "true"}
    async with served.http.options("/", headers=headers) as response:
        assert response.headers["Access-Control-Allow-Private-Network"] == "true"
    async with served.http.options("/", headers={**headers, "Origin": EVIL}) as response:
        assert "Access-Control-Allow-Private-Network" not in response.headers
