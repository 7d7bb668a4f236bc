"""Exceptions of routes, and the responses to them."""

from collections.abc import Mapping

import pytest
from starlette.exceptions import WebSocketException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from gateway.api.error_handlers import ErrorHandler
from gateway.api.middleware.errors import ErrorMiddleware


class _NarrowError(LookupError):
    pass


async def _on_lookup(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{request.url.path}: {error}", 404)


async def _on_narrow(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("narrow", 400)


HANDLERS: Mapping[type[Exception], ErrorHandler] = {LookupError: _on_lookup, _NarrowError: _on_narrow}


async def _sent(error: Exception, kind: str = "http") -> list[Message]:
    """Return the messages that are sent for a route that raises an exception."""
    sent: list[Message] = []

    async def route(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": kind, "method": "GET", "path": "/a", "headers": [], "query_string": b"", "server": ("h", 1)}
    await ErrorMiddleware(route, HANDLERS)(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [(LookupError("b"), 404, b"/a: b"), (KeyError("b"), 404, b"/a: 'b'"), (_NarrowError(), 400, b"narrow")],
)
async def test_the_handler_of_the_nearest_class_answers(error: Exception, status: int, body: bytes) -> None:
    head, rest = await _sent(error)
    assert (head["status"], rest["body"]) == (status, body)


async def test_an_exception_that_was_answered_keeps_no_frames() -> None:
    # One that a function has in a variable when it raises it would be a reference cycle.
    error = LookupError()
    await _sent(error)
    assert error.__traceback__ is None


async def test_an_exception_without_a_handler_passes() -> None:
    with pytest.raises(ZeroDivisionError):
        await _sent(ZeroDivisionError())


async def test_an_exception_of_a_websocket_passes() -> None:
    with pytest.raises(LookupError):
        await _sent(LookupError(), "websocket")


async def test_a_websocket_is_closed_as_its_endpoint_says() -> None:
    error = WebSocketException(1008, "Not here.")
    assert await _sent(error, "websocket") == [{"type": "websocket.close", "code": 1008, "reason": "Not here."}]
    with pytest.raises(WebSocketException):
        await _sent(error)
