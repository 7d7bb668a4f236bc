"""What each proxy passes on each transport, with the file that is included; `make proxies` writes it to proxies.md.

Nothing is decided by a clock: a check that does not come to its end within `TIMEOUT` is a "no".
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

import aiohttp
import orjson

from gateway.protocol.event_stream import EventStreamDecoder
from tests.certificates import Authority
from tests.integration.processes import CHECKOUT, Server, TcpProxy, program
from tests.integration.proxies import PROXIES
from tests.integration.servers import running
from tests.integration.test_nginx import WORDS, Provider, session
from tests.served.viewers import (
    TIMEOUT,
    HttpViewer,
    JsonObject,
    PollViewer,
    SseViewer,
    ViewingClient,
    WebSocketViewer,
    until,
)

PAGE: Final = CHECKOUT / "docs" / "operations" / "proxies.md"
SILENCE_SECONDS: Final = 3.6
"""Three times the limit of silence that `LIMITS` sets; the gateway sends a heartbeat each 0.1 s."""

LIMITS: Final[Mapping[str, Mapping[str, str]]] = {
    "nginx": {"75s;": "1200ms;", "proxy_read_timeout 660s;": "proxy_read_timeout 1200ms;"},
    "haproxy": {"75s": "1200ms", "timeout server 660s": "timeout server 1200ms"},
    "caddy": {},
}
"""The limits of silence, shortened; Caddy has none."""

HEAD: Final = "| proxy | transport | word by word | silence | leaving | resume | cut | HTTP/2 |"
NAMES: Final = {"nginx": "nginx", "haproxy": "HAProxy", "caddy": "Caddy"}
VERSIONS: Final = {"nginx": "-v", "haproxy": "-v", "caddy": "version"}
MESSAGES: Final = [{"role": "user", "content": "Hello"}]
TEXT: Final = "".join(WORDS)


class ModelApiViewer(HttpViewer):
    """A client of `/v1/chat/completions`, whose chunks are given as those of our own transports."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        super().__init__(http)
        self._decoder = EventStreamDecoder(1 << 20)

    async def _start(self, body: JsonObject) -> None:
        options = body["options"]
        assert isinstance(options, dict)
        self.headers = {"Idempotency-Key": str(uuid4()), "X-On-Disconnect": options["on_disconnect"]}
        self.body = {"model": body["model"], "messages": body["messages"], "stream": True}
        await self._post_prompt()

    async def resend(self, first: "ModelApiViewer") -> None:
        """Send the request of another client again: these APIs know no positions."""
        self.headers, self.body = first.headers, first.body
        await self._post_prompt()
        assert self.generation_id == first.generation_id

    async def attach(self, generation_id: str, after: int) -> None:
        raise NotImplementedError

    async def _post_prompt(self) -> None:
        await self._open("POST", "/v1/chat/completions", json=self.body, headers=self.headers)

    def _decode(self, read: bytes) -> None:
        for event in self._decoder.feed(read):
            if event.data != b"[DONE]":
                (choice,) = orjson.loads(event.data)["choices"]
                ended = choice["finish_reason"] is not None
                content = choice["delta"].get("content") or ""
                self._pending.append({"type": "complete" if ended else "chunk", "content": content})


TRANSPORTS: Final[Mapping[str, type[ViewingClient]]] = {
    "SSE": SseViewer,
    "WebSocket": WebSocketViewer,
    "long poll": PollViewer,
    "model API": ModelApiViewer,
}


@dataclass(frozen=True)
class Lane:
    """One transport through one proxy, with a provider of its own."""

    proxy: Server
    link: TcpProxy
    kind: type[ViewingClient]
    model: str
    provider: Provider

    @asynccontextmanager
    async def viewing(self) -> AsyncIterator[ViewingClient]:
        """Yield a client with connections of its own; end what its provider has not sent."""
        async with session(self.proxy.url) as http:
            viewer = self.kind(http)
            try:
                yield viewer
            finally:
                await viewer.leave()

    async def start(self, viewer: ViewingClient, on_disconnect: str = "continue") -> None:
        """Start an answer whose first word has arrived."""
        self.provider.send(WORDS[0])
        body: JsonObject = {"model": self.model, "messages": MESSAGES, "options": {"on_disconnect": on_disconnect}}
        await viewer.start(body)
        await read_text(viewer, WORDS[0])

    def finish(self, since: int = 1) -> None:
        """Send the rest of the answer."""
        for word in WORDS[since:]:
            self.provider.send(word)
        self.provider.end()


