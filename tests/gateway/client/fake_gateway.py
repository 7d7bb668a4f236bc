"""A gateway that follows a script, on all transports, and clients of it that never sleep."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.client import AsyncAnswer, AsyncClient, Retries, RetryNotice, Token, TransportName
from gateway.client.sync import Client
from gateway.protocol.errors import Refused
from gateway.protocol.events import Accepted, Chunk, Complete, Event, Gap, Metrics, Start, Usage

ID = "g_test"
USAGE = Usage(3, 4, "exact")
METRICS = Metrics("r_1", 1.0, 2.0, 0.0, 2, 10, 12, None, 1, 1)
COMPLETE = Complete("stop", USAGE, None, METRICS)
STREAMS: tuple[TransportName, ...] = ("sse", "ws")
TRANSPORTS: tuple[TransportName, ...] = (*STREAMS, "poll")
CLOSE = -1
"""In a script: cut the connection here."""
HOLD = -2
"""In a script: keep the connection open and send nothing until a command arrives."""


def log_of(*pieces: str) -> list[Event]:
    return [Accepted(ID, "r_1", "m"), Start("p", "m", 1, 1), *map(Chunk, pieces), COMPLETE]


@dataclass
class FakeGateway:
    """Sends what its script says: per connection a list of event numbers, CLOSE and HOLD. The last list repeats."""

    log: list[Event]
    script: list[list[int]] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    hidden_types: dict[int, bytes] = field(default_factory=dict)
    starts: list[tuple[str, object]] = field(default_factory=list)
    attached: list[int] = field(default_factory=list)
    coalesced: list[int | None] = field(default_factory=list)
    """The `coalesce_ms` of each request that attaches."""
    commands: list[tuple[str, str, object]] = field(default_factory=list)
    command_refused: Refused | None = None
    headers: list[Mapping[str, str]] = field(default_factory=list)
    connections: int = 0
    holding: bool = False
    """A poll waits for a command."""
    polled: list[int] | None = field(default=None)
    """What is left of the script for a client that polls; None while it has only started."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def plan(self, after: int) -> list[int]:
        """Return the numbers for the next connection; without a script, all that follow `after`."""
        plan = self.script[min(self.connections, len(self.script) - 1)] if self.script else None
        self.connections += 1
        return list(range(after + 1, len(self.log) + 1)) if plan is None or plan == [] else plan

    def _data(self, seq: int) -> dict[str, object]:
        if seq in self.hidden_types:
            hidden: dict[str, object] = orjson.loads(self.hidden_types[seq])
            return hidden
        event = self.log[seq - 1]
        fields: dict[str, object] = orjson.loads(orjson.dumps(event))
        if isinstance(event, Gap):
            fields = {"from": event.from_seq, "to": event.to_seq, "text": event.text}
        return {"type": event.type, **fields}

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/chat/stream", self._post_start)
        app.router.add_get("/api/generations/{id}/events", self._get_events)
        app.router.add_post("/api/generations", self._post_detached)
        app.router.add_get("/api/generations/{id}/poll", self._get_poll)
        app.router.add_post("/api/generations/{id}/{command}", self._post_command)
        app.router.add_get("/api/ws", self._socket)
        return app

    def _record_attach(self, after: int, coalesce_ms: str | int | None) -> None:
        self.attached.append(after)
        self.coalesced.append(None if coalesce_ms is None else int(coalesce_ms))

    async def _post_start(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(request.headers)
        self.starts.append((request.headers["Idempotency-Key"], await request.json()))
        return self._refusal() or await self._stream(request, 0)

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(request.headers)
        after = int(request.headers.get("Last-Event-ID", f"{ID}:0").removeprefix(f"{ID}:"))
        self._record_attach(after, request.query.get("coalesce_ms"))
        if self.log and after >= len(self.log):
            return web.Response(status=204)
        return self._refusal() or await self._stream(request, after)

    async def _post_detached(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        self.starts.append((request.headers["Idempotency-Key"], await request.json()))
        self.polled = None
        return self._refusal() or web.json_response({"id": ID, "state": "queued", "urls": {}}, status=201)

    async def _get_poll(self, request: web.Request) -> web.StreamResponse:
        after = int(request.query["after"].removeprefix(f"{ID}:"))
        if request.query["wait"] == "0":
            if self.polled is not None or not self.starts:
                self.headers.append(request.headers)
                self._record_attach(after, request.query.get("coalesce_ms"))
                if (refusal := self._refusal()) is not None:
                    return refusal
            self.polled = self.plan(after)
        try:
            return await self._poll(request, self.polled or [], after)
        except (ConnectionResetError, asyncio.CancelledError):
            self.gone.set()
            raise

    async def _poll(self, request: web.Request, plan: list[int], after: int) -> web.StreamResponse:
        """Answer with the numbers up to the next CLOSE or HOLD."""
        if plan and plan[0] == HOLD:
            if request.query["wait"] == "0":
                return self._polled([], after)
            self.holding = True
            await self.stopped.wait()
            plan.pop(0)
        if (plan and plan[0] == CLOSE) or (not plan and after < len(self.log)):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        numbers = list(takewhile(lambda seq: seq > 0, plan))
        del plan[: len(numbers)]
        return self._polled(numbers, max([after, *numbers]))

    def _polled(self, numbers: list[int], reached: int) -> web.Response:
        events = [{**self._data(seq), "generation_id": ID, "seq": seq} for seq in numbers]
        return web.json_response(
            {"events": events, "position": f"{ID}:{reached}", "ended": reached >= len(self.log)},
            headers={"Cache-Control": "no-store"},
        )

    async def _post_command(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        self.commands.append(("post", request.match_info["command"], await request.json()))
        if self.command_refused is not None:
            return web.json_response(self.command_refused.body(), status=self.command_refused.status)
        self.stopped.set()
        return web.json_response({"state": "interrupted", "feedback_id": "f_1"}, status=202)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self.headers.append(request.headers)
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
                    self._record_attach(after, command.get("coalesce_ms"))
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
class Harness:
    """A listening fake gateway, and clients of it that record their waits instead of sleeping."""

    gateway: FakeGateway
    url: str
    waits: list[float] = field(default_factory=list)
    notices: list[RetryNotice] = field(default_factory=list)

    def client(
        self,
        transport: TransportName,
        *,
        idle_s: float = 5.0,
        retries: Retries | None = None,
        token: Token | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncClient:
        """Build a client that records its waits instead of sleeping."""
        return AsyncClient(
            self.url,
            transport=transport,
            idle_s=idle_s,
            retries=retries,
            token=token,
            headers=headers,
            sleep=self._sleep,
            random=lambda: 1.0,
            notice=self.notices.append,
        )

    def sync_client(self, transport: TransportName) -> Client:
        """Build a synchronous client that records its waits instead of sleeping."""
        return Client(self.url, transport=transport, sleep=self._sleep, random=lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


async def listen(servers: list[TestServer], gateway: FakeGateway) -> Harness:
    server = TestServer(gateway._app())
    await server.start_server(shutdown_timeout=0.1)
    servers.append(server)
    return Harness(gateway, str(server.make_url("/")))


async def read_all(answer: AsyncAnswer) -> list[Event]:
    return [event async for event in answer]
