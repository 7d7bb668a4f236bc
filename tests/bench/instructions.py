"""Count the instructions that one short request costs: `python -m tests.bench.instructions [NAME...]`.

The gateway runs under Valgrind's callgrind (https://valgrind.org/docs/manual/cl-manual.html); it must be installed. The
provider and the client are in this process, and send what `tests.bench.requests` describes. Instructions of user mode
are counted from the end of the warm-up to the end of the last request, and divided by the number of requests; the
kernel's are not counted. Two runs of the same code differ by about 1 %.

With PROFILE=1 in the environment, the costliest functions of C are printed too: those of the interpreter, mostly.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.processes import free_port, python, serving
from tests.bench.requests import LIMITS, NAMES, Client, Provider, store_of

WARM_UP: Final = 30
REQUESTS: Final = 100
TOP: Final = 40
"""Functions that are printed of a profile."""


@contextmanager
def _gateway(provider: Provider, store: Mapping[str, str], directory: Path) -> Iterator[tuple[int, int]]:
    """Run a gateway under callgrind, which does not count yet; yield its process id and port."""
    port = free_port()
    options = ["--instr-atstart=no", f"--callgrind-out-file={directory}/profile"]
    upstream = f"http://127.0.0.1:{provider.port}/v1"
    command = ["valgrind", "--tool=callgrind", *options]
    command += python("gateway", "serve", "--port", str(port), "--upstream", upstream, "--model", "m")
    environment = {
        "PYTHONHASHSEED": "0",
        **{f"DUALSTREAM_{name.upper()}": str(value) for name, value in {**LIMITS, **store}.items()},
    }
    with (directory / "log").open("wb") as log, serving(command, port, log, environment) as server:
        yield server.pid, port


def _control(pid: int, *options: str) -> None:
    command = ["callgrind_control", *options, str(pid)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def count(name: str, directory: Path) -> float:
    """Return the instructions of one request; the profile of all is `profile.1` in the directory."""
    provider = Provider()
    with store_of(name) as store, _gateway(provider, store, directory) as (pid, port):
        client = Client(name, port)
        client.request(WARM_UP)
        _control(pid, "--instr=on")
        client.request(WARM_UP)
        _control(pid, "--zero")
        client.request(REQUESTS)
        _control(pid, "--dump")
        client.close()
    provider.close()
    profile = (directory / "profile.1").read_text()
    totals = re.search(r"^totals: (\d+)", profile, re.MULTILINE)
    assert totals is not None
    return int(totals[1]) / REQUESTS


def _print_profile(directory: Path) -> None:
    annotate = ["callgrind_annotate", f"{directory}/profile.1"]
    shown = subprocess.run(annotate, check=True, capture_output=True, text=True).stdout
    for line in shown.splitlines()[:TOP]:
        print(f"    {line[:150]}")


def main(names: list[str]) -> None:
    """Print the instructions of one request."""
    for name in names:
        with tempfile.TemporaryDirectory() as directory:
            print(f"{name}: {count(name, Path(directory)) / 1e6:.3f} million instructions per request", flush=True)
            if os.environ.get("PROFILE"):
                _print_profile(Path(directory))


if __name__ == "__main__":
    main(sys.argv[1:] or list(NAMES))
