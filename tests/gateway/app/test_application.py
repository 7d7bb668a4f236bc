"""The application: responses to requests that no route handles."""

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.app.factory import create_app
from gateway.config import Settings
from tests.served.errors import error_of
from tests.served.gateway import Served


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/nowhere", 404, "nothing at '/nowhere'"),
        ("DELETE", "/api/generations", 405, "does not take DELETE"),
        ("DELETE", "/api/chat/stream", 405, "does not take DELETE"),
        ("GET", "/api/generations/g_unknown", 404, "no generation 'g_unknown'"),
        ("GET", "/api/generations/g_unknown/events", 404, "no generation"),
        ("POST", "/api/generations/g_unknown/interrupt", 404, "no generation"),
        ("GET", "/api/chat/stream?prompt=x", 406, "Accept"),
        ("GET", "/api/ws", 426, "connect with a WebSocket client"),
        ("GET", "/static/../pyproject.toml", 404, "nothing at"),
    ],
)
async def test_unknown_paths_and_methods_are_refused(
    served: Served, method: str, path: str, status: int, message: str
) -> None:
    async with served.http.request(method, path) as response:
        assert response.status == status
        assert message in str((await error_of(response))["message"])


class _Counter:
    """Middleware that counts requests."""

    count = 0

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _Counter.count += 1
        await self._app(scope, receive, send)


async def test_middleware_may_be_added_until_the_first_request() -> None:
    app, sent = create_app(Settings()), list[Message]()
    app.add_middleware(_Counter)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/health", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    assert (sent[0]["status"], _Counter.count) == (200, 1)
    with pytest.raises(RuntimeError):
        app.add_middleware(_Counter)
