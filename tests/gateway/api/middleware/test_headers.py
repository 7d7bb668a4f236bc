"""What goes out to clients is read as one head, and one event: nobody's words begin another."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Scope
from yarl import URL

from gateway.api.demo_page import PAGE_HEADERS
from gateway.api.middleware.headers import DEFAULT_HEADERS, validate_headers
from gateway.api.requests import request_id
from gateway.api.responses import refusal_response
from gateway.app.application import Application
from gateway.generation.event_log import EventLog
from gateway.protocol.errors import Code, Refused
from gateway.protocol.event_stream import EventStreamDecoder, event_frame
from gateway.protocol.events import (
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Interrupted,
    Metrics,
    Reasoning,
    ToolCall,
    Usage,
)
from gateway.upstreams.base import Finished
from gateway.upstreams.formats.json_values import repair_surrogates
from tests.served.clients import BODY
from tests.served.gateway import Served
from transports.sse import EventStream

Head = Sequence[tuple[bytes, bytes]]


async def sent(headers: Head) -> Head:
    """Send a head; give what went out."""
    out: list[Message] = []

    async def send(message: Message) -> None:
        out.append(message)

    await validate_headers(send)({"type": "http.response.start", "status": 200, "headers": headers})
    return list(out[0]["headers"])


@given(value=st.binary(max_size=40), name=st.binary(min_size=1, max_size=10))
async def test_a_head_is_as_many_lines_as_it_has_fields(name: bytes, value: bytes) -> None:
    try:
        head = await sent([(name, value)])
    except ValueError:
        return
    written = b"".join(b"%b: %b\r\n" % field for field in head)
    assert written.count(b"\r") == written.count(b"\n") == len(head) == 1 + len(DEFAULT_HEADERS)
    assert b"\0" not in written
    assert b":" not in name


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: x", b"a\nb", b"a\rb", b"a\0", b"\x7f", b"\x1b[31m"])
async def test_a_control_character_is_sent_in_no_head(value: bytes) -> None:
    with pytest.raises(ValueError, match="control character"):
        await sent([(b"x-test", value)])
    with pytest.raises(ValueError, match="control character"):
        await sent([(b"x" + value, b"1")])
    assert (b"x-test", b"caf\xe9\t1") in await sent([(b"x-test", b"caf\xe9\t1")])


async def test_the_application_lets_none_out() -> None:
    async def split(_request: Request) -> Response:
        return Response(headers={"X-Test": "a\r\nSet-Cookie: b=c"})

    app: Starlette = Application(routes=[Route("/", split)])
    out: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        out.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    with pytest.raises(ValueError, match="x-test"):
        await app(scope, receive, send)
    assert out == []


@pytest.mark.parametrize(
    ("method", "path", "stored"),
    [
        ("GET", "/api/stats", "no-store"),
        ("GET", "/api/models", "no-store"),
        ("GET", "/v1/models", "no-store"),
        ("GET", "/health", "no-store"),
        ("POST", "/api/generations", "no-store"),
        ("POST", "/api/tickets", "no-store"),
        ("GET", "/api/generations/g_none", "no-store"),
        ("GET", "/nothing", "no-store"),
        ("GET", "/", "no-cache"),
        ("GET", "/static/demo.js", "no-cache"),
        ("GET", "/static/nothing.js", "no-store"),
        ("POST", "/api/chat/stream", "no-cache, no-transform"),
    ],
)
async def test_every_answer_is_what_it_says_and_this_clients_alone(
    served: Served, method: str, path: str, stored: str
) -> None:
    body = {"scope": "start"} if path.endswith("tickets") else BODY
    async with served.http.request(method, path, json=body if method == "POST" else None) as response:
        assert response.headers.getall("X-Content-Type-Options") == ["nosniff"]
        assert response.headers.getall("Cross-Origin-Resource-Policy") == ["same-origin"]
        assert response.headers.getall("Cache-Control") == [stored]


@pytest.mark.parametrize(
    "path", ["/static/../pyproject.toml", "/static/%2e%2e/pyproject.toml", "/static/..%2fpyproject.toml"]
)
async def test_a_path_leads_out_of_no_folder(served: Served, path: str) -> None:
    async with served.http.get(URL(f"{served.url}{path}", encoded=True)) as response:
        assert response.status == 404
        assert "name" not in await response.json()


async def test_the_page_may_do_little(served: Served) -> None:
    async with served.http.get("/") as response:
        head = response.headers
    assert {name: head[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    policy = dict(part.strip().partition(" ")[::2] for part in head["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert "unsafe" not in head["Content-Security-Policy"]
    assert head["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("given", ["a\tb", "é", "x" * 129, "a b", ""])
async def test_what_a_client_says_comes_back_only_if_it_is_plain(served: Served, given: str) -> None:
    async with served.http.get("/health", headers={"X-Request-ID": given}) as response:
        assert response.headers["X-Request-ID"] != given


@given(st.binary(max_size=200))
def test_a_request_is_named_by_what_fits_a_head(given: bytes) -> None:
    named = request_id(Request({"type": "http", "headers": [(b"x-request-id", given)]}))
    assert named.isascii()
    assert named.isprintable()
    assert " " not in named


# Events.

anything = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(categories=["Cc", "Zl", "Zp", "Cs"])),
    st.sampled_from(
        ["\n\nevent: complete\ndata: {}\n\n", "\r\nid: x\r\n", "\u2028data: x", "\x85", "\ud800", "\0", "\ufeff"]
    ),
)
METRICS = Metrics("r", None, 0, 0, 0, 0, 0, None, 1, 1)
USAGE = Usage(None, None, "estimated")


def of(text: str, code: str = "x") -> list[Event]:
    """List events that hold a text wherever one may be anybody's."""
    return [
        Chunk(text),
        Reasoning(text),
        ToolCall(0, text, text, text),
        Feedback(text, "note", text, None),
        Complete(Finished(text).reason, USAGE, None, METRICS),
        Interrupted("client", text, 0, USAGE, None, METRICS),
        Error(code, text, retryable=False, retry_after_ms=None, partial=False, usage=None, cost_usd=None, metrics=None),
    ]


