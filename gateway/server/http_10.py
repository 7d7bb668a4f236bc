"""Responses to clients of HTTP/1.0, such as nginx without `proxy_http_version 1.1`: nothing is chunked."""

import sys

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.net.tcp import delivered, reset


async def serve_http_10(
    app: ASGI3Application,
    cycle: RequestResponseCycle,
    scope: Scope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
) -> None:
    """Run the application for one request; a body without a length ends with the connection.

    Such a client reads the chunked coding as a part of the body (RFC 9112, 6.1). A body that is left without its end is
    reset, because a close would look like its end; what was written before is delivered first.
    """
    has_length = True

    async def send_unchunked(message: ASGISendEvent) -> None:
        nonlocal has_length
        if message["type"] == "http.response.start":
            has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
            if not has_length:
                # As uvicorn has it for a body of a known length; this one is longer than any.
                cycle.chunked_encoding, cycle.expected_content_length = False, sys.maxsize
        elif message["type"] == "http.response.body" and not (has_length or message.get("more_body", False)):
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    await app(scope, receive, send_unchunked)
    if not cycle.response_complete and not cycle.disconnected:
        await delivered(cycle.transport)
        reset(cycle.transport)