async def read_text(viewer: ViewingClient, text: str) -> None:
    """Read until the client has a text, and no more than that."""
    while viewer.text != text:
        assert await viewer.next() is not None, viewer.text
        assert text.startswith(viewer.text)


async def word_by_word(lane: Lane) -> str:
    """Send each word only after the one before has arrived."""
    async with lane.viewing() as viewer:
        await lane.start(viewer)
        for count, word in enumerate(WORDS[1:], start=2):
            lane.provider.send(word)
            await read_text(viewer, "".join(WORDS[:count]))
        lane.provider.end()
        await viewer.until("complete")
    return "yes"


async def silence(lane: Lane) -> str:
    """Send nothing for longer than the proxy waits, then go on."""
    async with lane.viewing() as viewer:
        await lane.start(viewer)
        reading = asyncio.ensure_future(read_text(viewer, TEXT))
        await asyncio.wait({reading}, timeout=SILENCE_SECONDS)
        lane.finish()
        await reading
    return "yes"


async def leaving(lane: Lane) -> str:
    """Leave in the middle of an answer that is cancelled then."""
    lane.provider.left.clear()
    async with lane.viewing() as viewer:
        await lane.start(viewer, "cancel")
        if isinstance(viewer, PollViewer):
            # A viewer also between two polls: it leaves at once only by breaking one that waits.
            await poll_waits(lane, viewer)
    await lane.provider.left.wait()
    return "yes"


async def poll_waits(lane: Lane, viewer: PollViewer) -> None:
    """Wait until one more poll has reached the gateway, which has no event for it."""
    request = f"/{viewer.generation_id}/poll?"
    before = lane.link.sent.count(request)
    await until(lambda: lane.link.sent.count(request) > before)


async def resume(lane: Lane) -> str:
    """Lose the connection in the middle, and come back."""
    async with lane.viewing() as viewer:
        await lane.start(viewer)
    async with lane.viewing() as other:
        if isinstance(viewer, ModelApiViewer) and isinstance(other, ModelApiViewer):
            await other.resend(viewer)
            lane.finish()
            await read_text(other, TEXT)
            return "from the beginning"
        await other.attach(viewer.generation_id, seq_of(viewer.seen[-1]))
        lane.finish()
        await read_text(other, TEXT.removeprefix(WORDS[0]))
        return "yes"


def seq_of(event: JsonObject) -> int:
    seq = event["seq"]
    assert isinstance(seq, int)
    return seq


async def cut(lane: Lane) -> str:
    """Reset the connection between the proxy and the gateway; tell what the client sees."""
    async with lane.viewing() as viewer:
        await lane.start(viewer)
        if isinstance(viewer, PollViewer):
            return await _cut_poll(lane, viewer)
        reading = asyncio.ensure_future(viewer.until("complete"))
        lane.link.cut()
        try:
            await reading
        except aiohttp.ClientPayloadError:
            return "a break"
        except AssertionError as error:
            # That of `until`; a WebSocket reports the code with which it was closed.
            return "an end without its last event" if "ended without" in str(error) else "a break"
    return "nothing"


async def _cut_poll(lane: Lane, viewer: PollViewer) -> str:
    await poll_waits(lane, viewer)
    lane.link.cut()
    lane.finish()
    polling, reading = viewer._polling, asyncio.ensure_future(read_text(viewer, TEXT))
    assert polling is not None
    await asyncio.wait({polling, reading}, return_when=asyncio.FIRST_COMPLETED)
    if reading.done():
        # A GET, which proxies send again on another connection.
        await reading
        return "nothing"
    reading.cancel()
    return str(polling.exception())


CHECKS: Final[Sequence[Callable[[Lane], Awaitable[str]]]] = (word_by_word, silence, leaving, resume)


async def checked(check: Callable[[Lane], Awaitable[str]], lane: Lane) -> str:
    """Return the cell of a check; "no" if it fails."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await check(lane)
    except (TimeoutError, AssertionError, aiohttp.ClientError) as error:
        print(f"{lane.model}: {check.__name__}: {error!r}", file=sys.stderr)
        return "no"


async def http2(lane: Lane) -> str:
    """Return how a browser's request of this transport reaches the proxy over TLS."""
    url = lane.proxy.tls_url
    if lane.kind is WebSocketViewer:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/api/ws", ssl=False) as socket:
            await socket.send_json({"type": "ping"})
            assert (await socket.receive_json())["type"] == "pong"
        return "HTTP/1.1, on the same port"
    body = orjson.dumps({"model": "quick", "messages": MESSAGES, "stream": True}).decode()
    options = ["-H", "Content-Type: application/json", "-d", body]
    path = {"SSE": "/api/chat/stream", "model API": "/v1/chat/completions"}
    name = next(name for name, kind in TRANSPORTS.items() if kind is lane.kind)
    request = [f"{url}{path[name]}", *options] if name in path else [f"{url}/api/generations/g_unknown/poll"]
    command = [program("curl"), "-sS", "-k", "--http2", "-N", "-m", "10", "-w", "\nHTTP/%{http_version}", *request]
    done = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await done.communicate()
    return "yes" if output.endswith(b"\nHTTP/2") else "no"


