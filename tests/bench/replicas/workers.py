"""How many streams `serve --workers 2` carries on this machine, compared with one process."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.messages import AnswerSpec
from tests.bench.outcome import Outcome
from tests.bench.replicas.bed import SSE, Use, UseMeter, bed
from tests.bench.scenarios import Shape


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared."""

    name: str
    workers: int
    with_redis: bool


CASES = (
    Case("1 process, memory", 1, with_redis=False),
    Case("1 process, Redis", 1, with_redis=True),
    Case("2 workers, Redis", 2, with_redis=True),
)


def measure(streams: Sequence[int], tokens: int = 100, interval_ms: int = 50) -> str:
    """Run loads of growing size on each; return a table."""
    rows = [
        f"{1000 / interval_ms:g} tokens a second in each stream, {tokens} tokens; load and provider use the same cores",
        "",
        "| streams | | added delay p50 / p99, ms | failed | CPU of the gateway, cores | of Redis | of all others |",
        "|---|---|---|---|---|---|---|",
    ]
    for count in streams:
        shape = Shape(count, count, AnswerSpec(tokens, interval_ms=interval_ms), ramp_seconds=2.0)
        for case in CASES:
            with bed(with_redis=case.with_redis, workers=case.workers) as running:
                meter = UseMeter(running)
                outcome, _, _ = running.testbed().run(SSE, shape)
                rows.append(_row(count, case, outcome, meter.stop()))
    return "\n".join(rows)


def _row(count: int, case: Case, outcome: Outcome, use: Use) -> str:
    delay = outcome.tally.delay
    spread = f"{delay.get('p50', 0):.1f} / {delay.get('p99', 0):.0f}"
    cores = [use.gateways[0] / use.seconds, use.redis / use.seconds, use.others]
    failed = sum(outcome.tally.failures.values())
    return f"| {count} | {case.name} | {spread} | {failed} | " + " | ".join(f"{part:.2f}" for part in cores) + " |"
