"""A provider and a target before it, ready for loads."""

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

from tests.bench.judge import Outcome
from tests.bench.measurement import Meter, Usage, cpu
from tests.bench.processes import Server, free_port, python, running, serving
from tests.bench.scenarios import Shape
from tests.bench.targets import Target, viewing
from tests.bench.wire import Answer, Plan, Request, Served, Tally, document_of, served_of, tally_of

WARMING = Shape(16, 300, Answer(20))
"""Enough for a just-in-time compiler to have seen what is common."""

LOOKING_SECONDS = 0.5
LATE_SECONDS = 30.0
"""How long the load may take beyond its own limit."""

SETTLING_SECONDS = 6.0
"""How long the provider may still have streams that nobody reads."""


class LoadError(Exception):
    """The load itself failed; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where loads are played."""

    server: Server
    provider: Server
    log: IO[bytes]

    def warm(self, target: Target) -> None:
        """Let it have seen some requests."""
        self._load(_plan(self.server.port, target.request(WARMING.answer), WARMING), None)

    def play(self, target: Target, shape: Shape) -> tuple[Outcome, Usage, int]:
        """Play a load and give its outcome, the target's usage, and the ns that the provider used."""
        meter = Meter(self.server.pid, [self.provider.pid])
        provider_cpu = cpu([self.provider.pid])
        request = self._view(target, shape) if shape.viewers_of_one else target.request(shape.answer)
        tally = self._load(_plan(self.server.port, request, shape), meter)
        # What is still to be closed is looked for after the clock is stopped: it is not the load's.
        usage = meter.stop(tally.cpu)
        used = cpu([self.provider.pid]) - provider_cpu
        return Outcome(shape, tally, self._settled()), usage, used

    def _view(self, target: Target, shape: Shape) -> Request:
        started = _post(self.server.port, "/api/generations", target.request(shape.answer))
        return viewing(target.request(shape.answer).framing, str(started["id"]))

    def _load(self, plan: Plan, meter: Meter | None) -> Tally:
        deadline = time.monotonic() + plan.timeout_seconds + LATE_SECONDS
        command = python("tests.bench.load")
        with running(command, self.log, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
            told: bytes | None = json.dumps(document_of(plan)).encode()
            while time.monotonic() < deadline:
                try:
                    said, _ = load.communicate(told, timeout=LOOKING_SECONDS)
                except subprocess.TimeoutExpired:
                    told = None
                    if meter is not None:
                        meter.look()
                    continue
                if load.returncode:
                    break
                return tally_of(json.loads(said))
        message = Path(self.log.name).read_bytes()[-2000:].decode(errors="replace")
        raise LoadError(message)

    def _settled(self) -> Served:
        deadline = time.monotonic() + SETTLING_SECONDS
        served = self._served()
        while served.running and time.monotonic() < deadline:
            time.sleep(0.05)
            served = self._served()
        return served

    def _served(self) -> Served:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.provider.port}/served", timeout=10) as response:
            return served_of(json.load(response))


@contextmanager
def stage(target: Target, settings: Mapping[str, str]) -> Iterator[Stage]:
    """Start a provider and the target before it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        port = free_port()
        with (
            (directory / "log").open("w+b") as log,
            serving(python("tests.bench.provider", "--port", str(port)), port, log) as provider,
            target.start(port, directory, log, settings) as server,
        ):
            yield Stage(server, provider, log)


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


def _post(port: int, path: str, request: Request) -> dict[str, object]:
    start = json.loads(request.body or request.first)
    start.pop("type", None)
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=json.dumps(start).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(asked, timeout=10) as response:
        answered: dict[str, object] = json.load(response)
        return answered
