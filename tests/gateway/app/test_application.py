"""The application: responses to requests that no route handles."""

import pytest

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
