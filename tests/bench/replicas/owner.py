"""CPU per token on the gateway that runs a generation, with Redis and without, and what Redis has to do for it."""

import asyncio
import json
import statistics
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.messages import AnswerSpec
from tests.bench.replicas.bed import Bed, Use, UseMeter, bed
from tests.bench.scenarios import Shape


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared. `watched`: each stream also has a viewer on a second gateway."""

    name: str
    with_redis: bool
    watched: bool = False
    delay: str = "0.2"


CASES = (
    Case("memory", with_redis=False),
    Case("Redis, batches of 200 ms", with_redis=True),
    Case("Redis, batches of 1 s", with_redis=True, delay="1"),
    Case("Redis, watched on another gateway (10 ms)", with_redis=True, watched=True),
)


def measure(runs: int, streams: int, tokens: int) -> str:
    """Run all cases in turns; return a table."""
    shape = Shape(streams, streams, AnswerSpec(tokens, interval_ms=20, first_ms=1500), ramp_seconds=1.0)
    uses: dict[Case, list[Use]] = {case: [] for case in CASES}
    for _ in range(runs):
        for case in CASES:
            settings = {"DUALSTREAM_STORE_DELAY": case.delay} if case.with_redis else {}
            with bed(1 + case.watched, with_redis=case.with_redis, settings=settings) as running:
                uses[case].append(asyncio.run(_run(running, case, shape)))
    events = streams * tokens
    lines = [
        f"{streams} streams of {tokens} tokens, 50 a second each; medians of {runs} runs in turns; others used "
        f"{statistics.median(use.others for each in uses.values() for use in each):.2f} cores",
        "",
        "| | owner, µs of CPU per token | the other gateway | Redis | commands per token | bytes in, out per token |",
        "|---|---|---|---|---|---|",
        *(_row(case, uses[case], events) for case in CASES),
        "",
        *(_commands(case, uses[case][-1], events) for case in CASES if case.with_redis),
    ]
    return "\n".join(lines)


def _row(case: Case, uses: Sequence[Use], events: int) -> str:
    def per_token(values: Sequence[float]) -> str:
        each = [1e6 * value / events for value in values]
        return f"{statistics.median(each):.1f} ({min(each):.1f}-{max(each):.1f})"

    other = per_token([use.gateways[1] for use in uses]) if case.watched else ""
    redis = [
        per_token([use.redis for use in uses]),
        f"{statistics.median(use.commands for use in uses) / events:.3f}",
        f"{statistics.median(use.received for use in uses) / events:.0f}, "
        f"{statistics.median(use.sent for use in uses) / events:.0f}",
    ]
    cells = [per_token([use.gateways[0] for use in uses]), other, *(redis if case.with_redis else ["", "", ""])]
    return f"| {case.name} | {' | '.join(cells)} |"


def _commands(case: Case, use: Use, events: int) -> str:
    counted = sorted(use.by_command.items(), key=lambda item: -item[1])[:8]
    return f"{case.name}: " + ", ".join(f"{name} {count} ({count / events:.4f})" for name, count in counted)


async def _run(running: Bed, case: Case, shape: Shape) -> Use:
    meter = UseMeter(running)
    watching = asyncio.create_task(_watch(running, shape.streams)) if case.watched else None
    await asyncio.to_thread(running.run, shape)
    use = meter.stop()
    if watching is not None:
        await watching
    return use


async def _watch(running: Bed, streams: int) -> None:
    """Attach a viewer on the second gateway to each generation that runs on the first, and read to the end."""
    found: list[str] = []
    while len(found) < streams:
        await asyncio.sleep(0.2)
        found = await asyncio.to_thread(_running, running.gateways[0].port)
    await asyncio.gather(*(_discard(running.gateways[1].port, generation_id) for generation_id in found))


def _running(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/generations", timeout=10) as response:
        return [generation["id"] for generation in json.load(response)["generations"]]


async def _discard(port: int, generation_id: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /api/generations/{generation_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    while b"0\r\n\r\n" not in (data := await reader.read(1 << 16)) and data:
        pass
    writer.close()