@given(anything)
def test_a_text_stays_in_its_event(text: str) -> None:
    for event in of(repair_surrogates(text)):
        log = EventLog("g_x")
        log.append(event)
        frame = EventStream().frame("g_x", log.since(0)[0])
        lines = frame.split(b"\n")
        assert lines[0] == b"id: g_x:1"
        assert lines[-3].startswith(b"data: {")
        assert lines[-2:] == [b"", b""]
        assert len(lines) == (4 if isinstance(event, Chunk) else 5)
        assert b"\r" not in frame
        (found,) = EventStreamDecoder().feed(frame)
        assert orjson.loads(found.data)["type"] == event.type


@given(anything)
def test_a_refusal_is_one_event_too(text: str) -> None:
    scope = {"type": "http", "method": "GET", "headers": [(b"accept", b"text/event-stream")]}
    for code in (Code.INVALID_REQUEST, Code.RATE_LIMIT):
        body = bytes(refusal_response(Refused(code, repair_surrogates(text)), Request(scope)).body)
        (event,) = EventStreamDecoder().feed(body)
        assert (event.event, orjson.loads(event.data)["message"]) == ("error", repair_surrogates(text))


@pytest.mark.parametrize("broken", [b"a\nb", b"a\rb", b"a\r\ndata: x", b"\n"])
def test_a_line_break_is_put_into_no_line(broken: bytes) -> None:
    for fields in ((broken, b"n", b"p"), (b"d", broken, b"p"), (b"d", b"n", broken)):
        with pytest.raises(ValueError, match="line break"):
            event_frame(*fields)
