"""Every client resumes an answer when the connection between a proxy and the gateway breaks and heals meanwhile."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from urllib.parse import quote

import aiohttp
import orjson
import pytest
from selenium.webdriver import Chrome

from gateway.client import Client, TransportName
from tests.integration import processes
from tests.integration.browser import DEADLINE_SECONDS, Page, wait_until
from tests.integration.npm import node22, npm_set
from tests.integration.processes import CHECKOUT, TcpProxy
from tests.integration.proxies import PROXIES
from tests.integration.servers import http_server
from tests.integration.test_readme import blocks

PROMPT = "Why is the sky blue?"
MODEL = "held"
HALVES = ("Bầu trời trông xanh 🌊 vì không khí tán xạ", "ánh sáng xanh mạnh hơn ánh sáng đỏ. 👋🏽")
FIRST_HALF, WHOLE = f"{HALVES[0]} ", " ".join(HALVES)
START = f"/api/chat/stream?model={quote(MODEL)}"
EVENTS = {"Accept": "text/event-stream"}

MODULE_CLIENTS = """
import("/static/dualstream.js").then(({ Dualstream }) => {
  window.answers = Object.fromEntries(["sse", "fetch", "websocket"].map((transport) => {
    const answer = new Dualstream({ transport }).start({ prompt: arguments[0], model: arguments[1] });
    answer.finished.catch((error) => { answer.failure = `${error.code}: ${error.message}`; });
    return [transport, answer];
  }));
});
"""
POLYFILL_CLIENT = """
const source = new EventSourcePolyfill(arguments[0]);
window.polyfilled = "";
source.onmessage = ({ data }) => { window.polyfilled += JSON.parse(data).content; };
for (const end of ["complete", "interrupted", "error"])
  source.addEventListener(end, (event) => { if (event.data) source.close(); });
"""
READ_MODULE_CLIENTS = """
return Object.fromEntries(Object.entries(window.answers ?? {}).map(
  ([name, { text, state, failure }]) => [name, [text, state, failure ?? null]]));
