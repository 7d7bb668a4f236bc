"""Tickets over HTTP and WebSocket: their legitimate uses, and every misuse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.security.api_keys import hash_secret
from gateway.security.key_file import write_keys
from gateway.security.tickets import invalid_ticket
from tests.served.clients import BODY, Clients, clients, keys_file, protocols, stored_key, with_keys
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, until
from tests.shared_store import not_with_a_store, not_with_redis

__all__ = ["clients", "keys_file", "protocols"]

PAGE = "https://app.example"
OTHER = "https://other.example"
ACCEPT = {"Accept": "text/event-stream"}
START = "/api/chat/stream?prompt=Hello&ticket="
EXPIRES = "A ticket expires by the clock of Redis."


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file).model_copy(update={"allowed_origins": (PAGE, OTHER)})


async def ticket(clients: Clients, name: str = "alice", origin: str | None = None, **wanted: object) -> str:
    headers = {} if origin is None else {"Origin": origin}
    async with clients.named(name).post("/api/tickets", json=wanted, headers=headers) as response:
        answer = await response.json()
        assert (response.status, response.headers["Cache-Control"]) == (201, "no-store"), answer
        assert answer.keys() == {"ticket", "expires_at"}
        return str(answer["ticket"])


async def detached(clients: Clients, name: str = "alice") -> JsonObject:
    async with clients.named(name).post("/api/generations", json=BODY) as response:
        assert (response.status, response.headers["Cache-Control"]) == (201, "no-store")
        answer: JsonObject = await response.json()
        return answer


class Source:
    """An `EventSource`: it sends only its own headers, and reconnects to the same URL."""

    def __init__(self, served: Served, url: str, origin: str | None = None) -> None:
        self._served = served
        self._url = url
        self._origin = {} if origin is None else {"Origin": origin}
        self._response: aiohttp.ClientResponse
        self._decoder = EventStreamDecoder()
        self.last_event_id = ""
        self.seen: list[JsonObject] = []

    async def connect(self) -> int:
        headers = {**ACCEPT, **self._origin}
        if self.last_event_id:
            headers["Last-Event-ID"] = self.last_event_id
        self._response = await self._served.http.get(self._url, headers=headers)
        self._decoder = EventStreamDecoder()
        return self._response.status

    async def read(self, event_type: str) -> JsonObject:
        """Read up to the next event of a type, with the rest of that read; return the event."""
        async with asyncio.timeout(10):
            while read := await self._response.content.readany():
                events = self._decoder.feed(read)
                decoded: list[JsonObject] = [orjson.loads(event.data) for event in events]
                self.seen += decoded
                for event in events:
                    self.last_event_id = event.last_event_id
                if found := [event for event in decoded if event["type"] == event_type]:
                    return found[0]
        message = f"ended without {event_type}"
        raise AssertionError(message)

    async def refused(self) -> str:
        """Check that it is refused, and stopped when it reconnects; return the message."""
        assert await self.connect() == 200
        error = await self.read("error")
        assert (error["code"], self.last_event_id) == ("auth_error", "refused")
        assert await self.connect() == 204
        return str(error["message"])

    def abort(self) -> None:
        self._response.close()

    @property
    def text(self) -> str:
        return "".join(str(event["content"]) for event in self.seen if event["type"] == "chunk")


async def test_an_event_source_resumes_with_a_used_ticket(clients: Clients, served: Served) -> None:
    source = Source(served, START + await ticket(clients, scope="start"))
    await source.connect()
    await served.called()
    served.upstream.last.send("Once ")
    await source.read("chunk")
    source.abort()
    await until(lambda: served.hub.viewers == 0)
    served.upstream.last.send("upon ")
    served.clock.advance(4)
    for piece in ("a ", "time"):
        assert await source.connect() == 200
        served.upstream.last.send(piece)
        await source.read("chunk")
        source.abort()
        served.clock.advance(40)
    served.upstream.last.finish()
    await source.connect()
    await source.read("complete")
    assert source.text == "Once upon a time"
    assert [event["type"] for event in source.seen if event["type"] != "chunk"] == ["accepted", "start", "complete"]
    assert await source.connect() == 204
    assert served.hub.statistics.started == 1


async def test_a_used_start_ticket_never_starts_again(clients: Clients, served: Served) -> None:
    source = Source(served, START + await ticket(clients, scope="start"))
    for _ in range(3):
        assert await source.connect() == 200
        source.abort()
    other = Source(served, source._url.replace("Hello", "Other"))
    await other.connect()
    assert (await other.read("accepted"))["generation_id"] == served.only.id
    assert served.hub.statistics.started == 1
    assert served.hub._records._by_id[served.only.id].principal.id == "key:alice"
    other.abort()
    await served.hub.close()


@not_with_a_store("A ticket reads what it has started once that is stored: until then, it is refused.")
async def test_concurrent_starts_with_one_ticket_start_once(clients: Clients, served: Served) -> None:
    url = START + await ticket(clients, scope="start")
    sources = [Source(served, url) for _ in range(5)]
    await asyncio.gather(*(source.connect() for source in sources))
    assert len({(await source.read("accepted"))["generation_id"] for source in sources}) == 1
    assert served.hub.statistics.started == 1
    await served.hub.close()


async def test_a_refused_start_may_be_retried_with_its_ticket(clients: Clients, served: Served) -> None:
    small = clients.named("small")
    for _ in range(2):
        async with small.post("/api/generations", json=BODY) as response:
            assert response.status == 201
    text = await ticket(clients, "small", scope="start")
    source = Source(served, START + text)
    await source.connect()
    assert (await source.read("rejected"))["code"] == "rate_limit"
    assert source.last_event_id == ""
    assert served.hub.statistics.started == 2
    await served.hub.close()


async def test_an_invalid_start_does_not_use_the_ticket_up(clients: Clients, served: Served) -> None:
    url = START + await ticket(clients, scope="start")
    async with served.http.get(url) as response:
        assert response.status == 406
    source = Source(served, url)
    await source.connect()
    await source.read("accepted")
    assert served.hub.statistics.started == 1
    await served.hub.close()


async def test_the_ticket_of_a_detached_start_reads_only_that_generation(clients: Clients, served: Served) -> None:
    own, other = await detached(clients), await detached(clients)
    await served.called(2)
    events = f"/api/generations/{own['id']}/events?ticket={own['ticket']}"
    source = Source(served, events)
    for url in (events.replace(str(own["id"]), str(other["id"])), START + str(own["ticket"])):
        assert await Source(served, url).refused() == invalid_ticket().message
    await source.connect()
    await source.read("start")
    assert await Source(served, events).refused() == invalid_ticket().message
    # Before its first event an EventSource sends no position; one in the URL counts as well.
    again = Source(served, f"{events}&last_event_id={own['id']}:0")
    await again.connect()
    assert (await again.read("start"))["type"] == "start"
    source.abort()
    again.abort()
    await served.hub.close()


def by_ticket(generation_id: str, text: str) -> list[tuple[str, str]]:
    """List requests on every route that accepts no ticket."""
    address = f"/api/generations/{generation_id}"
    return [
        (method, f"{path}?ticket={text}")
        for method, path in [
            *[("POST", "/api/chat/stream"), ("POST", "/api/generations"), ("POST", "/api/tickets")],
            *[("GET", address), ("HEAD", f"{address}/events"), ("GET", f"{address}/lines"), ("GET", "/api/models")],
            *[("POST", f"{address}/interrupt"), ("POST", f"{address}/feedback"), ("GET", "/api/stats")],
            *[("GET", "/api/ws"), ("GET", f"{address}/events/"), ("GET", "/nowhere")],
        ]
    ]


async def test_no_other_route_accepts_a_ticket(clients: Clients, served: Served) -> None:
    started = await detached(clients)
    for text in (str(started["ticket"]), await ticket(clients, scope="start"), await ticket(clients, scope="socket")):
        for method, path in by_ticket(str(started["id"]), text):
            async with served.http.request(method, path, json={} if method == "POST" else None) as response:
                assert response.status == 401, path
                assert text not in await response.text()
    assert served.hub.statistics.started == 1
    await served.hub.close()


@pytest.mark.parametrize(
    "misuse",
    [
        pytest.param("expired", marks=not_with_redis(EXPIRES)),
        *("made up", "other origin", "no page", "for a socket", "spent", "revoked"),
    ],
)
async def test_every_misuse_of_a_ticket_gets_the_same_refusal(
    clients: Clients, served: Served, settings: Settings, keys_file: Path, misuse: str
) -> None:
    text = await ticket(clients, origin=PAGE, scope="socket" if misuse == "for a socket" else "start")
    origin: str | None = PAGE
    match misuse:
        case "made up":
            text = "x" * 32
        case "expired":
            served.clock.advance(30)
        case "other origin":
            origin = OTHER
        case "no page":
            origin = None
        case "spent":
            started = Source(served, START + text, PAGE)
            await started.connect()
            await started.read("accepted")
            started.abort()
        case "revoked":
            write_keys(keys_file, map(stored_key, ("bob",)))
            await served.reloader.change(settings)
    source = Source(served, START + text, origin)
    if misuse == "spent":
        foreign = await detached(clients)
        source.last_event_id = f"{foreign['id']}:1"
    before = served.hub.statistics.started
    headers = {**({} if origin is None else {"Origin": origin}), "Last-Event-ID": source.last_event_id}
    async with served.http.get(source._url, headers=headers) as response:
        assert (response.status, (await response.json())) == (401, invalid_ticket().body())
    assert await source.refused() == invalid_ticket().message
    assert served.hub.statistics.started == before
    await served.hub.close()


async def test_a_foreign_page_is_refused_and_does_not_use_the_ticket_up(clients: Clients, served: Served) -> None:
    text = await ticket(clients, origin=PAGE, scope="start")
    async with served.http.get(START + text, headers={"Origin": "https://evil.example"}) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (403, "forbidden")
    async with clients.named("alice").post(
        "/api/tickets", json={"scope": "start"}, headers={"Origin": "https://evil.example"}
    ) as response:
        assert response.status == 403
    source = Source(served, START + text, PAGE)
    await source.connect()
    await source.read("accepted")
    source.abort()
    await served.hub.close()


async def test_our_own_page_may_send_its_origin_with_some_requests_only(clients: Clients, served: Served) -> None:
    source = Source(served, START + await ticket(clients, origin=served.url, scope="start"))
    await source.connect()
    await source.read("accepted")
    source.abort()
    await served.hub.close()


async def test_a_revoked_key_ends_what_a_ticket_still_reads(
    clients: Clients, served: Served, settings: Settings, keys_file: Path
) -> None:
    source = Source(served, START + await ticket(clients, scope="start"))
    await source.connect()
    await source.read("accepted")
    source.abort()
    write_keys(keys_file, map(stored_key, ("bob",)))
    await served.reloader.change(settings)
    assert await source.refused() == invalid_ticket().message
    await served.hub.close()


@not_with_redis("Redis keeps a generation by its own clock.")
async def test_a_used_ticket_reads_as_long_as_the_generation_is_retained(clients: Clients, served: Served) -> None:
    source = Source(served, START + await ticket(clients, scope="start"))
    await source.connect()
    await served.called()
    served.upstream.last.finish()
    await source.read("accepted")
    source.abort()
    await until(lambda: served.only.state.is_terminal and not served.hub.running)
    await served.advance(299)
    again = Source(served, source._url)
    await again.connect()
    await again.read("complete")
    await served.advance(1)
    await again.connect()
    assert (await again.read("error"))["code"] == "generation_lost"


async def test_no_ticket_is_issued_for_an_unknown_generation(clients: Clients, served: Served) -> None:
    foreign = str((await detached(clients))["id"])
    bob = clients.named("bob")
    for wanted, status in (
        ({"generation_id": foreign}, 404),
        ({"generation_id": "g_x"}, 404),
        ({}, 400),
        ({"scope": "all"}, 400),
        ({"scope": "start", "generation_id": foreign}, 400),
        ({"scope": "start", "commands": True}, 400),
    ):
        async with bob.post("/api/tickets", json=wanted) as response:
            assert response.status == status, wanted
    await served.hub.close()


@asynccontextmanager
async def socket(
    served: Served, text: str | None = None, origin: str | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    protocols = ["dualstream.v1"] if text is None else [f"dualstream.ticket.{text}", "dualstream.v1"]
    async with served.http.ws_connect("/api/ws", protocols=protocols, origin=origin) as opened:
        yield opened


async def ask(opened: aiohttp.ClientWebSocketResponse, **command: object) -> JsonObject:
    await opened.send_json({"id": 1, **command})
    while (answer := await opened.receive_json(timeout=10)).get("id") != 1:
        pass
    return dict(answer)


async def closed(opened: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    message = await opened.receive(timeout=10)
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return opened.close_code, str(message.extra)


async def test_a_ticket_opens_a_socket_and_is_not_echoed(clients: Clients, served: Served) -> None:
    text = await ticket(clients, scope="socket")
    async with socket(served, text) as opened:
        assert opened.protocol == "dualstream.v1"
        assert (await ask(opened, type="start", **BODY))["type"] == "ack"
        assert served.hub._records._by_id[served.only.id].principal.id == "key:alice"
        assert (await ask(opened, type="interrupt", generation_id=served.only.id))["type"] == "ack"
    async with socket(served, text) as opened:
        assert await closed(opened) == (4401, invalid_ticket().message)


async def test_a_ticket_in_a_hello(clients: Clients, served: Served) -> None:
    text = await ticket(clients, scope="socket")
    async with socket(served) as opened:
        assert await ask(opened, type="hello", ticket=text) == {"type": "ack", "id": 1, "generation_id": None}
        assert (await ask(opened, type="ping"))["type"] == "pong"
        assert (await ask(opened, type="hello", ticket=text))["message"] == invalid_ticket().message
        assert (await ask(opened, type="hello", ticket=text, token="x"))["code"] == "invalid_request"
        bobs = await ticket(clients, "bob", scope="socket")
        assert (await ask(opened, type="hello", ticket=bobs))["code"] == "forbidden"
        assert (await ask(opened, type="ping"))["type"] == "pong"
    async with socket(served) as opened:
        await opened.send_json({"type": "hello", "ticket": text})
        assert await closed(opened) == (4401, invalid_ticket().message)


async def test_every_misuse_of_a_ticket_on_a_socket_gets_the_same_refusal(clients: Clients, served: Served) -> None:
    start = await ticket(clients, scope="start")
    elsewhere = await ticket(clients, scope="socket", origin=PAGE)
    for text, origin in ((start, None), (elsewhere, None), (elsewhere, OTHER), ("x", None), ("", None)):
        async with socket(served, text, origin) as opened:
            assert opened.protocol == "dualstream.v1"
            assert await closed(opened) == (4401, invalid_ticket().message)
    async with socket(served, elsewhere, "https://evil.example") as opened:
        assert (await closed(opened))[0] == 4403


@not_with_redis(EXPIRES)
async def test_an_expired_ticket_does_not_open_a_socket(clients: Clients, served: Served) -> None:
    late = await ticket(clients, scope="socket")
    served.clock.advance(30)
    async with socket(served, late) as opened:
        assert await closed(opened) == (4401, invalid_ticket().message)


@pytest.mark.parametrize("commands", [False, True])
async def test_a_ticket_may_restrict_a_socket_to_one_generation(
    clients: Clients, served: Served, commands: bool
) -> None:
    allowed, other = str((await detached(clients))["id"]), str((await detached(clients))["id"])
    text = await ticket(clients, generation_id=allowed, commands=commands)
    async with socket(served, text) as opened:
        assert (await ask(opened, type="attach", generation_id=allowed))["type"] == "ack"
        assert (await ask(opened, type="start", **BODY))["code"] == "forbidden"
        for command in ("attach", "detach", "interrupt"):
            assert (await ask(opened, type=command, generation_id=other))["code"] == "generation_lost"
        note = await ask(opened, type="feedback", generation_id=allowed, rating=1, mode="note")
        stop = await ask(opened, type="interrupt", generation_id=allowed)
        assert [answer.get("code", "ack") for answer in (note, stop)] == ["ack" if commands else "forbidden"] * 2
    assert served.hub.statistics.started == 2
    await served.hub.close()


async def test_a_socket_opened_by_a_ticket_ends_with_its_key(
    clients: Clients, served: Served, settings: Settings, keys_file: Path
) -> None:
    async with socket(served, await ticket(clients, scope="socket")) as opened:
        assert (await ask(opened, type="ping"))["type"] == "pong"
        write_keys(keys_file, map(stored_key, ("bob",)))
        await served.reloader.change(settings)
        assert (await ask(opened, type="start", **BODY))["code"] == "auth_error"


async def test_a_key_in_a_header_takes_precedence_and_leaves_the_ticket_unused(
    clients: Clients, served: Served
) -> None:
    text = await ticket(clients, scope="start")
    async with clients.named("bob").get(START + text, headers=ACCEPT) as response:
        assert served.hub._records._by_id[response.headers["X-Generation-ID"]].principal.id == "key:bob"
    source = Source(served, START + text)
    await source.connect()
    await source.read("accepted")
    source.abort()
    assert served.hub.statistics.started == 2
    await served.hub.close()


async def test_no_ticket_is_logged_or_sent(clients: Clients, served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    texts = [await ticket(clients, scope=scope) for scope in ("start", "start", "socket", "socket")]
    received = ""
    elsewhere = [f"{path}?ticket={texts[1]}" for path in ("/api/chat/stream", "/nowhere")]
    for url in (START + texts[0], START + texts[0], *elsewhere):
        async with served.http.get(url, headers=ACCEPT) as response:
            received += str(response.headers) + (await response.content.readany()).decode()
    for text in texts[2:]:
        async with socket(served, text) as opened:
            received += str(opened._response.headers)
            await opened.send_json({"type": "hello", "id": 1, "ticket": texts[3], "x": 1})
            received += (await opened.receive()).data
    received += caplog.text + repr(served.hub.stats()) + repr(vars(served.reloader._authenticator))
    for text in texts:
        assert text not in received
        assert hash_secret(text) not in received
    await served.hub.close()


class TestOpen:
    """A gateway without keys: tickets work as well, so that one client works with both."""

    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(model=("m",), max_concurrent=0, rate_limit_per_minute=0, stall_timeout=0)

    async def test_tickets_are_issued_and_redeemed_without_keys(self, clients: Clients, served: Served) -> None:
        source = Source(served, START + await ticket(clients, scope="start"))
        for _ in range(2):
            await source.connect()
            source.abort()
        assert served.hub.statistics.started == 1
        async with socket(served, await ticket(clients, scope="socket")) as opened:
            assert (await ask(opened, type="ping"))["type"] == "pong"
        assert await Source(served, START + "x").refused() == invalid_ticket().message
        async with served.http.post("/api/generations", json=BODY) as response:
            assert "ticket" not in await response.json()
        await served.hub.close()


async def test_a_ticket_for_commands_requires_the_right_to_command(clients: Clients) -> None:
    generation_id = str((await detached(clients))["id"])
    for name, commands, status, code in (
        ("watcher", True, 403, "forbidden"),
        ("watcher", False, 201, None),
        ("operator", True, 201, None),
        ("alice", True, 201, None),
        ("bob", True, 404, "generation_lost"),
    ):
        wanted = {"generation_id": generation_id, "commands": commands}
        async with clients.named(name).post("/api/tickets", json=wanted) as response:
            assert (response.status, (await response.json()).get("error", {}).get("code")) == (status, code)
