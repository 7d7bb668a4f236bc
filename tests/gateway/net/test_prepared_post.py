"""Prepared requests: what is sent is what aiohttp's own request sends, byte for byte, and errors are its own, too."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from gateway.net.http_client import MAX_PREPARED, HttpClient
from gateway.net.http_response import HttpResponse, PostResponse
from gateway.net.prepared_post import MAX_BODY_BYTES
from gateway.net.tcp import reset

HEADERS = {"Content-Type": "application/json", "Accept": "text/event-stream", "X-Name": "thế giới"}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
KEY = {"Authorization": "hush"}
END = b"\r\n\r\n"


class Server:
    """Keeps the requests that it gets. It resets a connection in place of an answer that is None."""

    def __init__(self, answer: bytes | None, *, keeps: bool) -> None:
        self.answer, self.keeps = answer, keeps
        self.requests: list[bytes] = []
        self.requested = asyncio.Event()
        self.url = ""
        self.connections: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after another."""
        connection = asyncio.current_task()
        assert connection is not None
        self.connections.add(connection)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                _, _, size = head.lower().partition(b"content-length: ")
                body = await reader.readexactly(int(size.split(b"\r\n")[0]) if size else 0)
                self.requests.append(head + body)
                self.requested.set()
                if self.answer is None:
                    reset(writer.transport)
                    break
                writer.write(self.answer)
                if not self.keeps:
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()


@asynccontextmanager
async def serving(answer: bytes | None = ANSWER, *, keeps: bool = True) -> AsyncIterator[Server]:
    kept = Server(answer, keeps=keeps)
    server = await asyncio.start_server(kept.serve, "127.0.0.1", 0)
    async with server:
        kept.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat?b=1#c"
        yield kept
        # Clients have closed their connections.
        await asyncio.gather(*kept.connections)


def client(**options: object) -> HttpClient:
    return HttpClient(aiohttp.ClientTimeout(total=None, **options))  # type: ignore[arg-type]


@asynccontextmanager
async def opened(to_open: HttpClient) -> AsyncIterator[HttpClient]:
    try:
        yield to_open
    finally:
        await to_open.close()


async def body_of(response: HttpResponse) -> bytes:
    """Read a body. At its end the response holds no connection."""
    body = await response.content.read()
    assert response.connection is None
    return body


class Tasks(list[str]):
    """Names of the coroutines that become tasks."""

    def create(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - of any type
        """Create a task; see `loop.set_task_factory`."""
        self.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * MAX_BODY_BYTES, b"x" * (MAX_BODY_BYTES + 1)])
@pytest.mark.parametrize("path", ["/v1/chat?b=1#c", "/%7Bm%7D:stream?alt=sse", "/th\u1ebf"])
@pytest.mark.parametrize("call_headers", [{}, {"traceparent": "00-1-2-01", "tracestate": "a=thế"}])
async def test_the_bytes_are_those_of_aiohttp(body: bytes, path: str, call_headers: dict[str, str]) -> None:
    async with serving() as server, opened(client()) as prepared:
        url = URL(server.url).join(URL(path))
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            for _ in range(2):
                answer = await prepared.request("POST", url, HEADERS, body, call_headers=call_headers)
                assert await body_of(answer) == b"ok"
                headers = {"User-Agent": "dualstream", "Accept-Encoding": "identity", **HEADERS, **call_headers}
                async with session.post(url, data=body, headers=headers) as response:
                    assert await response.read() == b"ok"
        assert len(server.requests) == 4
        assert len(set(server.requests)) == 1


async def test_bodies_and_headers_differ() -> None:
    async with serving() as server, opened(client()) as prepared:
        for body, name in ((b"1", "a"), (b"22", "a"), (b"333", "b"), (b"22", "a")):
            response = await prepared.request("POST", URL(server.url), {"X-Name": name}, body)
            assert (response.status, await body_of(response)) == (200, b"ok")
        ends = [
            (head.partition(b"X-Name: ")[2][:1], body) for head, _, body in (r.partition(END) for r in server.requests)
        ]
        assert ends == [(b"a", b"1"), (b"a", b"22"), (b"b", b"333"), (b"a", b"22")]
        assert len(prepared._posts) == 2


async def test_not_more_are_kept_than_needed() -> None:
    async with serving() as server, opened(client()) as prepared:
        for number in range(MAX_PREPARED + 5):
            await body_of(await prepared.request("POST", URL(server.url), {"X-Name": str(number)}, b""))
        assert len(prepared._posts) == 5


async def test_calls_with_headers_of_their_own_share_what_is_prepared() -> None:
    async with serving() as server, opened(client()) as prepared:
        for number in range(3):
            call_headers = {"traceparent": str(number)}
            await body_of(await prepared.request("POST", URL(server.url), HEADERS, b"", call_headers=call_headers))
        assert [head.partition(b"traceparent: ")[2][:3] for head in server.requests] == [b"0\r\n", b"1\r\n", b"2\r\n"]
        assert len(prepared._posts) == 1


