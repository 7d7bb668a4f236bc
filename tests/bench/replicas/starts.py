"""What a start costs: short answers, one after another on many connections, with Redis and without."""

import statistics
from collections.abc import Sequence

from tests.bench.messages import AnswerSpec
from tests.bench.replicas.bed import Use, UseMeter, bed
from tests.bench.scenarios import Shape

SHAPE = Shape(64, 1000, AnswerSpec(10))


def measure(runs: int) -> str:
    """Run the load in turns; return the figures."""
    uses: dict[bool, list[Use]] = {False: [], True: []}
    for _ in range(runs):
        for with_redis, of in uses.items():
            with bed(with_redis=with_redis) as running:
                meter = UseMeter(running)
                running.run(SHAPE)
                of.append(meter.stop())
    memory, redis = (_per_start([use.gateways[0] for use in of]) for of in uses.values())
    last = uses[True][-1]
    counted = ", ".join(f"{name} {count / SHAPE.requests:.2f}" for name, count in sorted(last.by_command.items()))
    return (
        f"{SHAPE.requests} answers of 10 tokens on {SHAPE.streams} connections: {memory} ms of CPU each on memory, "
        f"{redis} with Redis, and {_per_start([use.redis for use in uses[True]])} ms of Redis; bytes in "
        f"{last.received / SHAPE.requests:.0f}, out {last.sent / SHAPE.requests:.0f}; commands each: {counted}"
    )


def _per_start(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds) / SHAPE.requests:.2f}"
