"""The proxies for which a configuration is included, each run with that file; only ports and paths are changed."""

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.integration.browser import wait_until
from tests.integration.processes import CHECKOUT, Server, program
from tests.integration.test_nginx import running_nginx

HAPROXY = CHECKOUT / "deploy" / "haproxy" / "haproxy.cfg"
CADDY = CHECKOUT / "deploy" / "caddy" / "Caddyfile"


@contextmanager
def _nginx(
    gateway: str, folder: Path, *, own_pages: bool, changes: Mapping[str, str] | None = None
) -> Iterator[Server]:
    bare = {} if own_pages else {"error_page 429 502 503 504 = $dualstream_error_page;": ""}
    with running_nginx(gateway, folder=folder, changes={**bare, **(changes or {})}) as server:
        yield server


@contextmanager
def _haproxy(
    gateway: str, folder: Path, *, own_pages: bool, changes: Mapping[str, str] | None = None
) -> Iterator[Server]:
    binary = program("haproxy", "/usr/sbin/haproxy")
    text = HAPROXY.read_text("utf-8")
    if not own_pages:
        text = re.sub(r"^ *http-(error|after-response) .*\n", "", text, flags=re.MULTILINE)
    port = _free_port()
    text = _replaced(
        text, {"127.0.0.1:8080": urlsplit(gateway).netloc, "bind :80\n": f"bind 127.0.0.1:{port}\n", **(changes or {})}
    )
    file = _write(folder, "haproxy.cfg", text)
    with _running([binary, "-db", "-f", str(file)], port, {}) as server:
        yield server


@contextmanager
def _caddy(
    gateway: str, folder: Path, *, own_pages: bool, changes: Mapping[str, str] | None = None
) -> Iterator[Server]:
    binary = program("caddy")
    text = CADDY.read_text("utf-8")
    if not own_pages:
        text = re.sub(r"^\thandle_errors \{\n.*?^\t\}\n", "", text, flags=re.MULTILINE | re.DOTALL)
    port = _free_port()
    site = f"http://127.0.0.1:{port}"
    text = _replaced(
        text,
        {"127.0.0.1:8080": urlsplit(gateway).netloc, "\ndualstream.example.com {": f"\n{site} {{", **(changes or {})},
    )
    file = _write(folder, "Caddyfile", f"{{\n\tadmin off\n}}\n{text}")
    command = [binary, "run", "--adapter", "caddyfile", "--config", str(file)]
    with _running(command, port, {"HOME": str(folder), "XDG_DATA_HOME": str(folder)}) as server:
        yield server


PROXIES: Mapping[str, Callable[..., AbstractContextManager[Server]]] = {
    "nginx": _nginx,
    "haproxy": _haproxy,
    "caddy": _caddy,
}
"""Run the proxy in front of a gateway; without `own_pages`, its error pages are those that it has by default."""


@contextmanager
def _running(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[Server]:
    server = Server(command, {**os.environ, **environment})
    try:
        server.url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _accepts(port), lambda: server.output)
        yield server
    finally:
        server.end()


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    return text


def _write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir()
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
