"""A foreign site: pages of an attacker, under any host name that the browser resolves to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.integration.servers import http_server

_PAGES = {
    "/": "",
    "/sandboxed": '<iframe id="frame" sandbox="allow-scripts allow-forms" src="/"></iframe>',
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Send one of the pages."""
        page = f"<!doctype html><title>Win a prize</title><body>{_PAGES.get(self.path, '')}</body>".encode()
        self.send_response(200 if self.path in _PAGES else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def foreign_site() -> Iterator[int]:
    """Run the site; yield its port."""
    with http_server(_Handler) as origin:
        yield int(origin.rpartition(":")[2])