@pytest.mark.parametrize("informational", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
async def test_informational_responses_are_skipped(informational: bytes) -> None:
    async with serving(informational * 2 + ANSWER) as server, opened(client()) as prepared:
        response = await prepared.request("POST", URL(server.url), HEADERS, b"{}")
        assert (response.status, await body_of(response)) == (200, b"ok")


async def test_a_response_that_is_closed_early_ends_its_connection() -> None:
    async with serving(ANSWER[:-1], keeps=False) as server, opened(client()) as prepared:
        response = await prepared.request("POST", URL(server.url), HEADERS, b"{}")
        assert isinstance(response, PostResponse)
        connection = response.connection
        assert connection is not None
        for _ in range(2):
            response.close()
        assert response.connection is None
        assert connection.closed
        with pytest.raises(aiohttp.ClientConnectionError, match="Connection closed"):
            await response.content.read()


async def test_a_short_request_needs_no_task() -> None:
    created = Tasks()
    async with serving() as server, opened(client()) as prepared:
        for _ in range(2):
            await body_of(await prepared.request("POST", URL(server.url), HEADERS, b"{}"))
            # The second one uses the connection again.
            asyncio.get_running_loop().set_task_factory(created.create)
        asyncio.get_running_loop().set_task_factory(None)
    assert created == []


@pytest.mark.parametrize("user", ["me:password@", "me@", ":password@"])
async def test_a_password_in_the_url_is_sent_by_aiohttp(user: str) -> None:
    async with serving() as server, opened(client()) as prepared:
        url = URL(server.url.replace("http://", f"http://{user}"))
        await body_of(await prepared.request("POST", url, HEADERS, b"{}"))
        assert b"\r\nAuthorization: Basic " in server.requests[0]
        assert prepared._posts == {}


async def test_a_session_with_a_timeout_or_connections_that_are_closed_prepares_nothing() -> None:
    closing = HttpClient(aiohttp.ClientTimeout(total=None), aiohttp.TCPConnector(force_close=True))
    limited = HttpClient(aiohttp.ClientTimeout(total=20))
    async with serving() as server:
        for each in (closing, limited, client(sock_read=20)):
            async with opened(each):
                await body_of(await each.request("POST", URL(server.url), HEADERS, b"{}"))
                assert each._posts == {}
    assert [b"Connection: close" in request for request in server.requests] == [True, False, False]


async def test_a_header_with_a_line_break_is_refused() -> None:
    async with serving() as server, opened(client()) as prepared:
        for _ in range(2):
            with pytest.raises(ValueError, match="header"):
                await prepared.request("POST", URL(server.url), {"X-Name": "a\r\nX-Other: b"}, b"{}")
            with pytest.raises(ValueError, match="header"):
                await prepared.request("POST", URL(server.url), {}, b"{}", call_headers={"tracestate": "a\nX-Other: b"})
        assert server.requests == []


class FailingConnector(aiohttp.TCPConnector):
    """Raises an error in place of connecting."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def _create_connection(self, *_: object) -> ResponseHandler:
        raise self._error


@pytest.mark.parametrize(
    "error", [TimeoutError(), OSError(24, "no file"), aiohttp.ClientOSError(1, "other"), ValueError("odd")]
)
async def test_errors_of_the_connector_are_those_of_aiohttp(error: Exception) -> None:
    url, raised = URL("http://127.0.0.1:9/v1"), list[BaseException]()
    timeout = aiohttp.ClientTimeout(total=None)
    for limit in (timeout, aiohttp.ClientTimeout(total=60)):
        async with opened(HttpClient(limit, FailingConnector(error))) as each:
            with pytest.raises(type(error)) as caught:
                await each.request("POST", url, HEADERS, b"{}")
            raised.append(caught.value)
    assert len({(type(each), str(each)) for each in raised}) == 1


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: none\r\n\r\n", b"\0", None])
async def test_errors_of_the_server_are_those_of_aiohttp(answer: bytes | None) -> None:
    raised = list[BaseException]()
    async with serving(answer, keeps=False) as server:
        for limit in (None, 60):
            async with opened(HttpClient(aiohttp.ClientTimeout(total=limit))) as each:
                with pytest.raises(aiohttp.ClientError) as caught:
                    await each.request("POST", URL(server.url), KEY, b"{}")
                raised.append(caught.value)
                assert each.connector is not None
                assert not each.connector._acquired
                assert "hush" not in "".join(traceback.format_exception(caught.value))
    assert len({(type(each), str(each)) for each in raised}) == 1


async def test_a_cancelled_request_leaves_no_connection() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n") as server, opened(client()) as prepared:
        request = asyncio.create_task(prepared.request("POST", URL(server.url), HEADERS, b"{}"))
        await server.requested.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert isinstance(prepared.connector, aiohttp.TCPConnector)
        assert not prepared.connector._acquired
        assert not prepared.connector._conns


async def test_a_closed_client_sends_nothing() -> None:
    async with serving() as server:
        closed = client()
        await closed.close()
        with pytest.raises(RuntimeError, match="Session is closed"):
            await closed.request("POST", URL(server.url), HEADERS, b"{}")
        assert server.requests == []
