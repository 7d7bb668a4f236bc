"""The goals of the project: what a figure of ours may be at most. Data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.metric import (
    CLOSE_WORST,
    CPU_PER_REQUEST,
    CPU_PER_TOKEN,
    MEMORY_PER_STREAM,
    START_CPU,
    Metric,
)


@dataclass(frozen=True, slots=True)
class Goal:
    """The limits of a row's figure by target; with `of`, they are ratios to that target's figure."""

    row: str
    title: str
    metric: Metric
    limits: Mapping[str, float]
    of: str = ""


GOALS: Final[Sequence[Goal]] = (
    Goal("firehose", "Firehose", CPU_PER_TOKEN, {"sse": 1.4, "websocket": 1.5}, "nginx"),
    Goal("steady", "Steady, 100 streams", CPU_PER_TOKEN, {"sse": 2.0, "websocket": 2.1}, "nginx"),
    Goal("paced-100", "Paced, 100 streams of 120 tokens", CPU_PER_TOKEN, {"sse": 2.6, "websocket": 2.8}, "nginx"),
    Goal("paced-500", "Paced, 500 streams of 100 tokens", CPU_PER_TOKEN, {"sse": 2.0, "websocket": 2.2}, "nginx"),
    Goal("short", "Short answer, 10 tokens", CPU_PER_REQUEST, {"sse": 0.5, "websocket": 0.8}),
    Goal("short-reused", "Short answer on a socket that is kept", CPU_PER_REQUEST, {"websocket": 0.35}),
    Goal("idle", "Idle, 2,000 streams", MEMORY_PER_STREAM, {"sse": 22, "websocket": 26}),
    Goal("leave", "Client disconnects", CLOSE_WORST, {"sse": 5, "websocket": 5}),
    Goal("start-up", "Start-up", START_CPU, {"sse": 0.5}),
)

MOST_OF_NATIVE: Final = 1.1
"""What a token may cost in a dialect or with the Redis store, divided by its cost over SSE with the memory store."""
