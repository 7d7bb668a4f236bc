"""The HTTP server around the pure modules of the simulator: sockets, clock and tasks."""

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
from gateway.simulator.fault_counts import FaultCounts
from gateway.simulator.formats import FORMATS, ProviderFormat, format_for_path
from gateway.simulator.formats.base import ScriptedResponse
from gateway.simulator.formats.chat_completions import encode_models
from gateway.simulator.playback import BATCH_BYTES, Exchange, send_body, send_stream
from gateway.simulator.refusals import MAX_BODY_BYTES, convert_http_error, simulated_error
from gateway.simulator.request import Request
from gateway.simulator.script import Script, compose
from gateway.simulator.settings import SimulatorSettings, parse_settings
from gateway.simulator.stats import Stats
from gateway.simulator.timeline import STREAM_FAULTS, timeline

_BACKLOG: Final = 4096
_STOP_SECONDS: Final = 1.0
_HTML: Final = "<!doctype html><title>One moment</title><h1>One moment, please</h1><p>We are checking your browser.</p>"


class Simulator:
    """A server of made-up responses on a port of its own; `start` it, use `base_url`, `stop` it."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Set the address to listen on; with port 0 the system chooses."""
        self._host = host
        self._port = port
        self._stats = Stats()
        self._requests_by_task: dict[asyncio.Task[object], web.Request] = {}
        self._fault_counts = FaultCounts()
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """Return the base URL for OpenAI clients, `http://host:port/v1`.

        Raises:
            RuntimeError: The simulator is not started.

        """
        return f"{self.origin}/v1"

    @property
    def origin(self) -> str:
        """Return the base URL without a path, for clients that add `/v1` (Anthropic) or `/v1beta` (Google).

        Raises:
            RuntimeError: The simulator is not started.

        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the simulator has no address before start() and after stop()")
        _, port, *_ = self._runner.addresses[0]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Start to listen.

        Raises:
            OSError: The address is in use, or not one of this machine.

        """
        app = web.Application(middlewares=[self._encode_errors], client_max_size=MAX_BODY_BYTES)
        app.add_routes(
            [
                *(web.post(path, self._respond) for path in FORMATS),
                web.get("/v1/models", self._get_models),
                web.get("/health", self._get_health),
                web.get("/stats", self._get_stats),
                web.get("/closes", self._get_closes),
            ]
        )
        app.on_shutdown.append(self._abort_all)
        # With cancellation, a handler notices a disconnect at once, wherever it waits.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=_STOP_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, backlog=_BACKLOG).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Close the port and abort all open streams; do nothing if it is not started."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _abort_all(self, _app: web.Application) -> None:
        transports = [request.transport for request in self._requests_by_task.values() if request.transport is not None]
        tasks = set(self._requests_by_task)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        # A close would first wait for clients that do not read.
        for transport in transports:
            transport.abort()

    async def _get_health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _get_models(self, _request: web.Request) -> web.Response:
        return web.Response(body=encode_models(), content_type="application/json")

    async def _get_stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self._stats.counts())

    async def _get_closes(self, _request: web.Request) -> web.Response:
        return web.json_response(self._stats.recent_closes())

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        self._stats.requests += 1
        started_at = asyncio.get_running_loop().time()
        provider_format = format_for_path(request.path)
        parameters = {**request.query, **request.match_info}
        parsed = provider_format.parse_request(await request.read(), request.headers, parameters)
        settings = self._fault_counts.apply(parse_settings(parsed.model, request.headers.get("X-Simulate", "")))
        if settings.fault in STREAM_FAULTS and not parsed.stream:
            message = f"The fault '{settings.fault}' needs a stream; ask for one, or choose another fault."
            raise RequestError(message, code="invalid_setting", param="fault")
        response_id = f"{provider_format.prefix}{secrets.token_hex(12)}"
        exchange = Exchange(response_id, started_at, stamped=settings.stamp == "on")
        async with self._count(request, exchange):
            match settings.fault:
                case "429" | "500" | "401":
                    return _error_response(request, simulated_error(settings))
                case "html":
                    return web.Response(text=_HTML, content_type="text/html")
                case "refuse":
                    return _reset(request)
                case _:
                    return await self._send(request, provider_format, parsed, settings, exchange)

    async def _send(
        self,
        request: web.Request,
        provider_format: ProviderFormat,
        parsed: Request,
        settings: SimulatorSettings,
        exchange: Exchange,
    ) -> web.StreamResponse:
        response = ScriptedResponse(
            script=compose(parsed, settings),
            id=exchange.id,
            created=int(time.time()),
            model=parsed.model,
            with_usage=parsed.with_usage if settings.usage == "asked" else settings.usage == "on",
        )
        if not parsed.stream:
            body = provider_format.encode_response(response)
            return await send_body(body, exchange, _stream_seconds(response.script, settings))
        steps = timeline(response.script, settings, provider_format.stream_encoder(response))
        return await send_stream(
            request, steps, exchange, self._stats, 1 if settings.fault == "trickle" else BATCH_BYTES
        )

    @asynccontextmanager
    async def _count(self, request: web.Request, exchange: Exchange) -> AsyncIterator[None]:
        """Count a response and how it ends: completed, closed early by its client, or aborted by `stop`."""
        self._stats.running += 1
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            if request.transport is None or request.transport.is_closing():
                self._stats.add_close(exchange.id, exchange.chunks, time.monotonic_ns())
            raise
        else:
            self._stats.completed += 1
        finally:
            self._stats.running -= 1

    @web.middleware
    async def _encode_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Encode errors in the format of the path, and register the handler's task, so that `stop` can cancel it."""
        # aiohttp runs each handler in a task.
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._requests_by_task[task] = request
        try:
            return await handler(request)
        except RequestError as refused:
            return _error_response(request, refused)
        except web.HTTPException as refused:
            allowed = refused.headers.get("Allow", "")
            error = convert_http_error(request.path, request.method, refused.status, refused.reason, allowed)
            return _error_response(request, error, refused)
        except ConnectionError:
            # Counted by `_count`. Raised further, it would be logged as an error of the server.
            return _no_response()
        finally:
            del self._requests_by_task[task]


def _stream_seconds(script: Script, settings: SimulatorSettings) -> float:
    """Return the seconds that the response would take as a stream."""
    length = len(script.reasoning) + len(script.text)
    return settings.ttft / 1000 + (length / settings.speed if settings.speed else 0)


def _reset(request: web.Request) -> web.Response:
    """Reset the connection without a response."""
    transport = request.transport
    if transport is not None:
        reset(transport)
    return _no_response()


def _no_response() -> web.Response:
    """Return what a handler must return for a client that is gone; it is not sent."""
    return web.Response()


def _error_response(request: web.Request, error: RequestError, cause: web.HTTPException | None = None) -> web.Response:
    body, headers = format_for_path(request.path).encode_error(error)
    if cause is not None and "Allow" in cause.headers:
        headers["Allow"] = cause.headers["Allow"]
    return web.Response(status=error.status, body=body, content_type="application/json", headers=headers)
