"""The gateway and the simulator as real processes, found at the address that they print."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STARTING_SECONDS = 30


@contextmanager
def running(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a subcommand; give its process and the address in the first line that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        # All clients of a test have one address: a limit by address would hold them back together.
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
    """Run the simulator; give its base URL."""
    with running("simulate", "--port", "0") as (_, address):
        yield address


@contextmanager
def gateway_process(upstream: str, **environment: str) -> Iterator[str]:
    """Run the gateway before an upstream; give its address. Any model is passed on."""
    with running("serve", "--port", "0", "--upstream", upstream, environment=environment) as (_, address):
        yield address