@contextmanager
def stage(providers: Mapping[str, str], folder: Path) -> Iterator[Mapping[str, tuple[Server, TcpProxy]]]:
    """Run a gateway with these models, and each proxy in front of it; yield them, each with its link to the gateway."""
    tables = [
        f'[providers.{name}]\napi = "openai"\nbase_url = "{url}"\n[models.{name}]\nprovider = "{name}"\n'
        for name, url in providers.items()
    ]
    tables.append(
        '[providers.simulator]\n[models.quick]\nprovider = "simulator"\nupstream_model = "sim-instant?length=20"\n'
    )
    file = folder / "dualstream.toml"
    file.write_text("\n".join(tables), "utf-8")
    settings = {"heartbeat": 0.1, "poll_wait": 0.5, "max_concurrent": 0, "trusted_proxies": "127.0.0.1"}
    variables = {f"DUALSTREAM_{name.upper()}": str(value) for name, value in settings.items()}
    certificate = Authority(folder).issue("localhost")
    with ExitStack() as stack:
        command = ("serve", "--port", "0", "--config", str(file))
        _, gateway = stack.enter_context(running(*command, environment=variables))
        proxies = {}
        for name, run in PROXIES.items():
            link = stack.enter_context(TcpProxy(gateway))
            options = {"own_pages": True, "changes": LIMITS[name], "certificate": certificate}
            proxies[name] = stack.enter_context(run(link.url, folder / name, **options)), link
        yield proxies


async def measure(folder: Path) -> list[list[str]]:
    """Return the rows of the table."""
    names = [(proxy, transport) for proxy in PROXIES for transport in TRANSPORTS]
    models = {pair: f"{pair[0]}-{pair[1]}".lower().replace(" ", "-") for pair in names}
    providers = {pair: Provider() for pair in names}
    async with AsyncExitStack() as listening:
        urls = {
            models[pair]: await listening.enter_async_context(provider.listening())
            for pair, provider in providers.items()
        }
        with stage(urls, folder) as proxies:
            lanes = [
                Lane(*proxies[proxy], TRANSPORTS[transport], models[proxy, transport], providers[proxy, transport])
                for proxy, transport in names
            ]
            rows = await asyncio.gather(*map(_cells, lanes))
            # A cut meets all that one proxy carries.
            cuts = [await checked(cut, lane) for lane in lanes]
    return [
        [NAMES[proxy], transport, *row[:-1], seen, row[-1]]
        for (proxy, transport), row, seen in zip(names, rows, cuts, strict=True)
    ]


async def _cells(lane: Lane) -> list[str]:
    return [await checked(check, lane) for check in (*CHECKS, http2)]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return the table in Markdown."""
    rule = re.sub(r"[^|]+", "---", HEAD)
    return "\n".join([HEAD, rule, *(f"| {' | '.join(row)} |" for row in rows)])


def table_of(page: str) -> str:
    """Return the table that a page holds."""
    found = re.search(rf"^{re.escape(HEAD)}\n(\|.*\n)+", page, re.MULTILINE)
    assert found
    return found[0].rstrip("\n")


def versions() -> str:
    """Return the versions of the proxies, as the page names them."""
    found = []
    for name, option in VERSIONS.items():
        done = subprocess.run(
            [program(name, f"/usr/sbin/{name}"), option],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        number = re.search(r"\d+\.\d+\.\d+", done.stdout)
        assert number
        found.append(f"{NAMES[name]} {number[0]}")
    return "Versions: " + ", ".join(found) + "."


def main() -> None:
    """Write the table into its page."""
    with TemporaryDirectory() as folder:
        rows = asyncio.run(measure(Path(folder)))
    page = PAGE.read_text("utf-8")
    page = page.replace(table_of(page), table(rows))
    PAGE.write_text(re.sub(r"^Versions: .*$", versions(), page, flags=re.MULTILINE), "utf-8")


if __name__ == "__main__":
    main()
