"""The proxies for which a configuration is included, each run with that file; only ports and paths are changed.

With a certificate (a file that also has its key), they listen on a second port with TLS and HTTP/2, by the lines that
the files have as comments.
"""

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    gateway: str,
    folder: Path,
    *,
    own_pages: bool,
    changes: Mapping[str, str] | None = None,
    certificate: Path | None = None,
) -> Iterator[Server]:
    bare = {} if own_pages else {"error_page 429 502 503 504 = $dualstream_error_page;": ""}
    port = _free_port()
    tls = {
        "# listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "# ssl_certificate     /etc/ssl/certs/dualstream.pem;": f"ssl_certificate {certificate};",
        "# ssl_certificate_key /etc/ssl/private/dualstream.key;": f"ssl_certificate_key {certificate};",
        "# ssl_protocols ": "ssl_protocols ",
    }
    with running_nginx(
        gateway, folder=folder, changes={**bare, **(tls if certificate else {}), **(changes or {})}
    ) as server:
        server.tls_url = f"https://127.0.0.1:{port}"
        yield server


@contextmanager
def _haproxy(
    gateway: str,
    folder: Path,
    *,
    own_pages: bool,
    changes: Mapping[str, str] | None = None,
    certificate: Path | None = None,
) -> Iterator[Server]:
    binary = program("haproxy", "/usr/sbin/haproxy")
    text = HAPROXY.read_text("utf-8")
    if not own_pages:
        text = re.sub(r"^ *http-(error|after-response) .*\n", "", text, flags=re.MULTILINE)
    port, tls_port = _free_port(), _free_port()
    ports = {"127.0.0.1:8080": urlsplit(gateway).netloc, "bind :80\n": f"bind 127.0.0.1:{port}\n"}
    tls = {
        "# bind :443 ssl crt /etc/haproxy/certs/dualstream.pem ": f"bind 127.0.0.1:{tls_port} ssl crt {certificate} "
    }
    text = _replaced(text, {**ports, **(tls if certificate else {}), **(changes or {})})
    file = _write(folder, "haproxy.cfg", text)
    with _running([binary, "-db", "-f", str(file)], port, {}) as server:
        server.tls_url = f"https://127.0.0.1:{tls_port}"
        yield server


@contextmanager
def _caddy(
    gateway: str,
    folder: Path,
    *,
    own_pages: bool,
    changes: Mapping[str, str] | None = None,
    certificate: Path | None = None,
) -> Iterator[Server]:
    binary = program("caddy")
    text = CADDY.read_text("utf-8")
    if not own_pages:
        text = re.sub(r"^\thandle_errors \{\n.*?^\t\}\n", "", text, flags=re.MULTILINE | re.DOTALL)
    port, tls_port = _free_port(), _free_port()
    text = _replaced(text, {"127.0.0.1:8080": urlsplit(gateway).netloc, **(changes or {})})
    name = "\ndualstream.example.com {"
    with_tls = text.replace(name, f"\nhttps://127.0.0.1:{tls_port} {{\n\ttls {certificate} {certificate}")
    text = _replaced(text, {name: f"\nhttp://127.0.0.1:{port} {{"}) + (with_tls if certificate else "")
    file = _write(folder, "Caddyfile", f"{{\n\tadmin off\n}}\n{text}")
    command = [binary, "run", "--adapter", "caddyfile", "--config", str(file)]
    with _running(command, port, {"HOME": str(folder), "XDG_DATA_HOME": str(folder)}) as server:
        server.tls_url = f"https://127.0.0.1:{tls_port}"
        yield server


def balanced(name: str, gateways: Sequence[str]) -> Mapping[str, str]:
    """Return the changes of the file of HAProxy or Caddy for three gateways: the lines that it has for them."""
    first, second, third = (urlsplit(gateway).netloc for gateway in gateways)
    if name == "caddy":
        options = {f"# {option}": option for option in ("lb_policy", "lb_try_duration", "fail_duration")}
        return {f"reverse_proxy {first} {{": f"reverse_proxy {first} {second} {third} {{", **options}
    return {
        "# server gateway2 127.0.0.1:8081": f"server gateway2 {second}",
        "# server gateway3 127.0.0.1:8082": f"server gateway3 {third}",
    }


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
