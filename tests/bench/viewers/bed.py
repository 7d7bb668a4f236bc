"""The processes of one scenario, provider, gateway and clients; and what they use."""

import http.client
import json
import select
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from tests.bench.figures import Figures, spread
from tests.bench.measurement import NANOSECONDS, cpu_time, machine_cpu, memory
from tests.bench.messages import ProviderStats
from tests.bench.processes import python, running, tree
from tests.bench.targets import Target
from tests.bench.testbed import Testbed, start_testbed
from tests.bench.viewers.orders import MILLISECOND, Order, encode_order

PROBE_SECONDS: Final = 0.05
"""Pause between two probes of the gateway."""

EXTRA_SECONDS: Final = 60.0
"""Time for the reply to an order, beyond the order's own limit."""

UNLIMITED: Final = {
    "DUALSTREAM_MAX_CONNECTIONS_PER_ADDRESS": "0",
    "DUALSTREAM_MAX_STREAMS_PER_CLIENT": "0",
    "DUALSTREAM_MAX_STREAMS_PER_ADDRESS": "0",
    "DUALSTREAM_MAX_COMMANDS_PER_SECOND": "0",
}
"""Limits of one client or address: here all clients are one. `GATEWAY_SETTINGS` has the others."""


class ClientsError(Exception):
    """The process of clients did not reply; the message is its output."""


class Prober:
    """Requests `/health` again and again: how long that takes shows for how long the event loop was busy."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._times: list[int] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Prober":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def take(self) -> Figures:
        """Return the times since the last call, in ms."""
        times, self._times = self._times, []
        return {name: value / MILLISECOND for name, value in spread(times).items()}

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            while not self._ends.wait(PROBE_SECONDS):
                started = time.monotonic_ns()
                connection.request("GET", "/health")
                connection.getresponse().read()
                self._times.append(time.monotonic_ns() - started)
        except (OSError, http.client.HTTPException):
            # The gateway has ended, which is a part of the scenario.
            pass
        finally:
            connection.close()


@dataclass(slots=True)
class Bed:
    """All that runs."""

    testbed: Testbed
    clients: subprocess.Popen[bytes]
    prober: Prober
    figures: Figures = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Return the port of the gateway."""
        return self.testbed.server.port

    def tell(self, order: Order, timeout: float = 0.0) -> dict[str, object]:
        """Send an order to the clients, and return its reply.

        Raises:
            ClientsError: it does not reply.
        """
        orders, replies = self.clients.stdin, self.clients.stdout
        assert orders is not None
        assert replies is not None
        orders.write(encode_order(order))
        orders.flush()
        if select.select([replies], [], [], timeout + EXTRA_SECONDS)[0] and (line := replies.readline()):
            reply: dict[str, object] = json.loads(line)
            return reply
        message = Path(self.testbed.log.name).read_bytes()[-2000:].decode(errors="replace") or "the clients are late"
        raise ClientsError(message)

    def add_spread(self, name: str, times: object) -> None:
        """Add quantiles of times in ms."""
        assert isinstance(times, dict)
        self.figures |= {f"{name}_{quantile}_ms": float(value) for quantile, value in times.items()}

    def check_end(self, finished: Mapping[str, object], expected: Mapping[str, int]) -> None:
        """Add a problem for each end that is not expected, and for tokens that did not arrive as they were sent."""
        ends, faults = finished["ends"], finished["faults"]
        assert isinstance(ends, dict)
        assert isinstance(faults, dict)
        self.problems += [
            f"{ends.get(end, 0)} streams ended with {end}; expected: {expected.get(end, 0)}"
            for end in sorted({*ends, *expected})
            if ends.get(end, 0) != expected.get(end, 0)
        ]
        self.problems += [f"{count} {fault}" for fault, count in faults.items()]
        self.figures["tokens"] = float(str(finished["tokens"]))

    def memory(self) -> int:
        """Return the memory of the gateway in bytes (PSS)."""
        return memory(tree(self.testbed.server.pid))

    def request(self, path: str) -> float:
        """Return how long a GET of the gateway takes, in ms."""
        started = time.monotonic_ns()
        _get(self.port, path)
        return (time.monotonic_ns() - started) / MILLISECOND

    def provider_stats(self) -> ProviderStats:
        """Return what the provider has counted."""
        return self.testbed.provider_stats()

    def release(self) -> None:
        """Resume the answers that the provider holds."""
        self.testbed.release_answers()


class Phase:
    """Measures CPU times from its construction to `stop`."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        bed.prober.take()
        self._groups = {
            "gateway": tree(bed.testbed.server.pid),
            "provider": [bed.testbed.provider.pid],
            "clients": [bed.clients.pid],
        }
        self._cpu = self._read()
        self._machine, self._started = machine_cpu(), time.monotonic()

    def stop(self, name: str) -> int:
        """Add the figures of a phase (cores of each process, probes); return the gateway's CPU in ns."""
        seconds = time.monotonic() - self._started
        used = {group: after - self._cpu[group] for group, after in self._read().items()}
        cores = {group: cpu / NANOSECONDS / seconds for group, cpu in used.items()}
        cores["others"] = max(0.0, (machine_cpu().used - self._machine.used) / seconds - sum(cores.values()))
        self._bed.figures |= {f"{name}_{group}_cores": value for group, value in cores.items()}
        self._bed.figures |= {f"{name}_probe_{key}_ms": value for key, value in self._bed.prober.take().items()}
        return used["gateway"]

    def _read(self) -> dict[str, int]:
        return {group: cpu_time(pids) for group, pids in self._groups.items()}


@contextmanager
def start_bed(target: Target, connections: int) -> Iterator[Bed]:
    """Start a gateway that accepts so many connections, and what is around it."""
    settings = {**UNLIMITED, "DUALSTREAM_MAX_CONNECTIONS": str(connections)}
    with (
        start_testbed(target, settings) as testbed,
        _clients(testbed.log) as clients,
        Prober(testbed.server.port) as prober,
    ):
        yield Bed(testbed, clients, prober)


def slab() -> int:
    """Return the memory of the kernel's objects in bytes, sockets among them (proc_meminfo(5), Slab)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Slab:"):
            return int(line.split()[1]) * 1024
    return 0


@contextmanager
def _clients(log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    command = python("tests.bench.viewers.clients")
    with running(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, process.stdout:
            yield process


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
