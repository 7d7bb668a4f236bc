"""An upstream that dies and recovers, and one that always fails."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from gateway.client import Answer, Client
from gateway.protocol.events import Complete, Error
from tests.integration.faults.client_process import stream
from tests.integration.faults.servers import PROMPT, calls, gateway, nonzero, until_idle
from tests.integration.faults.timeline import Timeline, differences
from tests.integration.servers import running

ENDLESS = "sim?ttft=0&speed=85&length=100000"
PROBE = "sim?ttft=1000&speed=0&length=50"
"""Silent for a second, so that concurrent starts find it running."""
QUICK = "sim?ttft=0&speed=0&length=50"
STREAMING = 10
CONCURRENT = 5
TIMEOUT = 60.0
CIRCUIT_OPEN = "not called for a while"
"""Part of the message of an error without a call (gateway/routing/breaker.py)."""


@dataclass(slots=True)
class Recovery:
    """What happened while the upstream was killed and started again."""

    timeline: Timeline = field(default_factory=Timeline)
    broken: list[tuple[str, bool]] = field(default_factory=list)
    """Code and `partial` of the answers that were streaming."""
    refused: int = 0
    """Starts refused without a call, of two while the circuit was open."""
    calls_while_open: int = -1
    failed_probe: str = ""
    allowed: int = 0
    refused_concurrently: int = 0
    calls_while_half_open: int = -1
    after: list[str] = field(default_factory=list)
    leftover: dict[str, int] = field(default_factory=dict)
    breakers: list[str] = field(default_factory=list)
    """Log messages of circuit breakers, without figures."""
    log_errors: list[str] = field(default_factory=list)

    def deviations(self) -> list[str]:
        """Return the deviations."""
        return differences(
            broken=(self.broken, [("truncated", True)] * STREAMING),
            refused=(self.refused, 2),
            calls_while_open=(self.calls_while_open, 0),
            failed_probe=(self.failed_probe, "network_error"),
            allowed=(self.allowed, 1),
            refused_concurrently=(self.refused_concurrently, CONCURRENT - 1),
            calls_while_half_open=(self.calls_while_half_open, 1),
            after=(self.after, ["complete"] * 3),
            leftover=(self.leftover, {}),
            breakers=(self.breakers, ["circuit opened"] * 2 + ["circuit closed"]),
            log_errors=(self.log_errors, []),
        )


async def recovery(cooldown: float) -> Recovery:
    """Kill the upstream with ten running answers, fail a probe, start it again, and check that it is used again."""
    seen, timeline = Recovery(), Timeline()
    seen.timeline = timeline
    settings = {
        "DUALSTREAM_MAX_ATTEMPTS": "1",
        "DUALSTREAM_BREAKER_FAILURES": "3",
        "DUALSTREAM_BREAKER_REST": f"{cooldown:g}",
    }
    async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
        with running("simulate", "--port", "0") as (process, base_url), gateway(base_url, settings) as running_gateway:
            port = base_url.removesuffix("/v1").rpartition(":")[2]
            async with Client(running_gateway.address) as client:
                ready: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
                streaming = asyncio.create_task(stream(running_gateway.address, STREAMING, ENDLESS, ready))
                answers = await ready
                timeline.restart()
                timeline.note(f"the upstream is killed (SIGKILL) with {STREAMING} running answers")
                process.kill()
                process.wait()
                await streaming
                ends = [answer.terminal for answer in answers]
                seen.broken = [(end.code, end.partial) for end in ends if isinstance(end, Error)]
                timeline.note(f"all {STREAMING} have ended: `truncated`, partial, retryable")
                refused = await _run(client, QUICK)
                seen.refused += _is_circuit_open(refused)
                timeline.note(f"a start is refused without a call: {_error_text(refused)}")
                seen.failed_probe = _code(await _until_called(client, QUICK))
                timeline.note(f"half-open: one start is allowed as a probe and fails, `{seen.failed_probe}`")
                with running("simulate", "--port", port):
                    timeline.note("the upstream listens again")
                    refused = await _run(client, QUICK)
                    seen.refused += _is_circuit_open(refused)
                    seen.calls_while_open = await calls(http, base_url)
                    timeline.note(
                        f"a start is refused without a call, the cooldown has doubled: {_error_text(refused)}"
                    )
                    await _start_until_allowed(client, http, base_url, seen)
                    seen.after = [_code(await _run(client, QUICK)) for _ in range(3)]
                    timeline.note(f"closed: the next three starts: {', '.join(seen.after)}")
                    seen.leftover = nonzero(await until_idle(http, running_gateway.address))
            seen.breakers = [message.partition(" for ")[0] for message in running_gateway.breakers()]
            seen.log_errors = running_gateway.log_errors()
    return seen


async def _start_until_allowed(client: Client, http: aiohttp.ClientSession, upstream: str, seen: Recovery) -> None:
    """Start several concurrently, repeatedly, until one is allowed."""
    before = await calls(http, upstream)
    while not seen.allowed:
        ends = await asyncio.gather(*(_run(client, PROBE) for _ in range(CONCURRENT)))
        seen.allowed = sum(isinstance(end, Complete) for end in ends)
        seen.refused_concurrently = sum(_is_circuit_open(end) for end in ends)
        if not seen.allowed:
            await asyncio.sleep(0.05)
    seen.calls_while_half_open = await calls(http, upstream) - before
    seen.timeline.note(
        f"half-open: of {CONCURRENT} concurrent starts {seen.allowed} is allowed and completes, "
        f"{seen.refused_concurrently} are refused; the upstream got {seen.calls_while_half_open} call"
    )


async def _until_called(client: Client, model: str) -> Complete | Error:
    while True:
        end = await _run(client, model)
        if not _is_circuit_open(end):
            return end
        await asyncio.sleep(0.05)


async def _run(client: Client, model: str) -> Complete | Error:
    answer = await client.start(PROMPT, model=model)
    async for _ in answer:
        pass
    assert isinstance(answer.terminal, Complete | Error), answer.terminal
    return answer.terminal


def _is_circuit_open(end: Complete | Error) -> bool:
    return isinstance(end, Error) and CIRCUIT_OPEN in end.message


def _code(end: Complete | Error) -> str:
    return end.code if isinstance(end, Error) else end.type


def _error_text(end: Complete | Error) -> str:
    if isinstance(end, Complete):
        return "complete"
    return f"`{end.code}`, retryable, try again in {end.retry_after_ms} ms"


@dataclass(slots=True)
class RetryBudget:
    """How often an upstream that always fails is called."""

    starts: int
    calls: int
    codes: dict[str, int]
    leftover: dict[str, int]
    log_errors: list[str]

    def deviations(self) -> list[str]:
        """Return the deviations."""
        max_calls = self.starts + 10 + self.starts // 5
        return differences(
            codes=(self.codes, {"server_error": self.starts}),
            calls_in_bounds=(self.starts < self.calls <= max_calls, True),
            leftover=(self.leftover, {}),
            log_errors=(self.log_errors, []),
        )


async def retry_budget(starts: int) -> RetryBudget:
    """Start many concurrently, with four attempts each, on an upstream that returns 500 to all calls."""
    settings = {
        "DUALSTREAM_MAX_ATTEMPTS": "4",
        "DUALSTREAM_RETRY_BASE": "0.01",
        "DUALSTREAM_BREAKER_FAILURES": "0",
        "DUALSTREAM_MAX_CONCURRENT": "0",
    }
    async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
        with running("simulate", "--port", "0") as (_, base_url), gateway(base_url, settings) as running_gateway:
            async with Client(running_gateway.address) as client:
                ends = await asyncio.gather(*(_run(client, f"{QUICK}&fault=500") for _ in range(starts)))
            codes: dict[str, int] = {}
            for end in ends:
                codes[_code(end)] = codes.get(_code(end), 0) + 1
            call_count = await calls(http, base_url)
            leftover = nonzero(await until_idle(http, running_gateway.address))
            return RetryBudget(starts, call_count, codes, leftover, running_gateway.log_errors())
