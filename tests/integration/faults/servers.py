"""A gateway whose words are kept, and what it says of itself."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import aiohttp

IDLE_SECONDS = 30.0
TIME_WAIT = "06"
"""The state in which /proc/net/tcp shows what is closed."""

PROMPT = "What can go wrong?"

BREAKER = " gateway.pipeline.upstream_call: "
EXPECTED = ("draining, at most", "configured by", BREAKER)
"""What configures it, that it is to end, and who is left alone for a while."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that runs."""

    process: subprocess.Popen[str]
    address: str
    _errors: IO[bytes]

    def complaints(self) -> list[str]:
        """Give what it wrote on standard error, but for what it says in its ordinary course."""
        return [line for line in self._written() if not any(said in line for said in EXPECTED)]

    def breakers(self) -> list[str]:
        """Give what it wrote of circuit breakers that opened or closed, without the model."""
        return [line.rpartition(": ")[2] for line in self._written() if BREAKER in line]

    def _written(self) -> list[str]:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").splitlines()

    def holds(self, client_port: int) -> bool:
        """Tell whether its end of a client's connection still takes anything, be it the kernel's memory (proc(5))."""
        ours = f":{urlsplit(self.address).port or 80:04X}"
        theirs = f":{client_port:04X}"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, remote, state = line.split()[1:4]
            if local.endswith(ours) and remote.endswith(theirs) and state != TIME_WAIT:
                return True
        return False

    def megabytes(self) -> float:
        """Tell how much memory it holds."""
        resident = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(resident) * os.sysconf("SC_PAGESIZE") / 1e6


@contextmanager
def gateway(upstream: str | Path, settings: Mapping[str, str]) -> Iterator[Gateway]:
    """Run `dualstream serve` before an upstream, or as a file says; settings are `DUALSTREAM_…` variables."""
    before = ["--config", str(upstream)] if isinstance(upstream, Path) else ["--upstream", upstream]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
    # All clients of a test have one address: a limit by address would hold them back together.
    variables = {"DUALSTREAM_RATE_LIMIT_PER_MINUTE": "0", **settings}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--port", "0", *before],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**ours, **variables},
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            running = Gateway(process, line.split()[-1] if line else "", errors)
            assert "http://" in line, running.complaints()
            yield running
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()


async def stats(http: aiohttp.ClientSession, address: str) -> dict[str, int]:
    """Ask a gateway for its figures."""
    async with http.get(f"{address}/api/stats") as response:
        assert response.status == 200, await response.text()
        figures: dict[str, int] = await response.json()
        return figures


async def calls(http: aiohttp.ClientSession, upstream: str) -> int:
    """Ask a simulator how often it was called."""
    async with http.get(f"{upstream.removesuffix('/v1')}/stats") as response:
        figures: dict[str, int] = await response.json()
        return figures["requests"]


async def until_idle(http: aiohttp.ClientSession, address: str, seconds: float = IDLE_SECONDS) -> dict[str, int]:
    """Wait until nothing runs, waits or is viewed any more; give the figures, which tell what is left otherwise."""
    figures: dict[str, int] = {}
    try:
        async with asyncio.timeout(seconds):
            while True:
                figures = await stats(http, address)
                if not busy(figures):
                    return figures
                await asyncio.sleep(0.02)
    except TimeoutError:
        return figures


def busy(figures: Mapping[str, int]) -> dict[str, int]:
    """Give those of the figures that are zero in a gateway that does nothing."""
    return {name: figures[name] for name in ("running", "active", "queued", "viewers") if figures[name]}
