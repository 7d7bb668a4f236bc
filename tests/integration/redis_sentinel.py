"""A primary, a replica and a Sentinel that watches them, for the tests."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from redis import Redis

from tests.integration.processes import Server, program, serving
from tests.integration.redis_server import redis_server
from tests.integration.starts import free_port

SERVICE: Final = "mymaster"
START_SECONDS: Final = 30.0


@dataclass(frozen=True)
class WatchedPair:
    """A primary and its replica, as long as there was no failover."""

    primary: Server
    replica: Server
    sentinel: str
    """Host and port of the Sentinel."""

    @property
    def url(self) -> str:
        """Return the URL of the service."""
        return f"redis+sentinel://{self.sentinel}/{SERVICE}"


@contextmanager
def watched_pair(folder: Path) -> Iterator[WatchedPair]:
    """Run all three. A primary that is gone for half a second is replaced."""
    # Where a replica writes the data that it gets first.
    directory = ("--dir", str(folder))
    with ExitStack() as stack:
        primary = stack.enter_context(redis_server("--repl-diskless-sync-delay", "0", *directory))
        host, port = primary.url.removeprefix("redis://").split(":")
        replica = stack.enter_context(redis_server("--replicaof", host, port, *directory))
        # A Sentinel asks for replicas when it starts, and then every ten seconds.
        _wait_for(host, int(port), "replication", "'connected_slaves': 1")
        sentinel_port = free_port()
        configuration = folder / "sentinel.conf"
        configuration.write_text(
            f"bind 127.0.0.1\nport {sentinel_port}\ndir {folder}\n"
            f"sentinel monitor {SERVICE} {host} {port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\nsentinel failover-timeout {SERVICE} 2000\n"
        )
        command = [program("redis-sentinel"), str(configuration)]
        stack.enter_context(serving(command, rf"(\+monitor master {SERVICE})", {}))
        _wait_for("127.0.0.1", sentinel_port, "sentinel", "'slaves': 1")
        yield WatchedPair(primary, replica, f"127.0.0.1:{sentinel_port}")


def _wait_for(host: str, port: int, section: str, text: str) -> None:
    """Wait until a section of what a server tells about itself contains a text."""
    end = time.monotonic() + START_SECONDS
    with Redis(host=host, port=port) as client:
        while text not in str(client.execute_command("INFO", section)):
            if time.monotonic() > end:
                pytest.fail(f"{text!r} never stood in INFO {section} of port {port}")
            time.sleep(0.05)
