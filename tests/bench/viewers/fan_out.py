"""One generation with all viewers; at the end the gateway gets SIGTERM with all of them."""

import os
import signal
import time
from typing import Final

from tests.bench.messages import AnswerSpec
from tests.bench.processes import is_running
from tests.bench.start_requests import view_request
from tests.bench.targets import Target
from tests.bench.testbed import start_generation
from tests.bench.viewers.bed import Bed, Phase
from tests.bench.viewers.opening import open_viewers
from tests.bench.viewers.orders import Begin, Finish, Look
from tests.bench.viewers.size import Size

ENDING_SECONDS: Final = 60.0
ENDLESS: Final = 1_000_000
"""Tokens of an answer that lasts longer than the scenario."""


def measure(bed: Bed, target: Target, size: Size) -> None:
    """Run the scenario, and add its figures and problems."""
    answer = AnswerSpec(ENDLESS, interval_ms=size.fan_out_interval_ms, kind="held")
    request = target.request(answer)
    started = start_generation(bed.port, request)
    open_viewers(bed, view_request(request.framing, started), size.viewers, size.in_flight)
    bed.release()
    time.sleep(size.settle_seconds)
    _load(bed, size)
    _end(bed, size)


def _load(bed: Bed, size: Size) -> None:
    bed.tell(Begin())
    phase = Phase(bed)
    time.sleep(size.load_seconds)
    cpu, window = phase.stop("load"), bed.tell(Look())
    events = window["events"]
    assert isinstance(events, int)
    bed.figures["events"] = float(events)
    bed.figures["cpu_us_per_event"] = cpu / 1000 / max(1, events)
    for name in ("delay", "first", "last"):
        bed.add_spread(name, window[name])


def _end(bed: Bed, size: Size) -> None:
    """End the gateway, and measure how long that takes."""
    started, pid = time.monotonic(), bed.testbed.server.pid
    os.kill(pid, signal.SIGTERM)
    finished = bed.tell(Finish(0, ENDING_SECONDS), ENDING_SECONDS)
    bed.figures["ended_seconds"] = time.monotonic() - started
    while is_running(pid) and time.monotonic() - started < ENDING_SECONDS:
        time.sleep(0.01)
    bed.figures["exit_seconds"] = time.monotonic() - started
    bed.check_end(finished, {"error": size.viewers})
