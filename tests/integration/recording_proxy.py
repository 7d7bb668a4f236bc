"""A TCP proxy that records what each connection carries, and reads HTTP/1.1 in the recording."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

END = b"\r\n"


@dataclass
class Recording:
    """The bytes of one connection, in both directions."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response, without the transfer coding; `head` is the length of the response's head."""

    method: str
    path: str
    request_body: bytes
    status: int
    head: int
    body: bytes
    """The response's body; after an upgrade, all bytes that follow."""
    upgraded: bytes
    """What the client sent after an upgrade."""


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    target: tuple[str, int]
    recordings: list[Recording]


class _Handler(BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        recording = Recording()
        self.server.recordings.append(recording)
        with socket.create_connection(self.server.target) as upstream:
            back = Thread(target=_pump, args=(upstream, self.request, recording.received), daemon=True)
            back.start()
            _pump(self.request, upstream, recording.sent)
            back.join()


def _pump(source: socket.socket, target: socket.socket, record: bytearray) -> None:
    """Forward until the source ends or the target is gone; record before forwarding."""
    with suppress(OSError):
        while data := source.recv(65_536):
            record.extend(data)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def recording_proxy(server: str) -> Iterator[tuple[str, list[Recording]]]:
    """Run a proxy of a server; yield its URL, and the recordings of its connections."""
    address = urlsplit(server)
    with _Server(("127.0.0.1", 0), _Handler) as proxy:
        proxy.target = (address.hostname or "", address.port or 80)
        proxy.recordings = []
        thread = Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}", proxy.recordings
        finally:
            proxy.shutdown()
            thread.join()


def exchanges(recording: Recording) -> Iterator[Exchange]:
    """Read the exchanges of a connection (RFC 9112); the last one may be incomplete."""
    sent, received = bytes(recording.sent), bytes(recording.received)
    while sent and received:
        request_head, sent = _split_head(sent)
        method, path, _ = request_head.split(END)[0].decode().split(" ")
        size = int(_header(request_head, b"content-length") or 0)
        request_body, sent = sent[:size], sent[size:]
        head, received = _split_head(received)
        status = int(head.split(b" ")[1])
        if status == 101:
            yield Exchange(method, path, request_body, status, len(head), received, sent)
            return
        body, received = _split_body(head, received, status)
        yield Exchange(method, path, request_body, status, len(head), body, b"")


def _split_head(data: bytes) -> tuple[bytes, bytes]:
    end = data.index(END + END) + 4
    return data[:end], data[end:]


def _header(head: bytes, name: bytes) -> bytes | None:
    lines = (line.partition(b":") for line in head.split(END)[1:])
    return next((value.strip() for key, _, value in lines if key.lower() == name), None)


def _split_body(head: bytes, data: bytes, status: int) -> tuple[bytes, bytes]:
    if status in {204, 304}:
        return b"", data
    if _header(head, b"transfer-encoding") != b"chunked":
        size = int(_header(head, b"content-length") or 0)
        return data[:size], data[size:]
    body = bytearray()
    while data:
        line, _, rest = data.partition(END)
        size = int(line, 16)
        body += rest[:size]
        data = rest[size + 2 :]
        if size == 0:
            break
    return bytes(body), data
