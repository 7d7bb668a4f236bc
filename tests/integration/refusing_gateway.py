"""A gateway that refuses as it is told: each code, retryable or final, at a start, at an attach, or in mid-answer."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import orjson
from aiohttp import web

from gateway.api.responses import refusal_frame
from gateway.protocol.errors import Code, Refused
from tests.integration.processes import CHECKOUT

Moment = Literal["start", "attach", "cut"]


@dataclass(frozen=True, slots=True)
class Case:
    """A refusal and its moment; `cut`: after two events the connection breaks, and attaching again is refused."""

    code: Code
    retryable: bool
    moment: Moment

    @property
    def name(self) -> str:
        """Return its name, which a client sends as a model or as a generation's id."""
        return f"{self.code}.{str(self.retryable).lower()}.{self.moment}"

    @classmethod
    def of(cls, name: str) -> "Case":
        """Return the case of this name."""
        code, retryable, moment = name.removeprefix("g_").split(".")
        return next(
            case
            for case in CASES
            if (case.code, case.moment) == (code, moment) and case.name.split(".")[1] == retryable
        )

    def refused(self) -> Refused:
        """Return the refusal."""
        refused = Refused(self.code, f"No: {self.code}.", param="model")
        refused.retryable = self.retryable
        return refused


CASES = [Case(code, retryable, moment) for code in Code for retryable in (True, False) for moment in get_args(Moment)]


class RefusingGateway:
    """Counts the refusals that it sent by the name of the case."""

    def __init__(self) -> None:
        self.refusals = Counter[str]()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen within the context; yield the address."""
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_static("/static", CHECKOUT / "static")
        app.router.add_post("/api/chat/stream", self._start)
        app.router.add_post("/api/generations", self._start)
        app.router.add_get("/api/generations/{id}/events", self._events)
        app.router.add_get("/api/ws", self._socket)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    def _refuse(self, case: Case) -> Refused:
        self.refusals[case.name] += 1
        return case.refused()

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><link rel=icon href=data:,>", content_type="text/html")

    async def _start(self, request: web.Request) -> web.Response:
        refused = self._refuse(Case.of((await request.json())["model"]))
        return web.json_response(refused.body(), status=refused.status)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        case = Case.of(request.match_info["id"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        position = request.headers.get("Last-Event-ID", request.query.get("last_event_id"))
        if case.moment == "attach" or position:
            await response.write(refusal_frame(self._refuse(case), 0.0))
            return response
        for seq, event in enumerate(_events(f"g_{case.name}"), 1):
            # Chromium waits for three seconds without `retry`.
            await response.write(
                b"id: g_%b:%d\nretry: 1\ndata: %b\n\n" % (case.name.encode(), seq, orjson.dumps(event))
            )
        # Without a terminal event this is a break. After a reset, Chromium may not deliver what came before it.
        return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("dualstream.v1",))
        await socket.prepare(request)
        async for message in socket:
            command = message.json()
            if command["type"] not in {"start", "attach"}:
                continue
            generation_id = command.get("generation_id")
            case = Case.of(generation_id or command["model"])
            reply = {"id": command["id"], "generation_id": generation_id}
            if case.moment == "cut" and not command["after"]:
                await socket.send_json({"type": "ack", **reply, "state": "streaming", "seq": 2})
                for seq, event in enumerate(_events(f"g_{case.name}"), 1):
                    await socket.send_json({**event, "generation_id": generation_id, "seq": seq})
                assert request.transport is not None
                request.transport.close()
                break
            await socket.send_json({"type": "rejected", **reply, **self._refuse(case).fields()})
        return socket


def _events(generation_id: str) -> list[dict[str, object]]:
    accepted: dict[str, object] = {"type": "accepted", "generation_id": generation_id, "request_id": "r", "model": "m"}
    return [accepted, {"type": "chunk", "content": "Partly"}]
