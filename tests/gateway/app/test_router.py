"""The router: it answers as Starlette's, whatever the path."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import Message, Scope
from starlette.websockets import WebSocket

from gateway.app.router import PathRouter


def _answering(name: str, path: str, *methods: str) -> Route:
    async def answer(request: Request) -> Response:
        return PlainTextResponse(f"{name} {request.path_params} {request.url_for('fixed')}")

    return Route(path, answer, methods=methods or ("GET",), name=name)


async def _greet(websocket: WebSocket) -> None:
    await websocket.accept(websocket.scope["route"].path)


ROUTES: Sequence[BaseRoute] = (
    _answering("before", "/things/{name}"),
    _answering("fixed", "/things/all"),
    _answering("read", "/both"),
    _answering("write", "/both", "POST"),
    WebSocketRoute("/both", _greet),
    WebSocketRoute("/{name}/socket", _greet),
    WebSocketRoute("/any/socket", _greet),
    Mount("/files", routes=[_answering("file", "/{name}")]),
    _answering("beneath", "/files/fixed"),
    WebSocketRoute("/{path:path}", _greet),
)


@asynccontextmanager
async def _lifespan(_app: object) -> AsyncIterator[None]:
    yield


async def _answer(router: Router, scope: Scope) -> Sequence[Message]:
    """Return what an application with this router sends."""
    app, sent = Starlette(), list[Message]()
    app.router = router

    async def receive() -> Message:
        return {"type": "http.request" if scope["type"] == "http" else "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"gateway")]
    await app({"headers": headers, "query_string": b"", "scheme": scope["type"], **scope}, receive, send)
    return sent


PATHS = ("/things/all", "/things/x", "/both", "/both/", "/files/a", "/files/fixed", "/any/socket", "/nowhere", "/")


@pytest.mark.parametrize("root_path", ["", "/root"])
@pytest.mark.parametrize("kind", ["GET", "POST", "HEAD", "websocket"])
@pytest.mark.parametrize("path", [*PATHS, "/root/both"])
def test_it_answers_as_starlettes(kind: str, path: str, root_path: str) -> None:
    scope = {"type": "websocket" if kind == "websocket" else "http", "method": kind, "path": path}
    scope |= {"root_path": root_path}
    ours = asyncio.run(_answer(PathRouter(ROUTES, _lifespan), {**scope}))
    assert ours == asyncio.run(_answer(Router(ROUTES, redirect_slashes=False), {**scope}))
