"""Pages of other origins in a real Chromium: an allowed site, an extension of the browser, and a page not allowed."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from selenium.webdriver import Chrome

from tests.integration.browser import chromium
from tests.integration.servers import http_server, running

PROBE = """
const gateway = arguments[0], done = arguments[arguments.length - 1];
const body = JSON.stringify({messages: [{role: "user", content: "Hello"}], stream: true, max_completion_tokens: 50});
const post = (headers) => ({method: "POST", body, headers: {"Content-Type": "application/json", ...headers}});
const fetched = async (path, options) => {
  try {
    const response = await fetch(gateway + path, options);
    return `${response.status} ${(await response.text()).slice(0, 200)}`;
  } catch (error) { return error.name; }
};
(async () => done(JSON.stringify({
  get: await fetched("/api/models"),
  tracing: await fetched("/api/generations", post({traceparent: "00-1-1-01", "sentry-trace": "1-1", baggage: "a=1"})),
  other: await fetched("/api/generations", post({"X-Tenant": "a"})),
  eventSource: await new Promise((resolve) => {
    const source = new EventSource(`${gateway}/api/chat/stream?prompt=Hello`);
    source.onmessage = () => { source.close(); resolve("chunk"); };
    source.addEventListener("error", (event) => { source.close(); resolve(event.data ?? "nothing"); });
  }),
  socket: await new Promise((resolve) => {
    const socket = new WebSocket(gateway.replace("http", "ws") + "/api/ws", "dualstream.v1");
    socket.onopen = () => socket.send('{"type":"ping"}');
    socket.onmessage = (event) => resolve(JSON.parse(event.data).type);
    socket.onclose = (event) => resolve(`${event.code} ${event.reason}`);
  }),
})))();
"""

ADMITTED = {"other": "TypeError", "eventSource": "chunk", "socket": "pong"}
REFUSED = "are refused: list it in DUALSTREAM_ALLOWED_ORIGINS."


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>A page</title>")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def site() -> Iterator[str]:
    """Serve an empty page; yield its origin."""
    with http_server(_Page) as origin:
        yield origin


def write_extension(folder: Path) -> str:
    """Write an extension with one page; return its origin, which Chromium derives from the path of the folder."""
    folder.mkdir()
    (folder / "manifest.json").write_text('{"manifest_version": 3, "name": "A page", "version": "1"}')
    (folder / "page.html").write_text("<title>A page</title>")
    digits = hashlib.sha256(str(folder).encode()).hexdigest()[:32]
    return "chrome-extension://" + "".join(chr(ord("a") + int(digit, 16)) for digit in digits)


def probe(driver: Chrome, page: str, gateway: str) -> tuple[dict[str, str], str]:
    """Return what a page got from the gateway, and what the console of the browser says."""
    driver.get(page)
    found: dict[str, str] = json.loads(driver.execute_async_script(PROBE, gateway))
    return found, " ".join(str(entry["message"]) for entry in driver.get_log("browser"))  # type: ignore[no-untyped-call]


def test_pages_of_sites_and_extensions_are_let_in_and_others_learn_why_not(tmp_path: Path) -> None:
    extension = write_extension(tmp_path / "extension")
    flags = (
        f"--load-extension={tmp_path / 'extension'}",
        "--disable-features=DisableLoadExtensionCommandLineSwitch",
    )
    with site() as allowed, site() as other, chromium(tmp_path / "profile", *flags) as driver:
        driver.set_script_timeout(60)
        environment = {"DUALSTREAM_ALLOWED_ORIGINS": f"{allowed},{extension}"}
        with running("serve", "--port", "0", environment=environment) as (_, gateway):
            for page in (allowed, f"{extension}/page.html"):
                found, console = probe(driver, page, gateway)
                assert found.pop("get").startswith("200 ")
                assert found.pop("tracing").startswith("201 ")
                assert found == ADMITTED
                assert "x-tenant is not allowed by Access-Control-Allow-Headers" in console
            found, console = probe(driver, other, gateway)
            assert found["get"].startswith("403 ")
            assert found["tracing"] == found["other"] == "TypeError"
            assert json.loads(found["eventSource"])["code"] == "forbidden"
            for said in (found["get"], found["eventSource"], found["socket"]):
                assert f"Pages of {other} {REFUSED}" in said
            assert found["socket"].startswith("4403 ")
