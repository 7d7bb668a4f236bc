"""Starts a gateway with a simulated provider for a run, as three processes that are not in each other's way."""

import asyncio
import os
import re
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0

_ADDRESS: Final = re.compile(r"listens on (http://\S+)")
_KEPT_LINES: Final = 20


class StartError(Exception):
    """A process did not start; the message has its last lines."""


@dataclass(frozen=True, slots=True)
class OwnGateway:
    """A gateway that was started for a run."""

    url: str
    pid: int


@asynccontextmanager
async def own_gateway() -> AsyncIterator[OwnGateway]:
    """Run a gateway with a simulator, both on free ports of loopback, until the end of this context.

    Settings of the user do not apply: neither variables, nor a file in the current folder.

    Raises:
        StartError: one of them did not start.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        simulator = await stack.enter_async_context(_running(folder, {}, "simulate", "--port", "0"))
        variables = {"DUALSTREAM_RATE_LIMIT_PER_MINUTE": "0", "DUALSTREAM_MAX_CONCURRENT": "0"}
        options = ("serve", "--host", "127.0.0.1", "--port", "0", "--upstream", simulator.url)
        yield await stack.enter_async_context(_running(folder, variables, *options))


@asynccontextmanager
async def _running(folder: str, variables: Mapping[str, str], *options: str) -> AsyncIterator[OwnGateway]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *options,
        cwd=folder,
        env={**inherited, **variables, "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Ctrl-C ends the measurement, which then ends its processes.
        start_new_session=True,
    )
    output = _Output(process)
    try:
        yield OwnGateway(await output.address(), process.pid)
    finally:
        await output.stop()


class _Output:
    """Reads what a process prints, so that it never waits for a reader; ends the process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(), name="output of a process")

    async def address(self) -> str:
        try:
            async with asyncio.timeout(START_SECONDS):
                return await self._address
        except TimeoutError:
            message = f"A process did not start within {START_SECONDS:g} seconds:\n{''.join(self._lines)}"
            raise StartError(message) from None

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader
        self._address.cancel()

    async def _read(self) -> None:
        stream = self._process.stdout
        while stream is not None and (line := await stream.readline()):
            text = line.decode("utf-8", "replace")
            self._lines.append(text)
            if not self._address.done() and (match := _ADDRESS.search(text)):
                self._address.set_result(match[1])
        if not self._address.done():
            self._address.set_exception(StartError(f"A process ended before it listened:\n{''.join(self._lines)}"))
