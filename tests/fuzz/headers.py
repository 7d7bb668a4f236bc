"""Headers that are read before a request's route: origin, cookie, identifiers, forwarded addresses."""

import asyncio
import re
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.api import session, tickets
from gateway.api.context import address
from gateway.api.requests import (
    _SAFE_ID,
    MAX_IDEMPOTENCY_KEY_LENGTH,
    STREAM_PATH,
    idempotency_key,
    request_id,
    wants_events,
)
from gateway.protocol.errors import Refused
from gateway.security.origins import Origins
from tests.fuzz.bodies import check_refusal
from tests.fuzz.target import Target, header_text
from tests.fuzz.upstreams import loop

ALLOWED: Final = "https://pages.example"
ORIGINS: Final = (Origins(frozenset({ALLOWED})), Origins(frozenset({ALLOWED}), any_host=False))
COOKIE: Final = "__Host-d"
EVENTS: Final = "/api/generations/g_a/events"


_COOKIE_NAME: Final = re.compile(rf"(?:^|;)[ \t]*{COOKIE}(?:=|[ \t]*(?:;|$))")
"""Matches a cookie of exactly this name."""


def _scope(data: bytes) -> Scope:
    """Build a request. The first line of the input is the query, the others are headers."""
    query, *lines = data.split(b"\n")
    pairs = [line.partition(b":") for line in lines]
    headers = [(name.lower(), value.strip()) for name, _, value in pairs]
    path = EVENTS if len(query) % 2 else STREAM_PATH
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 7),
        "scheme": "http",
    }


def headers(data: bytes) -> None:
    """Read all headers that are read before a request's route."""
    request = Request(_scope(data))
    for origins in ORIGINS:
        try:
            assert origins.check(request.headers) in {"", ALLOWED}
        except Refused as refusal:
            check_refusal(refusal)
    assert _SAFE_ID.fullmatch(request_id(request))
    try:
        key = idempotency_key(request)
        assert key is None or 1 <= len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH
    except Refused as refusal:
        check_refusal(refusal)
    try:
        credential = session.token_from_cookie(COOKIE, request)
        cookies = ";".join(request.headers.getlist("cookie"))
        assert (credential is not None) is (_COOKIE_NAME.search(cookies) is not None)
        assert credential is None or credential in cookies
    except Refused as refusal:
        check_refusal(refusal)
    wants_events(request)
    if tickets.ticket_from_url(request.scope) is not None:
        tickets.requested_use(request)


def forwarded(data: bytes) -> None:
    """Read `X-Forwarded-For` behind a trusted proxy: an address, or the text that was sent as one."""
    addresses: list[str] = []

    async def application(scope: Scope, _receive: Receive, _send: Send) -> None:
        addresses.append(address(HTTPConnection(scope)))
        await asyncio.sleep(0)

    scope = {**_scope(b""), "headers": [(b"x-forwarded-for", data), (b"x-forwarded-proto", data)]}
    middleware = ProxyHeadersMiddleware(application, trusted_hosts=["127.0.0.1"])  # type: ignore[arg-type]
    loop().run_until_complete(middleware(scope, None, None))  # type: ignore[arg-type]
    assert len(addresses) == 1
    assert len(addresses[0]) <= len(header_text(data)) + 40


TARGETS: Final = [
    Target(
        "headers",
        "`Origin`, `Host`, `Sec-Fetch-Site`, `Cookie`, `X-Request-ID`, `Idempotency-Key`, `Last-Event-ID`, a ticket in "
        "the URL",
        "only `Refused`; an accepted origin is an allowed one, or none; the cookie has exactly the name",
        headers,
        [
            b"ticket=t&prompt=x\nOrigin: https://pages.example\nHost: localhost:8000\nX-Request-ID: r-1",
            b"ticket=t\nOrigin: http://[::1]:8\nHost: [::1]:8\nSec-Fetch-Site: cross-site\nLast-Event-ID: g_a:1",
            b"\nOrigin: http://localhost\nHost: localhost\nCookie: a=b; __Host-d=c; \xa0__Host-d=e",
            b"\nIdempotency-Key: k\nAccept: text/event-stream\nAuthorization: Bearer x",
        ],
        (
            b"Origin: ",
            b"Host: ",
            b"Sec-Fetch-Site: ",
            b"X-Request-ID: ",
            b"ticket=",
            b"Cookie: ",
            b"__Host-d=",
            b"http://",
            b"[",
            b"]",
            b"%",
            b"@",
        ),
        fast=True,
    ),
    Target(
        "forwarded",
        "`X-Forwarded-For` and `X-Forwarded-Proto` of a trusted proxy",
        "an address, or the network of an IPv6 address",
        forwarded,
        [b"10.1.2.3", b"2001:db8::1, 127.0.0.1", b"fe80::1%eth0", b"::ffff:10.1.2.3", b"https", b"[::1]:80", b"unix:"],
        (b", ", b"::", b"%", b"127.0.0.1", b"https"),
        fast=True,
    ),
]
