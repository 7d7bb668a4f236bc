"""The shell around the pure parts: sockets, clock and tasks of the simulator."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.net.tcp import reset
from gateway.simulator.errors import RequestError
from gateway.simulator.ledger import Ledger
from gateway.simulator.playing import BATCH, Exchange, stream, whole
from gateway.simulator.refusals import LARGEST_BODY, explained, failure
from gateway.simulator.request import Request
from gateway.simulator.script import Script, compose
from gateway.simulator.settings import Settings, read_settings
from gateway.simulator.timeline import STREAM_FAULTS, timeline
from gateway.simulator.wires import WIRES, Wire, wire_at
from gateway.simulator.wires.base import Answer
from gateway.simulator.wires.chat_completions import models_body

_BACKLOG: Final = 4096
_STOP_SECONDS: Final = 1.0
_HTML: Final = "<!doctype html><title>One moment</title><h1>One moment, please</h1><p>We are checking your browser.</p>"


class Simulator:
    """A server of made-up answers on its own port; `start` it, use `base_url`, `stop` it."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Take the address to listen on; port 0 lets the system choose."""
        self._host = host
        self._port = port
        self._ledger = Ledger()
        self._answering: dict[asyncio.Task[object], web.Request] = {}
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """The address for OpenAI clients, `http://host:port/v1`.

        Raises:
            RuntimeError: The simulator is not started.

        """
        return f"{self.origin}/v1"

    @property
    def origin(self) -> str:
        """The address without a path, for clients that add all of it: Anthropic's `/v1`, Google's `/v1beta`.

        Raises:
            RuntimeError: The simulator is not started.

        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the simulator has no address before start() and after stop()")
        _, port, *_ = self._runner.addresses[0]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address is taken or not of this machine.

        """
        app = web.Application(middlewares=[self._shaping_errors], client_max_size=LARGEST_BODY)
        app.add_routes(
            [
                *(web.post(path, self._complete) for path in WIRES),
                web.get("/v1/models", self._models),
                web.get("/health", self._health),
                web.get("/stats", self._stats),
                web.get("/closes", self._closes),
            ]
        )
        app.on_shutdown.append(self._cut_all)
        # With cancellation the loss of a connection reaches the handler at once, wherever it waits.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=_STOP_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, backlog=_BACKLOG).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Close the port and cut all open streams at once; do nothing when not started."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _cut_all(self, _app: web.Application) -> None:
        transports = [request.transport for request in self._answering.values() if request.transport is not None]
        tasks = set(self._answering)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        # Closing would first wait until a client that does not read has read.
        for transport in transports:
            transport.abort()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _models(self, _request: web.Request) -> web.Response:
        return web.Response(body=models_body(), content_type="application/json")

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self._ledger.stats())

    async def _closes(self, _request: web.Request) -> web.Response:
        return web.json_response(self._ledger.recent_closes())

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self._ledger.requests += 1
        began = asyncio.get_running_loop().time()
        wire = wire_at(request.path)
        asked = wire.read(await request.read(), request.headers, {**request.query, **request.match_info})
        settings = read_settings(asked.model, request.headers.get("X-Simulate", ""))
        if settings.fault in STREAM_FAULTS and not asked.stream:
            message = f"The fault '{settings.fault}' needs a stream; ask for one, or choose another fault."
            raise RequestError(message, code="invalid_setting", param="fault")
        exchange = Exchange(f"{wire.prefix}{secrets.token_hex(12)}", began)
        async with self._running(request, exchange):
            match settings.fault:
                case "429" | "500" | "401":
                    return _refusal(request, failure(settings))
                case "html":
                    return web.Response(text=_HTML, content_type="text/html")
                case "refuse":
                    return _reset(request)
                case _:
                    return await self._answer(request, wire, asked, settings, exchange)

    async def _answer(
        self, request: web.Request, wire: Wire, asked: Request, settings: Settings, exchange: Exchange
    ) -> web.StreamResponse:
        answer = Answer(
            script=compose(asked, settings),
            id=exchange.id,
            created=int(time.time()),
            model=asked.model,
            with_usage=asked.with_usage if settings.usage == "asked" else settings.usage == "on",
        )
        if not asked.stream:
            return await whole(wire.whole(answer), exchange, _seconds(answer.script, settings))
        steps = timeline(answer.script, settings, wire.frames(answer))
        return await stream(request, steps, exchange, self._ledger, 1 if settings.fault == "trickle" else BATCH)

    @asynccontextmanager
    async def _running(self, request: web.Request, exchange: Exchange) -> AsyncIterator[None]:
        """Count an answer and how it ends: completed, hung up, or cut by `stop` with the client still there."""
        self._ledger.running += 1
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            if request.transport is None or request.transport.is_closing():
                self._ledger.close(exchange.id, exchange.chunks, time.monotonic_ns())
            raise
        else:
            self._ledger.completed += 1
        finally:
            self._ledger.running -= 1

    @web.middleware
    async def _shaping_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse in the words of the wire format, and know each task that answers, so that `stop` can cut it."""
        # A handler always runs in a task.
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._answering[task] = request
        try:
            return await handler(request)
        except RequestError as refused:
            return _refusal(request, refused)
        except web.HTTPException as refused:
            allowed = refused.headers.get("Allow", "")
            error = explained(request.path, request.method, refused.status, refused.reason, allowed)
            return _refusal(request, error, refused)
        except ConnectionError:
            # Already counted; raised further it would be logged as a failure of the server.
            return _nothing()
        finally:
            del self._answering[task]


def _seconds(script: Script, settings: Settings) -> float:
    """Give the time that streaming an answer would take."""
    said = len(script.reasoning) + len(script.text)
    return settings.ttft / 1000 + (said / settings.speed if settings.speed else 0)


def _reset(request: web.Request) -> web.Response:
    """Reset the connection without an answer."""
    transport = request.transport
    if transport is not None:
        reset(transport)
    return _nothing()


def _nothing() -> web.Response:
    """Give the answer for a client that is gone, which goes nowhere."""
    return web.Response()


def _refusal(request: web.Request, error: RequestError, origin: web.HTTPException | None = None) -> web.Response:
    body, headers = wire_at(request.path).refusal(error)
    if origin is not None and "Allow" in origin.headers:
        headers["Allow"] = origin.headers["Allow"]
    return web.Response(status=error.status, body=body, content_type="application/json", headers=headers)
