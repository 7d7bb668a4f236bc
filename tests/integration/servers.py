"""Servers for tests: the gateway and the simulator as real processes, and providers or pages in a thread.

The address of a process is in the first line that it prints.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

STARTING_SECONDS = 30


@contextmanager
def running(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a subcommand; yield its process and the address in its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        # All clients of a test share one address, and so one limit.
        env={**os.environ, "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "0", **(environment or {})},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, f"{arguments} printed {line!r}"
        yield process, line.split()[-1]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


@contextmanager
def simulator_process() -> Iterator[str]:
    """Run the simulator; yield its base URL."""
    with running("simulate", "--port", "0") as (_, address):
        yield address


@contextmanager
def gateway_process(upstream: str, **environment: str) -> Iterator[str]:
    """Run the gateway with an upstream; yield its address. It forwards any model."""
    with running("serve", "--port", "0", "--upstream", upstream, environment=environment) as (_, address):
        yield address


@contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve HTTP in a thread; yield the origin. A handler that still responds at the end is waited for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
