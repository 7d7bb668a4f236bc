"""Gateways on fixed ports behind nginx, with one Redis and one simulator; each can be killed and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.integration.processes import Process
from tests.integration.redis_cluster import redis_cluster
from tests.integration.redis_server import redis_server
from tests.integration.servers import simulator_process
from tests.integration.starts import free_port
from tests.integration.test_nginx import running_nginx

SETTINGS: Final[Mapping[str, object]] = {
    "max_concurrent": 0,
    "rate_limit_per_minute": 0,
    "trusted_proxies": "127.0.0.1",
    "grace": 60,
    "drain_timeout": 15,
}
"""No limits, since all clients have one address; a long grace, since this machine is slow."""


class StartError(Exception):
    """A gateway does not start; the message has its output."""


class Replica:
    """A gateway process on a port of its own."""

    def __init__(self, name: str, upstream: str, settings: Mapping[str, object]) -> None:
        self.name = name
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self._upstream = upstream
        self._settings = settings
        self._process: Process | None = None
        self.outputs: list[str] = []
        """What its earlier processes printed."""

    @property
    def is_running(self) -> bool:
        """Return True if it is to be running."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Return its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def output(self) -> str:
        """Return what it has printed, over all its starts."""
        return "".join([*self.outputs, "" if self._process is None else self._process.output])

    def start(self) -> None:
        """Start it, without waiting until it listens."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
        variables = {f"DUALSTREAM_{name.upper()}": str(value) for name, value in self._settings.items()}
        command = [sys.executable, "-m", "gateway", "serve", "--port", str(self._port), "--upstream", self._upstream]
        self._process = Process(command, {**kept, **variables})

    def wait_until_ready(self) -> None:
        """Return once it listens.

        Raises:
            StartError: it ends before.
        """
        assert self._process is not None
        try:
            self._process.wait_for("Dualstream listens on")
        except pytest.fail.Exception as failure:
            raise StartError(str(failure)) from None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        """Wait until it has ended; return its exit code."""
        assert self._process is not None
        code = self._process.wait(seconds)
        self.outputs.append(self._process.output)
        self._process = None
        return code

    async def restart(self) -> None:
        """Start it again; return once it listens.

        Raises:
            StartError: it ends before.
        """
        self.start()
        await asyncio.to_thread(self.wait_until_ready)

    async def kill(self) -> None:
        """Kill it, as a machine that fails does."""
        self.signal(signal.SIGKILL)
        await asyncio.to_thread(self.wait, 10)

    def end(self) -> None:
        """End it without ceremony, if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            self.wait(10)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs. `url` is nginx's, `upstream` the simulator's, `store` the URL of Redis, or empty."""

    url: str
    replicas: Sequence[Replica]
    upstream: str
    store: str


@contextmanager
def deployment(
    folder: Path, replicas: int = 3, *, with_cluster: bool = False, **settings: object
) -> Iterator[Deployment]:
    """Run gateways behind nginx, on one Redis or a cluster of three. A single one has no store: to test the test."""
    with ExitStack() as stack:
        upstream = stack.enter_context(simulator_process())
        store = ""
        if replicas > 1:
            enter = stack.enter_context
            store = enter(redis_cluster(folder)).url if with_cluster else enter(redis_server()).url
        shared = {"store": store} if store else {}
        gateways = [Replica(f"replica {number}", upstream, {**SETTINGS, **shared, **settings}) for number in "123"]
        gateways = gateways[:replicas]
        for gateway in gateways:
            stack.callback(gateway.end)
            gateway.start()
        for gateway in gateways:
            gateway.wait_until_ready()
        nginx = stack.enter_context(running_nginx(*(gateway.address for gateway in gateways), folder=folder / "nginx"))
        yield Deployment(nginx.url, gateways, upstream, store)