"""


class HeldProvider(BaseHTTPRequestHandler):
    """A provider that sends the second half of each answer only when `released` is set."""

    released = Event()

    def do_POST(self) -> None:
        """Send the answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in HALVES[0].split(" "):
            self._send({"content": f"{word} "}, None)
        if self.released.wait(DEADLINE_SECONDS * 3):
            self._send({"content": HALVES[1]}, None)
            self._send({}, "stop")
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _send(self, delta: dict[str, str], reason: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        self.wfile.write(b"data: %b\n\n" % orjson.dumps({"id": "c", "choices": [choice]}))
        self.wfile.flush()


@pytest.fixture(scope="module")
def link() -> Iterator[TcpProxy]:
    """The connection between a proxy and a gateway, whose provider is a `HeldProvider`."""
    with http_server(HeldProvider) as origin:
        try:
            with (
                processes.gateway("--upstream", f"{origin}/v1", grace=60, rate_limit_per_minute=0) as gateway,
                TcpProxy(gateway.url) as link,
            ):
                yield link
        finally:
            # Its responses end before the server does.
            HeldProvider.released.set()


@pytest.fixture(autouse=True)
def _hold() -> None:
    HeldProvider.released.clear()


@pytest.fixture(scope="module")
def event_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages that replace EventSource, and the program that reads with them."""
    folder = tmp_path_factory.mktemp("event_sources")
    npm_set("event_sources").link_into(folder)
    shutil.copy(Path(__file__).parent / "read_event_source.mjs", folder)
    return folder


class BrowserClients:
    """The lines of the README, a polyfill, and the browser module on all its transports, in one page."""

    def __init__(self, driver: Chrome, url: str, event_sources: Path, *, raw: bool) -> None:
        self._driver = driver
        self._raw = raw
        driver.get(f"{url}/")
        driver.execute_script(MODULE_CLIENTS, PROMPT, MODEL)
        if raw:
            (client,) = [block for block in blocks("js") if "new EventSource" in block]
            path = "/api/chat/stream?"
            assert path in client
            driver.execute_script(client.replace(path, f"{path}model={quote(MODEL)}&"))
            polyfill = event_sources / "node_modules" / "event-source-polyfill" / "src" / "eventsource.js"
            driver.execute_script(polyfill.read_text("utf-8"))
            driver.execute_script(POLYFILL_CLIENT, f"{START}&prompt={quote(PROMPT)}")

    def texts(self) -> dict[str, str]:
        """Return what each has received so far."""
        read = self._driver.execute_script(READ_MODULE_CLIENTS)
        texts = {f"module {name}": text if failure is None else failure for name, (text, _, failure) in read.items()}
        if self._raw:
            texts["README"] = self._driver.execute_script("return document.body.textContent")
            texts["polyfill"] = self._driver.execute_script("return polyfilled")
        return texts


class ClientProcess:
    """A program that reads one answer and prints its text."""

    def __init__(self, command: Sequence[str], output: Path) -> None:
        self._command = command
        self._output = output

    async def run(self) -> None:
        """Run it to its end."""
        with self._output.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=output, cwd=CHECKOUT
            )
            try:
                assert await process.wait() == 0
            finally:
                if process.returncode is None:
                    process.kill()

    @property
    def text(self) -> str:
        """Return what it has printed."""
        return self._output.read_text("utf-8").removesuffix("\n") if self._output.exists() else ""


class OtherClients:
    """The Python client and the chat, on both transports, and packages for Node."""

    def __init__(self, url: str, event_sources: Path, folder: Path, *, raw: bool) -> None:
        self._url = url
        self._texts = dict.fromkeys(("python sse", "python ws"), "")
        commands = {f"chat {transport}": self._chat(transport) for transport in ("sse", "ws")}
        if raw:
            script, start = str(event_sources / "read_event_source.mjs"), f"{url}{START}&prompt={quote(PROMPT)}"
            commands |= {name: [node22(), script, name, start] for name in ("eventsource", "undici")}
        self._processes = {name: ClientProcess(command, folder / name) for name, command in commands.items()}

    def _chat(self, transport: str) -> list[str]:
        options = ["--url", self._url, "--transport", transport, "--model", MODEL]
        return [sys.executable, "-m", "gateway", "chat", *options, PROMPT]

    async def run(self) -> None:
        """Read all answers to their ends."""
        await asyncio.gather(
            self._read("sse"), self._read("ws"), *(client.run() for client in self._processes.values())
        )

    async def _read(self, transport: TransportName) -> None:
        async with Client(self._url, transport=transport) as client:
            answer = await client.start(PROMPT, model=MODEL)
            async for _event in answer:
                self._texts[f"python {transport}"] = answer.text

    def texts(self) -> dict[str, str]:
        """Return what each has received so far."""
        return self._texts | {name: client.text for name, client in self._processes.items()}


@pytest.mark.parametrize("own_pages", [True, False], ids=["included error pages", "default error pages"])
@pytest.mark.parametrize("name", PROXIES)
async def test_every_client_resumes_when_the_gateway_is_back(
    name: str, own_pages: bool, link: TcpProxy, driver: Chrome, event_sources: Path, tmp_path: Path
) -> None:
    """With default error pages, a plain EventSource stops (WHATWG HTML, 9.2.3); all other clients come back."""
    with PROXIES[name](link.url, tmp_path / "proxy", own_pages=own_pages) as proxy:
        others = OtherClients(proxy.url, event_sources, tmp_path, raw=own_pages)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(others.run())
            browser = await asyncio.to_thread(BrowserClients, driver, proxy.url, event_sources, raw=own_pages)

            def texts() -> dict[str, str]:
                return others.texts() | browser.texts()

            async def wait(condition: Callable[[], bool]) -> None:
                await asyncio.to_thread(
                    wait_until, condition, lambda: {n: (len(t), t[-60:]) for n, t in texts().items()}
                )

            count = 11 if own_pages else 7
            await wait(lambda: len(texts()) == count and all(text == FIRST_HALF for text in texts().values()))
            link.refused = 0
            with link.down():
                # Each has been refused at least once.
                await wait(lambda: link.refused > 2 * count)
            HeldProvider.released.set()
            await wait(lambda: all(text == WHOLE for text in texts().values()))
            await running


@asynccontextmanager
async def _proxy_without_gateway(name: str, folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    with PROXIES[name]("http://127.0.0.1:1", folder, own_pages=True) as proxy:
        async with aiohttp.ClientSession(proxy.url) as http:
            yield http


@pytest.mark.parametrize("name", PROXIES)
async def test_an_unreachable_gateway_is_reported_in_the_form_that_the_client_reads(name: str, tmp_path: Path) -> None:
    async with _proxy_without_gateway(name, tmp_path / name) as http:
        body = {"messages": [{"role": "user", "content": "Hello"}]}
        async with http.post("/api/chat/stream", json=body, headers=EVENTS) as response:
            assert response.status in {502, 503}
            assert response.content_type == "application/json"
            error = (await response.json())["error"]
            assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("network_error", True, 2000)
        retries = set()
        for _ in range(20):
            async with http.get("/api/chat/stream?prompt=Hello", headers=EVENTS) as response:
                assert (response.status, response.content_type) == (200, "text/event-stream")
                assert response.headers["Cache-Control"] == "no-cache"
                event, retry, data, *rest = (await response.text()).split("\n")
            assert (event, rest) == ("event: rejected", ["", ""])
            retries.add(retry)
            assert orjson.loads(data.removeprefix("data: ")) == {
                "type": "rejected",
                "id": None,
                "generation_id": None,
                **error,
            }
        assert len(retries) > 1, "clients that lost the same gateway must not return together"
        assert all(2000 <= int(retry.removeprefix("retry: ")) <= 4000 for retry in retries)


def test_the_page_resumes_and_never_praises_an_answer_that_stopped(
    open_page: Callable[[str], Page], link: TcpProxy, tmp_path: Path
) -> None:
    with PROXIES["nginx"](link.url, tmp_path / "nginx", own_pages=True) as proxy:
        page = open_page(proxy.url)
        page.tolerate("WebSocket connection to")
        page.tolerate("Failed to load resource")
        page.tolerate("ERR_")
        page.submit(PROMPT, model=MODEL)
        for pane in page.panes:
            pane.wait(lambda seen: seen.text == FIRST_HALF)
        link.refused = 0
        with link.down():
            wait_until(lambda: link.refused > 4, lambda: link.refused)
            for pane in page.panes:
                pane.wait(lambda seen: seen.state == "offline")
        HeldProvider.released.set()
        for pane in page.panes:
            seen = pane.wait_for_end()
            assert seen.text == WHOLE, json.dumps(seen.notices)
            assert any("Back after" in notice for notice in seen.notices), seen.notices
