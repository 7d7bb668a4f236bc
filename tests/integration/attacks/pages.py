"""A foreign site: pages of an attacker, under any host name that the browser resolves to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, name="foreign site", args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
