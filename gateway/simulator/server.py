"""The shell around the pure parts: sockets, clock and tasks of the simulator."""

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.simulator.errors import RequestError
from gateway.simulator.ledger import Ledger
from gateway.simulator.request import ChatRequest, read_request
from gateway.simulator.script import compose
from gateway.simulator.settings import Settings, read_settings
from gateway.simulator.timeline import STREAM_FAULTS, End, Step, timeline
from gateway.simulator.wire import Frames, completion_body, error_body, models_body

_PATHS: Final = "POST /v1/chat/completions, GET /v1/models, GET /health, GET /stats, GET /closes"
_STREAM_HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
_LARGEST_BODY: Final = 64 * 1024 * 1024
_BATCH: Final = 16 * 1024
"""Bytes after which a stream that is due writes them and lets the others run."""
_BACKLOG: Final = 4096
_STOP_SECONDS: Final = 1.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_HTML: Final = "<!doctype html><title>One moment</title><h1>One moment, please</h1><p>We are checking your browser.</p>"


@dataclass(slots=True)
class _Exchange:
    """One answer on its way: its id, when the request came (seconds of the loop's clock), chunks sent so far."""

    id: str
    began: float
    chunks: int = 0


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
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the simulator has no address before start() and after stop()")
        _, port, *_ = self._runner.addresses[0]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{port}/v1"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address is taken or not of this machine.

        """
        app = web.Application(middlewares=[self._shaping_errors], client_max_size=_LARGEST_BODY)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._complete),
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
        chat = read_request(await request.read())
        settings = read_settings(chat.model, request.headers.get("X-Simulate", ""))
        if settings.fault in STREAM_FAULTS and not chat.stream:
            message = f"The fault '{settings.fault}' needs a stream; send \"stream\": true or choose another fault."
            raise RequestError(message, code="invalid_setting", param="fault")
        exchange = _Exchange(f"chatcmpl-{secrets.token_hex(12)}", began)
        async with self._running(request, exchange):
            match settings.fault:
                case "429" | "500" | "401":
                    return _failure(settings)
                case "html":
                    return web.Response(text=_HTML, content_type="text/html")
                case "refuse":
                    return _reset(request)
                case _ if chat.stream:
                    return await self._stream(request, chat, settings, exchange)
                case _:
                    return await _answer(chat, settings, exchange)

    @asynccontextmanager
    async def _running(self, request: web.Request, exchange: _Exchange) -> AsyncIterator[None]:
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

    async def _stream(
        self, request: web.Request, chat: ChatRequest, settings: Settings, exchange: _Exchange
    ) -> web.StreamResponse:
        asked = chat.stream_options is not None and chat.stream_options.include_usage
        with_usage = _wants_usage(settings, asked=asked)
        frames = Frames(exchange.id, int(time.time()), chat.model, with_usage=with_usage)
        steps = timeline(compose(chat, settings), settings, frames, with_usage=with_usage)
        response = web.StreamResponse(headers=_STREAM_HEADERS | {"X-Request-Id": exchange.id})
        await response.prepare(request)
        batch = 1 if settings.fault == "trickle" else _BATCH
        match await self._play(steps, response, exchange, batch):
            case End.SILENCE:
                await asyncio.get_running_loop().create_future()
            case End.CUT if request.transport is not None:
                # What was written still goes out; the terminator of the chunked body does not.
                request.transport.close()
            case _:
                await response.write_eof()
        return response

    async def _play(
        self, steps: Iterator[Step], response: web.StreamResponse, exchange: _Exchange, batch: int
    ) -> End | None:
        """Write each step when it is due; what is late goes out in one write, at most about `batch` bytes at a time."""
        clock = asyncio.get_running_loop().time
        data = bytearray()
        chunks = 0
        end: End | None = None
        for step in steps:
            wait = exchange.began + step.due - clock()
            if wait > 0 or len(data) >= batch:
                await self._send(data, chunks, response, exchange)
                data.clear()
                chunks = 0
                await asyncio.sleep(max(wait, 0))
            data += step.data
            chunks += step.chunks
            end = step.end
        await self._send(data, chunks, response, exchange)
        return end

    async def _send(self, data: bytearray, chunks: int, response: web.StreamResponse, exchange: _Exchange) -> None:
        if data:
            exchange.chunks += chunks
            self._ledger.chunks += chunks
            await response.write(bytes(data))

    @web.middleware
    async def _shaping_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer in OpenAI's error shape, and know each task that answers, so that `stop` can cut it."""
        # A handler always runs in a task.
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._answering[task] = request
        try:
            return await handler(request)
        except RequestError as refused:
            return _refusal(refused)
        except web.HTTPException as refused:
            return _refusal(_explained(request, refused), refused)
        except ConnectionError:
            # Already counted; raised further it would be logged as a failure of the server.
            return _nothing()
        finally:
            del self._answering[task]


async def _answer(chat: ChatRequest, settings: Settings, exchange: _Exchange) -> web.Response:
    """Give the whole answer, after the time that streaming it would have taken."""
    script = compose(chat, settings)
    seconds = settings.ttft / 1000
    if settings.speed:
        seconds += (len(script.reasoning) + len(script.text)) / settings.speed
    await asyncio.sleep(max(exchange.began + seconds - asyncio.get_running_loop().time(), 0))
    with_usage = _wants_usage(settings, asked=True)
    body = completion_body(script, exchange.id, int(time.time()), chat.model, with_usage=with_usage)
    return web.Response(body=body, content_type="application/json", headers={"X-Request-Id": exchange.id})


def _wants_usage(settings: Settings, *, asked: bool) -> bool:
    return asked if settings.usage == "asked" else settings.usage == "on"


def _failure(settings: Settings) -> web.Response:
    """Give the error that the settings ask for."""
    wait = settings.retry_after
    match settings.fault:
        case "429":
            wait = 1 if wait is None else wait
            message = f"Simulated rate limit reached; try again in {wait} s."
            error = RequestError(message, status=429, kind="requests", code="rate_limit_exceeded")
        case "401":
            message = "Simulated: incorrect API key provided; check the key."
            error = RequestError(message, status=401, code="invalid_api_key")
        case _:
            error = RequestError("Simulated server error; try again.", status=500, kind="server_error")
    response = _refusal(error)
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    return response


def _reset(request: web.Request) -> web.Response:
    """Reset the connection without an answer."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    return _nothing()


def _nothing() -> web.Response:
    """Give the answer for a client that is gone, which goes nowhere."""
    return web.Response()


def _refusal(error: RequestError, origin: web.HTTPException | None = None) -> web.Response:
    headers = {"Allow": origin.headers["Allow"]} if origin is not None and "Allow" in origin.headers else None
    return web.Response(status=error.status, body=error_body(error), content_type="application/json", headers=headers)


def _explained(request: web.Request, refused: web.HTTPException) -> RequestError:
    """Say in the words of OpenAI's errors what the framework refused."""
    match refused.status:
        case 404:
            message, code = f"There is nothing at {request.path}. Use {_PATHS}.", "unknown_path"
        case 405:
            allowed = refused.headers.get("Allow", "")
            message, code = f"{request.path} does not take {request.method}. Use {allowed}.", "method_not_allowed"
        case 413:
            message, code = f"The body is too large. Send at most {_LARGEST_BODY} bytes.", "request_too_large"
        case _:
            message, code = f"The request was refused: {refused.reason}.", "refused"
    return RequestError(message, status=refused.status, code=code)
