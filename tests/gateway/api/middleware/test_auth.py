"""Authentication and ownership on every route and transport: no key, invalid, expired, another's, the right one."""

from dataclasses import replace
from pathlib import Path

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.security.api_keys import ApiKey, generate_key, hash_secret
from gateway.security.authenticator import expired_credential, invalid_credential, missing_credential
from gateway.security.key_file import write_keys
from gateway.security.principals import Principal, anonymous
from tests.gateway.security.issuer import token
from tests.served.clients import BODY, KEYS, Clients, clients, keys_file, protocols, stored_key, with_keys
from tests.served.gateway import Served
from tests.served.viewers import VIEWERS, JsonObject, ViewingClient, WebSocketViewer

__all__ = ["clients", "keys_file", "protocols"]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


ROUTES = [
    ("POST", "/api/chat/stream"),
    ("POST", "/api/chat/ndjson"),
    ("GET", "/api/chat/stream"),
    ("POST", "/api/chat/text"),
    ("GET", "/api/chat/text"),
    ("POST", "/api/generations"),
    ("GET", "/api/generations/g_x"),
    ("GET", "/api/generations/g_x/events"),
    ("GET", "/api/generations/g_x/lines"),
    ("POST", "/api/generations/g_x/interrupt"),
    ("POST", "/api/generations/g_x/feedback"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/m"),
    ("GET", "/api/models"),
    ("GET", "/api/stats"),
    ("POST", "/api/tickets"),
    ("GET", "/api/ws"),
    ("GET", "/nowhere"),
]
REFUSALS = {
    "none": (None, missing_credential().message),
    "garbage": ("sk-1234", invalid_credential().message),
    "unknown": (generate_key().text(), invalid_credential().message),
    "wrong secret": (ApiKey(KEYS["alice"].id, generate_key().secret).text(), invalid_credential().message),
    "expired": (KEYS["old"].text(), expired_credential().message),
    "bad token": (token(key="x" * 64), invalid_credential().message),
    "expired token": (token({"exp": 1}), expired_credential().message),
}


@pytest.mark.parametrize("protocols", ["our server"], indirect=True)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", REFUSALS)
async def test_every_route_requires_a_valid_credential(
    clients: Clients, served: Served, route: tuple[str, str], kind: str
) -> None:
    credential, message = REFUSALS[kind]
    method, path = route
    async with clients.session(credential).request(method, path, json=BODY if method == "POST" else None) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        error = (await response.json())["error"]
    assert error["message"] == message
    # Below /v1, a refusal has the form of a provider's API.
    if not path.startswith("/v1/"):
        assert (error["code"], error["retryable"]) == ("auth_error", False)
    assert served.hub.statistics.started == 0


async def test_public_paths_require_no_credential(clients: Clients) -> None:
    stranger = clients.session(None)
    for path in ("/", "/health", "/ready", "/static/dualstream.js"):
        async with stranger.get(path) as response:
            assert response.status == 200, path


async def test_an_event_source_gets_an_error_event_and_is_stopped(clients: Clients) -> None:
    stranger = clients.session(None)
    headers = {"Accept": "text/event-stream"}
    for path in ("/api/chat/stream?prompt=x", "/api/generations/g_x/events"):
        async with stranger.get(path, headers=headers) as response:
            (event,) = EventStreamDecoder().feed(await response.read())
            assert (orjson.loads(event.data)["code"], event.last_event_id) == ("auth_error", "refused")


@pytest.mark.parametrize("kind", list(VIEWERS))
@pytest.mark.parametrize("credential", [KEYS["alice"].text(), token()], ids=["key", "token"])
async def test_an_authenticated_client_gets_a_complete_answer(
    clients: Clients, served: Served, kind: str, credential: str
) -> None:
    viewer = VIEWERS[kind](clients.session(credential))
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("Xin chào")
    served.upstream.last.finish()
    await viewer.to_end()
    assert viewer.text == "Xin chào"
    await viewer.leave()


async def running(clients: Clients, served: Served, name: str = "alice") -> ViewingClient:
    """Start a generation that is streaming."""
    viewer = clients.viewer("sse", name)
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("Once upon ")
    await viewer.until("chunk")
    return viewer


async def responses_over_http(session: aiohttp.ClientSession, generation_id: str) -> dict[str, tuple[int, bytes]]:
    """Send every request about a generation; return status, body and headers of each, without the id."""
    address = f"/api/generations/{generation_id}"
    resume = {"Last-Event-ID": f"{generation_id}:1"}
    requests: dict[str, tuple[str, str, JsonObject | None, dict[str, str]]] = {
        "read": ("GET", address, None, {}),
        "events": ("GET", f"{address}/events", None, {}),
        "event source": ("GET", f"{address}/events", None, {"Accept": "text/event-stream"}),
        "far": ("GET", f"{address}/events?last_event_id={generation_id}:99999", None, {}),
        "lines": ("GET", f"{address}/lines", None, {}),
        "resume": ("POST", "/api/chat/stream", BODY, resume),
        "resume by get": ("GET", "/api/chat/stream", None, {**resume, "Accept": "text/event-stream"}),
        "interrupt": ("POST", f"{address}/interrupt", {}, {}),
        "note": ("POST", f"{address}/feedback", {"rating": 1, "mode": "note"}, {}),
        "feedback": ("POST", f"{address}/feedback", {"text": "shorter"}, {}),
    }
    found = {}
    for name, (method, path, body, headers) in requests.items():
        async with session.request(method, path, json=body, headers={"X-Request-ID": "r", **headers}) as response:
            content = (await response.read()).replace(generation_id.encode(), b"ID")
            remaining = {str(k): v for k, v in response.headers.items() if k.lower() != "date"}
            found[name] = (response.status, content + orjson.dumps(remaining))
    return found


async def test_a_foreign_generation_looks_unknown_over_http(clients: Clients, served: Served) -> None:
    alice = await running(clients, served)
    bob, unknown = clients.named("bob"), "g_" + "x" * (len(alice.generation_id) - 2)
    foreign = await responses_over_http(bob, alice.generation_id)
    assert foreign == await responses_over_http(bob, unknown)
    for name, (status, body) in foreign.items():
        assert (status, b"generation_lost" in body) == (200 if name in {"event source", "resume by get"} else 404, True)
    served.upstream.last.finish()
    await alice.to_end()
    over = await responses_over_http(bob, alice.generation_id)
    assert over == foreign


async def responses_over_socket(viewer: WebSocketViewer, generation_id: str) -> list[bytes]:
    commands: list[JsonObject] = [
        {"type": "attach"},
        {"type": "attach", "after": 99_999},
        {"type": "attach", "after": f"{generation_id}:1"},
        {"type": "detach"},
        {"type": "interrupt"},
        {"type": "feedback", "text": "shorter"},
        {"type": "feedback", "rating": 1, "mode": "note"},
    ]
    found = []
    for command in commands:
        answer = await viewer.command(generation_id=generation_id, **command)
        assert (answer["type"], answer["code"]) == ("rejected", "generation_lost")
        found.append(orjson.dumps({**answer, "id": 0}).replace(generation_id.encode(), b"ID"))
    return found


async def test_a_foreign_generation_looks_unknown_over_a_socket(clients: Clients, served: Served) -> None:
    alice = await running(clients, served)
    bob = WebSocketViewer(clients.named("bob"))
    foreign = await responses_over_socket(bob, alice.generation_id)
    assert foreign == await responses_over_socket(bob, "g_" + "x" * (len(alice.generation_id) - 2))
    assert served.only.state == "streaming"
    await bob.leave()
    await alice.leave()


async def test_a_token_and_a_key_of_the_same_name_are_two_principals(clients: Clients, served: Served) -> None:
    alice = await running(clients, served)
    async with clients.session(token({"sub": "alice"})).get(f"/api/generations/{alice.generation_id}") as response:
        assert response.status == 404
    await alice.leave()


@pytest.mark.parametrize("kind", list(VIEWERS))
async def test_a_principal_reads_resumes_and_commands_its_generations_from_anywhere(
    clients: Clients, served: Served, kind: str
) -> None:
    alice = await running(clients, served)
    again = clients.viewer(kind, "alice")
    await again.attach(alice.generation_id, 2)
    await again.until("chunk")
    assert (await again.feedback(alice.generation_id, {"rating": 1, "mode": "note"}))["feedback_id"]
    await again.interrupt(alice.generation_id)
    assert (await again.to_end())[-1]["type"] == "interrupted"
    await again.leave()
    await alice.leave()


@pytest.mark.parametrize("kind", list(VIEWERS))
async def test_an_observer_reads_every_generation_and_commands_none(
    clients: Clients, served: Served, kind: str
) -> None:
    alice = await running(clients, served)
    watcher = clients.viewer(kind, "watcher")
    await watcher.attach(alice.generation_id, 0)
    await watcher.until("chunk")
    refused = [await watcher.interrupt(alice.generation_id), await watcher.feedback(alice.generation_id, {"text": "x"})]
    for answer in refused:
        error = answer.get("error", answer)
        assert isinstance(error, dict)
        assert error["code"] == "forbidden"
    assert served.only.state == "streaming"
    served.upstream.last.finish()
    await watcher.to_end()
    await watcher.leave()
    await alice.leave()


@pytest.mark.parametrize("kind", list(VIEWERS))
async def test_an_operator_commands_every_generation(clients: Clients, served: Served, kind: str) -> None:
    alice = await running(clients, served)
    operator = clients.viewer(kind, "operator")
    await operator.attach(alice.generation_id, 0)
    await operator.interrupt(alice.generation_id)
    assert (await alice.to_end())[-1]["type"] == "interrupted"
    await operator.leave()


async def test_an_idempotency_key_belongs_to_its_principal(clients: Clients, served: Served) -> None:
    started = []
    for name in ("alice", "alice", "bob"):
        headers = {"Idempotency-Key": "k"}
        async with clients.named(name).post("/api/generations", json=BODY, headers=headers) as response:
            assert response.status == 201
            started.append((await response.json())["id"])
    viewer = WebSocketViewer(clients.named("bob"))
    started.append((await viewer.command(type="start", idempotency_key="k", **BODY))["generation_id"])
    assert started[0] == started[1] != started[2] == started[3]
    await viewer.leave()
    await served.hub.close()


async def test_models_that_are_not_allowed_look_unknown(clients: Clients, served: Served) -> None:
    small = clients.named("small")
    refused = []
    for model in ("m", "w"):
        async with small.post("/api/generations", json={**BODY, "model": model}) as response:
            assert response.status == 404
            refused.append((await response.read()).replace(f"'{model}'".encode(), b"NAME"))
        async with small.get(f"/v1/models/{model}") as response:
            assert response.status == 404
    assert refused[0] == refused[1]
    assert b"known are: n, o" in refused[0]
    async with small.get("/api/models") as response:
        assert await response.json() == {"models": ["n", "o"], "default": "n", "any_model": False}
    async with small.get("/v1/models") as response:
        assert [model["id"] for model in (await response.json())["data"]] == ["n", "o"]
    viewer = clients.viewer("sse", "small")
    await viewer.start(BODY)
    assert served.only.model == "n"
    await viewer.leave()


async def test_limits_of_a_key_override_the_general_ones(clients: Clients, served: Served) -> None:
    small = clients.named("small")
    seen = []
    for _ in range(3):
        async with small.post("/api/generations", json=BODY) as response:
            seen.append((response.status, response.headers.get("X-RateLimit-Limit")))
    assert seen == [(201, "2"), (201, "2"), (429, "2")]
    assert (served.hub.slots.running, served.hub.slots.queued + served.hub.queued_elsewhere()) == (1, 1)
    for _ in range(9):
        async with clients.named("alice").post("/api/generations", json=BODY) as response:
            assert (response.status, response.headers.get("X-RateLimit-Limit")) == (201, None)
    assert served.hub.slots.running == 10
    await served.hub.close()


async def test_a_revoked_key_ends_and_running_streams_do_not(
    clients: Clients, served: Served, settings: Settings, keys_file: Path
) -> None:
    alice = await running(clients, served)
    async with clients.socket(KEYS["alice"].text()) as websocket:
        await websocket.send_json({"type": "attach", "id": 1, "generation_id": alice.generation_id, "after": 3})
        assert (await websocket.receive_json())["type"] == "ack"
        write_keys(keys_file, map(stored_key, ("bob",)))
        await served.reloader.change(settings)
        async with alice.http.get("/api/models") as response:
            assert response.status == 401
        await websocket.send_json({"type": "start", "id": 2, **BODY})
        answer = await websocket.receive_json()
        assert (answer["type"], answer["code"]) == ("rejected", "auth_error")
        served.upstream.last.send("a time")
        served.upstream.last.finish()
        await alice.to_end()
        assert alice.text == "Once upon a time"
        assert (await websocket.receive_json())["content"] == "a time"
        async with clients.named("bob").get("/api/models") as response:
            assert response.status == 200


async def test_no_secret_is_logged_or_sent(clients: Clients, served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    text = KEYS["alice"].text()
    received = ""
    for credential in (text, text[:-1] + "!", f"{text}.x.y"):
        async with clients.session(credential).get("/nowhere") as response:
            received += await response.text()
        async with clients.socket() as websocket:
            await websocket.send_json({"type": "hello", "id": 1, "token": credential, "x": 1})
            received += (await websocket.receive()).data
    for output in (received, caplog.text, repr(Principal("a")), repr(stored_key("alice"))):
        assert KEYS["alice"].secret[:20] not in output
        assert hash_secret(KEYS["alice"].secret) not in output


class TestOpen:
    """A gateway without keys."""

    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(model=("m", "n"), max_concurrent=0, rate_limit_per_minute=0, stall_timeout=0)

    async def test_without_keys_the_id_suffices_from_any_address(self, clients: Clients, served: Served) -> None:
        started = await running(clients, served)
        stranger = served.hub.find(started.generation_id, anonymous("192.0.2.1"))
        assert stranger is served.only
        async with clients.session("whatever").get("/api/stats") as response:
            assert response.status == 200
        await started.leave()

    async def test_open_sockets_must_authenticate_once_keys_are_required(
        self, clients: Clients, served: Served, settings: Settings, keys_file: Path
    ) -> None:
        async with clients.socket() as websocket:
            await websocket.send_json({"type": "hello", "id": 1})
            assert (await websocket.receive_json())["type"] == "ack"
            await served.reloader.change(settings.model_copy(update={"keys_file": keys_file}))
            await websocket.send_json({"type": "ping", "id": 2})
            assert (await websocket.receive_json())["code"] == "auth_error"
            await websocket.send_json({"type": "hello", "id": 3, "token": KEYS["alice"].text()})
            assert (await websocket.receive_json())["type"] == "ack"
            await websocket.send_json({"type": "ping", "id": 4})
            assert (await websocket.receive_json())["type"] == "pong"


async def test_a_key_that_a_reload_expired_starts_nothing_on_an_open_socket(
    clients: Clients, served: Served, settings: Settings, keys_file: Path
) -> None:
    async with clients.socket(KEYS["alice"].text()) as websocket:
        await websocket.send_json({"type": "ping", "id": 1})
        assert (await websocket.receive_json())["type"] == "pong"
        write_keys(keys_file, [replace(stored_key("alice"), expires=1.0)])
        await served.reloader.change(settings)
        await websocket.send_json({"type": "start", "id": 2, **BODY})
        answer = await websocket.receive_json()
        assert (answer["type"], answer["code"]) == ("rejected", "auth_error")
    assert served.hub.statistics.started == 0
