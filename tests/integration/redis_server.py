"""A real redis-server for the tests, in memory alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.processes import Server, program, serving
from tests.integration.starts import free_port


@contextmanager
def redis_server(*options: str, port: int = 0) -> Iterator[Server]:
    """Run redis-server on a port, by default a free one; `options` are those of its command line."""
    port = port or free_port()
    address = ["--bind", "127.0.0.1", "--port", str(port)]
    command = [program("redis-server"), *address, "--save", "", "--appendonly", "no", "--daemonize", "no", *options]
    with serving(command, r"(Ready to accept connections)", {}) as server:
        server.url = f"redis://127.0.0.1:{port}"
        yield server
