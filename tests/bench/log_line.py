"""What the log line of a generation costs: `python -m tests.bench.log_line`.

CPU of the thread that logs, which is the event loop's, and of the whole process with the thread that writes.
"""

import logging
import os
import time
from statistics import median

from gateway.clock import SystemClock
from gateway.generation.source import StartSource
from gateway.generation.state import State
from gateway.protocol.events import Metrics, Usage
from gateway.telemetry.logs.format import ConsoleFormatter, JsonFormatter
from gateway.telemetry.logs.observer import LogObserver
from gateway.telemetry.logs.rate import RateFilter
from gateway.telemetry.logs.writer import LogWriter, write_to
from gateway.telemetry.summary import AttemptSummary, GenerationSummary

ROUNDS = 15
LINES = 2000
USAGE = Usage(1200, 350, "exact", 1024)
ATTEMPT = AttemptSummary(
    1, 1, "openai", "openai", "gpt-4.1", "answered", True, USAGE, 0.0042, 0.5, 80.2, 220.1, 2310.4, 1400
)
SUMMARY = GenerationSummary(
    id="g_6Et8lDcgcQRjtV6Ny5G_OQ",
    request_id="r_IWeRN6bUFZOJJQHktogJMA",
    principal="alice",
    source=StartSource("sse"),
    model="gpt-4.1",
    provider="openai",
    vendor="openai",
    upstream_model="gpt-4.1",
    end=State.COMPLETE,
    code=None,
    message=None,
    finish_reason="stop",
    interrupted_by=None,
    reason=None,
    cancel_ms=None,
    metrics=Metrics("r", 221.3, 2311.9, 0.5, 350, 1400, 1400, 600.0, 1, 1),
    usage=USAGE,
    cost_usd=0.0042,
    attempts=[ATTEMPT],
    views={"sse": 1},
    resumes=0,
    failovers=0,
    ended_at=0,
    accepted_at=0,
    first_content_at=0,
    feedback=0,
)


def measure(handler: logging.Handler) -> tuple[float, float]:
    """Return the microseconds of CPU for each line, of this thread and of the process."""
    logger = logging.getLogger("gateway.generations")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    observer, own, process = LogObserver(SystemClock()), [], []
    for _ in range(ROUNDS):
        thread_begin, process_begin = time.thread_time(), time.process_time()
        for _ in range(LINES):
            observer.on_end(SUMMARY)
        own.append((time.thread_time() - thread_begin) / LINES * 1e6)
        handler.flush()
        process.append((time.process_time() - process_begin) / LINES * 1e6)
    return median(own), median(process)


def main() -> None:
    """Print a table."""
    null = os.open(os.devnull, os.O_WRONLY)
    print(f"{'form':10} {'event loop':>12} {'process':>12}   microseconds of CPU a line")
    for name, formatter in (("console", ConsoleFormatter()), ("json", JsonFormatter())):
        handler = LogWriter(write_to(null))
        handler.setFormatter(formatter)
        handler.addFilter(RateFilter(time.monotonic))
        own, process = measure(handler)
        print(f"{name:10} {own:12.1f} {process:12.1f}")
        handler.close()


if __name__ == "__main__":
    main()
