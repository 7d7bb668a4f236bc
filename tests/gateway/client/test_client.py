"""The client against a small gateway that follows a script: what is cut, refused and sent, on each transport."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.client import Answer, Client, Retries, RetryNotice, TransportName
from gateway.client.web_socket import HELD_FRAMES, WebSocketFeed
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Accepted, Chunk, Complete, Event, Gap, Interrupted, Metrics, Revision, Start, Usage

ID = "g_test"
USAGE = Usage(3, 4, "exact")
METRICS = Metrics("r_1", 1.0, 2.0, 0.0, 2, 10, 12, None, 1, 1)
COMPLETE = Complete("stop", USAGE, None, METRICS)
TRANSPORTS: tuple[TransportName, ...] = ("sse", "ws")
CLOSE = -1
"""In a script: break the connection here."""
HOLD = -2
"""In a script: send nothing more, and keep the connection open."""


def _log(*pieces: str) -> list[Event]:
    return [Accepted(ID, "r_1", "m"), Start("p", "m", 1, 1), *map(Chunk, pieces), COMPLETE]


@dataclass
class FakeGateway:
    """Sends what its script says: for each connection in turn, numbers of the log and orders; the last repeats."""

    log: list[Event]
    script: list[list[int]] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    hidden_types: dict[int, bytes] = field(default_factory=dict)
    starts: list[tuple[str, object]] = field(default_factory=list)
    attached: list[int] = field(default_factory=list)
    commands: list[tuple[str, str, object]] = field(default_factory=list)
    command_refused: Refused | None = None
    connections: int = 0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def plan(self, after: int) -> list[int]:
        """Give the numbers for the next connection; without a script, all that follow."""
        plan = self.script[min(self.connections, len(self.script) - 1)] if self.script else None
        self.connections += 1
        return list(range(after + 1, len(self.log) + 1)) if plan is None or plan == [] else plan

    def _data(self, seq: int) -> dict[str, object]:
        if seq in self.hidden_types:
            told: dict[str, object] = orjson.loads(self.hidden_types[seq])
            return told
        event = self.log[seq - 1]
        fields: dict[str, object] = orjson.loads(orjson.dumps(event))
        if isinstance(event, Gap):
            fields = {"from": event.from_seq, "to": event.to_seq, "text": event.text}
        return {"type": event.type, **fields}

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/chat/stream", self._post_start)
        app.router.add_get("/api/generations/{id}/events", self._get_events)
        app.router.add_post("/api/generations/{id}/{command}", self._post_command)
        app.router.add_get("/api/ws", self._socket)
        return app

    async def _post_start(self, request: web.Request) -> web.StreamResponse:
        self.starts.append((request.headers["Idempotency-Key"], await request.json()))
        return self._refusal() or await self._stream(request, 0)

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        after = int(request.headers.get("Last-Event-ID", f"{ID}:0").removeprefix(f"{ID}:"))
        self.attached.append(after)
        if self.log and after >= len(self.log):
            return web.Response(status=204)
        return self._refusal() or await self._stream(request, after)

    async def _post_command(self, request: web.Request) -> web.Response:
        self.commands.append(("post", request.match_info["command"], await request.json()))
        if self.command_refused is not None:
            return web.json_response(self.command_refused.body(), status=self.command_refused.status)
        self.stopped.set()
        return web.json_response({"state": "interrupted", "feedback_id": "f_1"}, status=202)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("dualstream.v1",))
        await socket.prepare(request)
        sending: asyncio.Task[None] | None = None
        async for message in socket:
            command = message.json()
            after = 0
            if command["type"] in {"start", "attach"}:
                if command["type"] == "start":
                    body = {name: command[name] for name in command if name not in {"id", "type", "idempotency_key"}}
                    self.starts.append((command["idempotency_key"], body))
                else:
                    after = command["after"]
                    self.attached.append(after)
                if self.refusals:
                    error = self.refusals.pop(0).body()["error"]
                    assert isinstance(error, dict)
                    await socket.send_json({"type": "rejected", "id": command["id"], **error})
                    continue
                state = {"state": "complete", "seq": len(self.log)}
                await socket.send_json({"type": "ack", "id": command["id"], "generation_id": ID, **state})
                sending = asyncio.create_task(self._send(socket, self.plan(after)))
            else:
                self.commands.append(("ws", command["type"], command))
                if self.command_refused is not None:
                    error = self.command_refused.body()["error"]
                    assert isinstance(error, dict)
                    await socket.send_json({"type": "rejected", "id": command["id"], **error})
                    continue
                await socket.send_json({"type": "ack", "id": command["id"], "generation_id": ID})
                self.stopped.set()
        if sending is not None:
            sending.cancel()
        self.gone.set()
        return socket

    async def _send(self, socket: web.WebSocketResponse, plan: list[int]) -> None:
        for seq in plan:
            if seq == CLOSE:
                await socket.close(code=1012, message=b"draining")
                return
            if seq == HOLD:
                await self.stopped.wait()
                continue
            await socket.send_json({**self._data(seq), "generation_id": ID, "seq": seq})

    async def _stream(self, request: web.Request, after: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for seq in self.plan(after):
                if seq == CLOSE:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                if seq == HOLD:
                    await response.write(b": hb\n")
                    await self.stopped.wait()
                    continue
                data = orjson.dumps(self._data(seq))
                await response.write(b"id: %b:%d\ndata: %b\n\n" % (ID.encode(), seq, data))
        except (ConnectionResetError, asyncio.CancelledError):
            self.gone.set()
            raise
        return response

    def _refusal(self) -> web.Response | None:
        if not self.refusals:
            return None
        refused = self.refusals.pop(0)
        retry_after = {"Retry-After": "1"} if refused.retry_after_ms else {}
        return web.json_response(refused.body(), status=refused.status, headers=retry_after)


@dataclass
class Bench:
    """A fake gateway that listens, and clients of it whose waits are recorded instead of waited."""

    gateway: FakeGateway
    url: str
    waits: list[float] = field(default_factory=list)
    troubles: list[RetryNotice] = field(default_factory=list)

    def client(self, transport: TransportName, *, idle_s: float = 5.0, retries: Retries | None = None) -> Client:
        """Make a client whose waits are only written down."""
        return Client(
            self.url,
            transport=transport,
            idle_s=idle_s,
            retries=retries,
            sleep=self._sleep,
            random=lambda: 1.0,
            notice=self.troubles.append,
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture(name="benches")
async def _benches() -> AsyncIterator[list[TestServer]]:
    servers: list[TestServer] = []
    yield servers
    for server in servers:
        await server.close()


async def _bench(benches: list[TestServer], gateway: FakeGateway) -> Bench:
    server = TestServer(gateway._app())
    await server.start_server(shutdown_timeout=0.1)
    benches.append(server)
    return Bench(gateway, str(server.make_url("/")))


async def _all(answer: Answer) -> list[Event]:
    return [event async for event in answer]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_start_brings_every_event_once_in_order(benches: list[TestServer], transport: TransportName) -> None:
    bench = await _bench(benches, FakeGateway(_log("Xin ", "chào ", "👋🏽")))
    async with bench.client(transport) as client:
        answer = await client.start("hi", model="m", options={"max_tokens": 5}, idempotency_key="k")
        assert await _all(answer) == bench.gateway.log
    body = {"messages": [{"role": "user", "content": "hi"}], "model": "m", "options": {"max_tokens": 5}}
    assert bench.gateway.starts == [("k", body)]
    assert (answer.text, answer.seq, answer.position, answer.state) == ("Xin chào 👋🏽", 6, f"{ID}:6", "complete")
    assert answer.terminal == COMPLETE
    assert (answer.id, answer.attachments) == (ID, 0)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_cuts_are_resumed_after_the_last_event(benches: list[TestServer], transport: TransportName) -> None:
    log = _log(*"abcdefgh")
    # The third connection repeats what was seen: it must not be given twice.
    script = [[1, 2, 3, CLOSE], [4, 5, CLOSE], [4, 5, 6, 7, 8, CLOSE], []]
    bench = await _bench(benches, FakeGateway(log, script))
    async with bench.client(transport) as client:
        answer = await client.start("hi")
        assert await _all(answer) == log
    assert answer.text == "abcdefgh"
    assert bench.gateway.attached == [3, 5, 8]
    assert len(bench.gateway.starts) == 1
    # Progress in between: each wait is the first step of the backoff.
    assert bench.waits == [0.2, 0.2, 0.2]
    assert answer.attachments == 3


async def test_a_body_that_ends_cleanly_before_its_time_is_a_cut_too(benches: list[TestServer]) -> None:
    bench = await _bench(benches, FakeGateway(_log("a", "b"), [[1, 2, 3], []]))
    async with bench.client("sse") as client:
        answer = await client.start("hi")
        assert await _all(answer) == bench.gateway.log
    assert bench.gateway.attached == [3]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_hole_is_asked_for_again(benches: list[TestServer], transport: TransportName) -> None:
    bench = await _bench(benches, FakeGateway(_log("a", "b"), [[1, 5], []]))
    async with bench.client(transport) as client:
        assert await _all(await client.start("hi")) == bench.gateway.log
    assert bench.gateway.attached == [1]
    assert "events 2 to 4 are missing" in bench.troubles[0].reason


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_start_without_acceptance_is_repeated_with_its_key(
    benches: list[TestServer], transport: TransportName
) -> None:
    refusals = [Refused(Code.QUEUE_FULL, "Full.", retry_after_ms=1000)]
    bench = await _bench(benches, FakeGateway(_log("a"), [[CLOSE], []], refusals))
    async with bench.client(transport) as client:
        assert await _all(await client.start("hi")) == bench.gateway.log
    keys = {key for key, _body in bench.gateway.starts}
    assert (len(bench.gateway.starts), len(keys)) == (3, 1)
    assert bench.waits == [1.2, 0.4]
    assert bench.troubles[0].reason == "Full."


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_refusal_that_stands_is_raised_as_it_was_said(
    benches: list[TestServer], transport: TransportName
) -> None:
    bench = await _bench(benches, FakeGateway(_log(), refusals=[Refused(Code.MODEL_NOT_FOUND, "No.", param="model")]))
    async with bench.client(transport) as client:
        with pytest.raises(Refused) as raised:
            await client.start("hi", model="nope")
        if transport == "ws":
            await asyncio.wait_for(bench.gateway.gone.wait(), 5)
    assert (raised.value.code, raised.value.message, raised.value.param) == (Code.MODEL_NOT_FOUND, "No.", "model")
    assert len(bench.gateway.starts) == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_it_gives_up_after_failures_in_a_row_and_can_be_asked_again(
    benches: list[TestServer], transport: TransportName
) -> None:
    bench = await _bench(benches, FakeGateway(_log("a"), [[1, CLOSE], [CLOSE], [CLOSE], []]))
    async with bench.client(transport, retries=Retries(resume_failures=3)) as client:
        answer = await client.start("hi")
        with pytest.raises(Failed, match="tried 3 times"):
            await _all(answer)
        assert bench.waits == [0.2, 0.4]
        assert await _all(answer) == bench.gateway.log[1:]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_address_where_nobody_listens_is_named(transport: TransportName, unused_tcp_port: int) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with Client(f"127.0.0.1:{unused_tcp_port}", transport=transport, sleep=sleep) as client:
        with pytest.raises(Failed, match=rf"127.0.0.1:{unused_tcp_port} can't be reached: Connection refused"):
            await client.start("hi")
    assert len(waits) == 4


async def test_a_stream_in_which_nothing_comes_is_found_dead(benches: list[TestServer]) -> None:
    bench = await _bench(benches, FakeGateway(_log("a", "b"), [[1, 2, 3, HOLD], []]))
    async with bench.client("sse", idle_s=0.1) as client:
        assert await _all(await client.start("hi")) == bench.gateway.log
    assert bench.gateway.attached == [3]
    assert "too long" in bench.troubles[0].reason


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_server_that_says_nothing_is_found_dead(transport: TransportName) -> None:
    left = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client(url, transport=transport, idle_s=0.05, retries=Retries(start_failures=1)) as client:
            with pytest.raises(Failed, match="for too long"):
                await client.start("hi")
        await asyncio.wait_for(left.wait(), 5)


async def test_a_socket_without_pongs_is_found_dead(benches: list[TestServer]) -> None:
    async def accept_and_freeze(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        command = (await socket.receive()).json()
        await socket.send_json({"type": "ack", "id": command["id"], "generation_id": ID})
        accepted = orjson.loads(orjson.dumps(Accepted(ID, "r_1", "m")))
        await socket.send_json({"type": "accepted", "seq": 1, **accepted})
        while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSED:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/api/ws", accept_and_freeze)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    benches.append(server)
    retries = Retries(resume_failures=1)
    async with Client(str(server.make_url("/")), transport="ws", idle_s=0.15, retries=retries) as client:
        answer = await client.start("hi")
        with pytest.raises(Failed):
            async with asyncio.timeout(5):
                await _all(answer)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_interrupt_stops_it_and_its_end_is_still_read(
    benches: list[TestServer], transport: TransportName
) -> None:
    interrupted = Interrupted("client", "enough", 0.5, USAGE, None, METRICS)
    log = [*_log("a")[:-1], interrupted]
    bench = await _bench(benches, FakeGateway(log, [[1, 2, 3, HOLD, 4]]))
    async with bench.client(transport) as client:
        answer = await client.start("hi")
        async for event in answer:
            if isinstance(event, Chunk):
                assert await answer.interrupt("enough")
        assert answer.terminal == interrupted
        assert not await answer.interrupt()
    (road, name, body), *more = bench.gateway.commands
    assert (road, name, more) == ("ws" if transport == "ws" else "post", "interrupt", [])
    assert isinstance(body, dict)
    assert body["reason"] == "enough"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_stop_that_comes_too_late_is_no_error(benches: list[TestServer], transport: TransportName) -> None:
    gateway = FakeGateway(_log("a"), command_refused=Refused(Code.ALREADY_OVER, "It is over."))
    bench = await _bench(benches, gateway)
    async with bench.client(transport) as client:
        answer = await client.start("hi")
        assert not await answer.interrupt()
        with pytest.raises(Refused, match="It is over"):
            await answer.feedback("shorter")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_feedback_after_the_end_goes_by_post(benches: list[TestServer], transport: TransportName) -> None:
    bench = await _bench(benches, FakeGateway(_log("a")))
    async with bench.client(transport) as client:
        answer = await client.start("hi")
        await _all(answer)
        assert await answer.feedback(rating=1, mode="note") == "f_1"
    assert bench.gateway.commands == [("post", "feedback", {"rating": 1, "mode": "note"})]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_generation_that_is_lost_is_not_asked_for_again(
    benches: list[TestServer], transport: TransportName
) -> None:
    bench = await _bench(benches, FakeGateway([], refusals=[Refused(Code.GENERATION_LOST, "Gone.")]))
    async with bench.client(transport) as client:
        with pytest.raises(Refused, match="Gone"):
            await _all(client.attach(ID, after=4))
    assert bench.waits == []


async def test_a_lost_generation_may_be_told_in_the_stream(benches: list[TestServer]) -> None:
    async def tell(_request: web.Request) -> web.Response:
        lost = {"code": "generation_lost", "message": "Gone.", "retryable": True, "retry_after_ms": None}
        unknown = {"partial": False, "usage": None, "cost_usd": None, "metrics": None}
        data = orjson.dumps({"type": "error", **lost, **unknown})
        return web.Response(body=b"event: error\ndata: %b\n\n" % data, content_type="text/event-stream")

    app = web.Application()
    app.router.add_get("/api/generations/{id}/events", tell)
    server = TestServer(app)
    await server.start_server()
    benches.append(server)
    async with Client(str(server.make_url("/"))) as client:
        with pytest.raises(Refused) as raised:
            await _all(client.attach(ID))
    assert raised.value.code is Code.GENERATION_LOST


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_attachment_at_the_end_has_no_events(benches: list[TestServer], transport: TransportName) -> None:
    bench = await _bench(benches, FakeGateway(_log("a")))
    async with bench.client(transport) as client:
        assert await _all(client.attach(ID, after=f"{ID}:4")) == []


async def test_a_position_of_another_generation_is_refused(benches: list[TestServer]) -> None:
    bench = await _bench(benches, FakeGateway(_log("a")))
    async with bench.client("sse") as client:
        with pytest.raises(Refused, match="another generation's position"):
            client.attach(ID, after="g_other:4")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_gap_and_a_revision_renew_the_text(benches: list[TestServer], transport: TransportName) -> None:
    log: list[Event] = [
        Accepted(ID, "r_1", "m"),
        Gap(1, 2, "whole text"),
        Revision(2, "f_1", 0.1),
        Chunk("new"),
        COMPLETE,
    ]
    bench = await _bench(benches, FakeGateway(log))
    async with bench.client(transport) as client:
        answer = await client.start("hi")
        texts = [answer.text async for _event in answer]
    assert texts == ["", "whole text", "", "new", "new"]
    assert answer.revision == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_events_of_a_newer_gateway_are_passed_over(benches: list[TestServer], transport: TransportName) -> None:
    gateway = FakeGateway(_log("a", "b"), hidden_types={3: b'{"type":"hologram"}'})
    bench = await _bench(benches, gateway)
    async with bench.client(transport) as client:
        answer = await client.start("hi")
        assert await _all(answer) == [gateway.log[0], gateway.log[1], gateway.log[3], COMPLETE]
    assert answer.attachments == 0


async def test_switching_between_transports_keeps_every_character(benches: list[TestServer]) -> None:
    log = _log(*[f"{number} " for number in range(40)])
    bench = await _bench(benches, FakeGateway(log))
    async with bench.client("sse") as client:
        answer = await client.start("hi")
        events = []
        async for event in answer:
            events.append(event)
            if answer.seq in {7, 9, 20}:
                await answer.switch("ws" if answer.transport == "sse" else "sse")
        assert events == log
    assert bench.gateway.attached == [7, 9, 20]
    assert bench.waits == []


async def test_a_switch_wakes_a_reader_that_waits(benches: list[TestServer]) -> None:
    bench = await _bench(benches, FakeGateway(_log("a", "b"), [[1, 2, 3, HOLD], []]))
    for transport in TRANSPORTS:
        bench.gateway.connections = 0
        async with bench.client(transport) as client:
            answer = await client.start("hi")
            events = [await anext(answer) for _ in range(3)]
            waiting = asyncio.ensure_future(anext(answer))
            await asyncio.wait([waiting], timeout=0)
            await answer.switch("sse" if transport == "ws" else "ws")
            events += [await waiting, *await _all(answer)]
            assert events == bench.gateway.log
    assert bench.waits == []


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_leaving_closes_what_was_opened(benches: list[TestServer], transport: TransportName) -> None:
    bench = await _bench(benches, FakeGateway(_log("a"), [[1, 2, 3, HOLD]]))
    before = asyncio.all_tasks()
    async with bench.client(transport) as client:
        answer = await client.start("hi")
        reading = asyncio.create_task(_all(answer))
        await asyncio.wait([reading], timeout=0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    mine = [task for task in asyncio.all_tasks() - before if "dualstream" in task.get_name()]
    assert mine == []
    await asyncio.wait_for(bench.gateway.gone.wait(), 5)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_start_that_is_cancelled_leaves_no_connection(
    benches: list[TestServer], transport: TransportName
) -> None:
    bench = await _bench(benches, FakeGateway(_log("a"), [[HOLD]]))
    async with bench.client(transport) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.start("hi")
        await asyncio.wait_for(bench.gateway.gone.wait(), 5)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_reader_that_is_closed_ends(benches: list[TestServer], transport: TransportName) -> None:
    bench = await _bench(benches, FakeGateway(_log("a"), [[1, 2, 3, HOLD]]))
    async with bench.client(transport) as client, await client.start("hi") as answer:
        reading = asyncio.create_task(_all(answer))
        await asyncio.wait([reading], timeout=0)
        await answer.aclose()
        await asyncio.wait_for(reading, 5)
    assert bench.gateway.attached == []


async def test_a_socket_reads_ahead_only_so_far_and_still_hears_replies(benches: list[TestServer]) -> None:
    log = _log(*["x" * 1000] * 5000)
    bench = await _bench(benches, FakeGateway(log))
    async with bench.client("ws") as client:
        answer = await client.start("hi")
        feed = answer._feed
        assert isinstance(feed, WebSocketFeed)
        async with asyncio.timeout(10):
            while len(feed._frames) < HELD_FRAMES:
                await asyncio.wait([feed._reading], timeout=0)
            assert await answer.interrupt()
        assert len(await _all(answer)) == len(log)
    assert answer.text == "x" * 5_000_000


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="address of a gateway"):
        Client(url)


async def test_a_client_is_used_in_async_with() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Client("http://127.0.0.1:1").start("hi")


async def test_another_server_is_told_apart(benches: list[TestServer]) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    app = web.Application()
    app.router.add_post("/api/chat/stream", page)
    server = TestServer(app)
    await server.start_server()
    benches.append(server)
    async with Client(str(server.make_url("/"))) as client:
        with pytest.raises(Refused, match="did not answer as a Dualstream gateway"):
            await client.start("hi")


def test_a_transport_that_is_none_is_refused_when_the_client_is_made() -> None:
    with pytest.raises(ValueError, match="'websocket' is none; known are: sse, ws"):
        Client("http://127.0.0.1:1", transport="websocket")  # type: ignore[arg-type]
