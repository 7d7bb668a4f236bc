"""A Redis that is stopped, restarted, emptied and reconfigured while gateways use it."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.integration.processes import Process, program
from tests.integration.starts import free_port

READY: Final = "Ready to accept connections"


class RedisServer:
    """A redis-server with its data in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, with the data that it had."""
        address = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._directory)]
        options = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"]
        self._process = Process([program("redis-server"), *address, *options], os.environ)
        self._process.wait_for(READY)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def erase(self) -> None:
        """Delete its data; it must not run."""
        for file in sorted(self._directory.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()

    def freeze(self) -> None:
        """Stop the process, as a debugger or a frozen virtual machine does."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume the process."""
        self._signal(signal.SIGCONT)

    async def run(self, *command: str, password: str = "") -> None:
        """Run a command as an operator does."""
        arguments = [
            program("redis-cli"),
            "-e",
            "-p",
            str(self.port),
            *(["-a", password] if password else []),
            *command,
        ]
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*arguments, stdout=quiet, stderr=quiet)
        assert await process.wait() == 0, command

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def redis_servers(count: int) -> Iterator[list[RedisServer]]:
    """Yield servers that run; then stop them."""
    with tempfile.TemporaryDirectory(prefix="dualstream-redis-") as directory:
        servers = list[RedisServer]()
        try:
            for number in range(count):
                folder = Path(directory, str(number))
                folder.mkdir()
                servers.append(RedisServer(folder))
                servers[-1].start()
            yield servers
        finally:
            for server in servers:
                server.stop()
