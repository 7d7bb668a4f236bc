"""What operators do: reload twice, reload during a start, and start with streams that take nothing."""

import asyncio
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import aiohttp

from tests.integration.faults.scenario import Scenario
from tests.integration.faults.servers import gateway
from tests.integration.faults.timeline import differences
from tests.integration.starts import (
    MODEL,
    SECONDS,
    Taking,
    command,
    free_port,
    replace_file,
    starting,
    wait_for_model,
    with_streams,
)

TIMEOUT = 60.0
QUIET_SECONDS = 1.0
LARGE = 1500
"""Models of a file that takes longer to read than the pause between the signals."""


async def reloaded_twice() -> Scenario:
    """Reload a file that takes long to read, and replace it by a small one while it is read."""
    seen = Scenario("two reloads, the first one slower", f"SIGHUP with {LARGE:,} models; 50 ms later SIGHUP with one")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "dualstream.toml")
        replace_file(file, MODEL.format(name="first"))
        with gateway(file, {}) as running:
            async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
                large = "".join(MODEL.format(name=f"large{number}") for number in range(LARGE))
                for text in (large, MODEL.format(name="last")):
                    replace_file(file, text)
                    running.process.send_signal(signal.SIGHUP)
                    await asyncio.sleep(0.05)
                await _until_quiet(running.log)
                async with http.get(f"{running.address}/api/models") as response:
                    served = (await response.json())["models"]
    seen.client = "the models of the last file"
    seen.upstream = "-"
    seen.deviations = differences(served=(served, ["last"]))
    return seen


async def _until_quiet(log: Callable[[], str]) -> None:
    """Wait until a reload has been logged, and then nothing for a while."""
    loop = asyncio.get_running_loop()
    text, since = log(), loop.time()
    while "configuration reloaded" not in text or loop.time() - since < QUIET_SECONDS:
        await asyncio.sleep(0.05)
        if log() != text:
            text, since = log(), loop.time()


async def reloaded_during_the_start() -> Scenario:
    """Replace the file and send SIGHUP while the process starts."""
    seen = Scenario("SIGHUP during the start", "another file, and SIGHUP before the gateway listens")

    def run() -> int | None:
        with tempfile.TemporaryDirectory() as folder:
            file, port = Path(folder, "dualstream.toml"), free_port()
            file.write_text(MODEL.format(name="first"))
            with starting(command(port, file)) as process:
                replace_file(file, MODEL.format(name="second"))
                process.send_signal(signal.SIGHUP)
                wait_for_model(port, "second")
                return process.poll()

    ended = await asyncio.to_thread(run)
    seen.client = "the models of the new file"
    seen.upstream = "-"
    seen.deviations = differences(ended=(ended, None))
    return seen


async def streams_that_take_nothing() -> Scenario:
    """Start with standard output and error on a full disk, a closed pipe, or closed; reload, and end."""
    seen = Scenario("standard output and error are broken", f"{', '.join(get_args(Taking))}; with a reload, which logs")

    def run(kind: Taking) -> int:
        with tempfile.TemporaryDirectory() as folder:
            file, port = Path(folder, "dualstream.toml"), free_port()
            file.write_text(MODEL.format(name="first"))
            with with_streams(kind, (1, 2), command(port, file)) as process:
                wait_for_model(port, "first")
                replace_file(file, MODEL.format(name="second"))
                process.send_signal(signal.SIGHUP)
                wait_for_model(port, "second")
                process.terminate()
                return process.wait(SECONDS)

    ends = [await asyncio.to_thread(run, kind) for kind in get_args(Taking)]
    seen.client = "it starts, answers, reloads, and ends with 0"
    seen.upstream = "-"
    seen.deviations = differences(ends=(ends, [0, 0, 0]))
    return seen
