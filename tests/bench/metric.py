"""The figures that are shown, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that is shown; less is better. `compared`: its ratio to another server's is stable between runs."""

    name: str
    title: str
    unit: str
    digits: int = 1
    compared: bool = False


CPU_PER_TOKEN = Metric("cpu_us_per_token", "CPU per token", "µs", compared=True)
USER_PER_TOKEN = Metric("user_us_per_token", "CPU per token, user", "µs")
KERNEL_PER_TOKEN = Metric("kernel_us_per_token", "CPU per token, kernel", "µs")
STORE_PER_TOKEN = Metric("store_us_per_token", "CPU per token, store", "µs")
CPU_PER_REQUEST = Metric("cpu_ms_per_request", "CPU per request", "ms", 2, compared=True)
MEMORY_PER_STREAM = Metric("kb_per_stream", "memory per stream", "KB", compared=True)
MEMORY = Metric("memory_mb", "memory", "MB", 0)
DELAY = Metric("delay_p50_ms", "added delay, p50", "ms", 2)
DELAY_WORST = Metric("delay_p99_ms", "added delay, p99", "ms")
CLOSE = Metric("close_p50_ms", "until the provider notices, p50", "ms", 2)
CLOSE_WORST = Metric("close_p99_ms", "until the provider notices, p99", "ms", 2)
UNSEEN = Metric("unseen_tokens", "tokens after the client had left, per stream", "", 1)
NEVER_CLOSED = Metric("never_closed", "streams never closed", "", 0)
START_CPU = Metric("start_cpu_s", "CPU until it listens", "s", 2)
START_SECONDS = Metric("start_seconds", "time until it listens", "s", 2)
START_MEMORY = Metric("start_memory_mb", "memory when it listens", "MB", 0)
PAST_FENCE = Metric("past_fence", "events after the fence", "", 0)
