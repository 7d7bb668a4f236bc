"""A gateway whose standard error is recorded, and its figures."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import aiohttp

from tests.shared_store import own_deployment

IDLE_SECONDS = 30.0
TIME_WAIT = "06"
"""State of a closed connection in /proc/net/tcp."""

PROMPT = "What can go wrong?"

BREAKER = " gateway.pipeline.upstream_call: "
EXPECTED = (
    *(" INFO ", BREAKER, " gateway.upstreams."),
    *(" gateway.generations: starts refused with ", " has spent its budget: "),
)
"""Parts of expected lines: what is no warning, circuit breakers, failures of providers, refusals, spent budgets."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway."""

    process: subprocess.Popen[str]
    address: str
    _errors: IO[bytes]

    def log(self) -> str:
        """Return what is on standard error."""
        return "\n".join(self._lines())

    def log_errors(self) -> list[str]:
        """Return the lines on standard error that are not expected."""
        return [line for line in self._lines() if not any(part in line for part in EXPECTED)]

    def breakers(self) -> list[str]:
        """Return the log messages of circuit breakers, without the model."""
        return [line.rpartition(": ")[2] for line in self._lines() if BREAKER in line]

    def _lines(self) -> list[str]:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").splitlines()

    def holds(self, client_port: int) -> bool:
        """Return True if its end of a client's connection still exists, even in the kernel only (proc(5))."""
        own = f":{urlsplit(self.address).port or 80:04X}"
        peer = f":{client_port:04X}"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, remote, state = line.split()[1:4]
            if local.endswith(own) and remote.endswith(peer) and state != TIME_WAIT:
                return True
        return False

    def megabytes(self) -> float:
        """Return its resident memory in megabytes."""
        resident = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(resident) * os.sysconf("SC_PAGESIZE") / 1e6


@contextmanager
def gateway(
    upstream: str | Path, settings: Mapping[str, str], command: Sequence[str] = (sys.executable, "-m", "gateway")
) -> Iterator[Gateway]:
    """Run `dualstream serve` with an upstream or a configuration file; `settings` are `DUALSTREAM_…` variables.

    Its store is that of the suites (`tests/shared_store.py`).
    """
    options = ["--config", str(upstream)] if isinstance(upstream, Path) else ["--upstream", upstream]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
    # All clients of a test share one address, and so one limit.
    variables = {"DUALSTREAM_RATE_LIMIT_PER_MINUTE": "0", **own_deployment(), **settings}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*command, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**environment, **variables},
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            running = Gateway(process, line.split()[-1] if line else "", errors)
            assert "http://" in line, running.log_errors()
            yield running
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()


async def stats(http: aiohttp.ClientSession, address: str) -> dict[str, int]:
    """Return the figures of a gateway."""
    async with http.get(f"{address}/api/stats") as response:
        assert response.status == 200, await response.text()
        figures: dict[str, int] = await response.json()
        return figures


async def calls(http: aiohttp.ClientSession, upstream: str) -> int:
    """Return how often a simulator was called."""
    async with http.get(f"{upstream.removesuffix('/v1')}/stats") as response:
        figures: dict[str, int] = await response.json()
        return figures["requests"]


async def until_idle(http: aiohttp.ClientSession, address: str, seconds: float = IDLE_SECONDS) -> dict[str, int]:
    """Wait until nothing runs, waits or is viewed; return the last figures, which show what is left on a timeout."""
    figures: dict[str, int] = {}
    try:
        async with asyncio.timeout(seconds):
            while True:
                figures = await stats(http, address)
                if not nonzero(figures):
                    return figures
                await asyncio.sleep(0.02)
    except TimeoutError:
        return figures


def nonzero(figures: Mapping[str, int]) -> dict[str, int]:
    """Return the figures that should be 0 in an idle gateway and are not."""
    return {name: figures[name] for name in ("running", "active", "queued", "viewers") if figures[name]}
