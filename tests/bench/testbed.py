"""A provider and a target in front of it, as processes, and loads that are run on them."""

import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.bench.measurement import cpu_time
from tests.bench.messages import (
    AnswerSpec,
    Plan,
    ProviderStats,
    Request,
    Tally,
    parse_provider_stats,
    parse_tally,
    to_document,
)
from tests.bench.meter import Meter, SteadyMeter, Usage
from tests.bench.outcome import Outcome
from tests.bench.processes import Server, free_port, python, running, serving
from tests.bench.scenarios import Shape
from tests.bench.start_requests import view_request
from tests.bench.targets import Target

WARM_UP = Shape(16, 300, AnswerSpec(20))
"""Load that lets a just-in-time compiler compile the common paths."""

SAMPLING_SECONDS = 0.25
"""Time between two samples of the memory."""

EXTRA_SECONDS = 30.0
"""Time that the load generator may take beyond the limit of the load."""

PROVIDER_SECONDS = 60.0
"""Time that the provider may take to answer while it streams thousands of answers."""

IDLE_SECONDS = 6.0
"""Time in which the provider must notice that nobody reads its streams any more."""


class LoadError(Exception):
    """The load generator failed; the message is its output."""


@dataclass(frozen=True, slots=True)
class Testbed:
    """A target in front of a provider."""

    server: Server
    provider: Server
    log: IO[bytes]

    def warm_up(self, target: Target) -> None:
        """Send the target some requests that are not measured."""
        shape = WARM_UP.scaled(target.share)
        self._run_load(_plan(self.server.port, target.request(shape.answer), shape), None)

    def run(self, target: Target, shape: Shape) -> tuple[Outcome, Usage, int]:
        """Run a load; return its outcome, the usage of the target, and the CPU time of the provider in ns."""
        window = shape.window
        steady = (
            SteadyMeter(self.server, window, shape.streams, self.provider_stats, self.release_answers)
            if window
            else None
        )
        meter = Meter(self.server, [self.provider.pid], steady)
        provider_cpu = cpu_time([self.provider.pid])
        request = self._start_and_view(target, shape) if shape.viewers_of_one else target.request(shape.answer)
        tally = self._run_load(_plan(self.server.port, request, shape), meter)
        # Before waiting for connections to close, which is no part of the load.
        usage = meter.stop(tally.cpu)
        used = cpu_time([self.provider.pid]) - provider_cpu
        return Outcome(shape, tally, self._wait_until_idle()), usage, used

    def provider_stats(self) -> ProviderStats:
        """Return what the provider has counted."""
        return parse_provider_stats(self._get("/stats"))

    def release_answers(self) -> None:
        """Resume the answers that the provider holds."""
        self._get("/release")

    def _get(self, path: str) -> dict[str, object]:
        url = f"http://127.0.0.1:{self.provider.port}{path}"
        with urllib.request.urlopen(url, timeout=PROVIDER_SECONDS) as response:
            document: dict[str, object] = json.load(response)
            return document

    def _start_and_view(self, target: Target, shape: Shape) -> Request:
        request = target.request(shape.answer)
        return view_request(request.framing, start_generation(self.server.port, request))

    def _run_load(self, plan: Plan, meter: Meter | None) -> Tally:
        deadline = time.monotonic() + plan.timeout_seconds + EXTRA_SECONDS
        command = python("tests.bench.load")
        with running(command, self.log, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
            data: bytes | None = json.dumps(to_document(plan)).encode()
            while time.monotonic() < deadline:
                try:
                    output, _ = load.communicate(data, timeout=SAMPLING_SECONDS)
                except subprocess.TimeoutExpired:
                    data = None
                    if meter is not None:
                        meter.sample()
                    continue
                if load.returncode:
                    break
                return parse_tally(json.loads(output))
        message = Path(self.log.name).read_bytes()[-2000:].decode(errors="replace")
        raise LoadError(message)

    def _wait_until_idle(self) -> ProviderStats:
        deadline = time.monotonic() + IDLE_SECONDS
        stats = self.provider_stats()
        while stats.running and time.monotonic() < deadline:
            time.sleep(0.05)
            stats = self.provider_stats()
        return stats


@contextmanager
def start_testbed(target: Target, settings: Mapping[str, str]) -> Iterator[Testbed]:
    """Start a provider and a target in front of it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        port = free_port()
        with (
            (directory / "log").open("w+b") as log,
            serving(python("tests.bench.provider", "--port", str(port)), port, log) as provider,
            target.start(port, directory, log, settings) as server,
        ):
            yield Testbed(server, provider, log)


def _plan(port: int, request: Request, shape: Shape) -> Plan:
    return Plan(
        port=port,
        request=request,
        streams=shape.streams,
        requests=shape.requests,
        tokens=shape.answer.tokens,
        ramp_seconds=shape.ramp_seconds,
        reuse_sockets=shape.reuse_sockets,
        leave_after=shape.leave_after,
        interrupt_after=shape.interrupt_after,
    )


def start_generation(port: int, request: Request) -> str:
    """Start the generation of a request without reading it; return its id."""
    start = json.loads(request.body or request.first)
    start.pop("type", None)
    post = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/generations",
        data=json.dumps(start).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(post, timeout=10) as response:
        return str(json.load(response)["id"])
