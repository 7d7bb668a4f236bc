"""An upstream that dies and comes back, and one that fails all the time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from gateway.client import Answer, Client
from gateway.protocol.events import Complete, Error
from tests.integration.faults.crowd import stream
from tests.integration.faults.servers import PROMPT, busy, calls, gateway, until_idle
from tests.integration.faults.timeline import Timeline, differing
from tests.integration.servers import running

ENDLESS = "sim?ttft=0&speed=85&length=100000"
PROBE = "sim?ttft=1000&speed=0&length=50"
"""Silent for a second, so that those who start beside it find it under way."""
QUICK = "sim?ttft=0&speed=0&length=50"
STREAMING = 10
AT_ONCE = 5
PATIENCE = 60.0
LEFT_ALONE = "not called for a while"


@dataclass(slots=True)
class Recovery:
    """What happened when the upstream was killed and came back."""

    timeline: Timeline = field(default_factory=Timeline)
    broken: list[tuple[str, bool]] = field(default_factory=list)
    """Code and `partial` of the answers that streamed."""
    refused: int = 0
    """Starts that were refused without a call, of the two made while the circuit was open."""
    calls_while_open: int = -1
    failed_probe: str = ""
    let_through: int = 0
    refused_beside: int = 0
    calls_of_probing: int = -1
    after: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    breakers: list[str] = field(default_factory=list)
    """What was logged of them, without figures."""
    complaints: list[str] = field(default_factory=list)

    def deviations(self) -> list[str]:
        """Say what is not as it must be."""
        return differing(
            broken=(self.broken, [("truncated", True)] * STREAMING),
            refused=(self.refused, 2),
            calls_while_open=(self.calls_while_open, 0),
            failed_probe=(self.failed_probe, "network_error"),
            let_through=(self.let_through, 1),
            refused_beside=(self.refused_beside, AT_ONCE - 1),
            calls_of_probing=(self.calls_of_probing, 1),
            after=(self.after, ["complete"] * 3),
            left=(self.left, {}),
            breakers=(self.breakers, ["circuit opened"] * 2 + ["circuit closed"]),
            complaints=(self.complaints, []),
        )


async def recovery(rest: float) -> Recovery:
    """Kill the upstream of ten running answers, let a probe fail, bring it back, and see it used again."""
    seen, timeline = Recovery(), Timeline()
    seen.timeline = timeline
    settings = {
        "DUALSTREAM_MAX_ATTEMPTS": "1",
        "DUALSTREAM_BREAKER_FAILURES": "3",
        "DUALSTREAM_BREAKER_REST": f"{rest:g}",
    }
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        with running("simulate", "--port", "0") as (process, base_url), gateway(base_url, settings) as ours:
            port = base_url.removesuffix("/v1").rpartition(":")[2]
            async with Client(ours.address) as client:
                ready: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
                streaming = asyncio.create_task(stream(ours.address, STREAMING, ENDLESS, ready))
                answers = await ready
                timeline.begin()
                timeline.note(f"the upstream is killed (SIGKILL) under {STREAMING} running answers")
                process.kill()
                process.wait()
                await streaming
                ends = [answer.terminal for answer in answers]
                seen.broken = [(end.code, end.partial) for end in ends if isinstance(end, Error)]
                timeline.note(f"all {STREAMING} have ended: `truncated`, partial, retryable")
                refused = await _one(client, QUICK)
                seen.refused += _left_alone(refused)
                timeline.note(f"a start is refused without a call: {_said(refused)}")
                seen.failed_probe = _code(await _until_called(client, QUICK))
                timeline.note(f"half-open: one start is let through as a probe and fails, `{seen.failed_probe}`")
                with running("simulate", "--port", port):
                    timeline.note("the upstream is back on its port")
                    refused = await _one(client, QUICK)
                    seen.refused += _left_alone(refused)
                    seen.calls_while_open = await calls(http, base_url)
                    timeline.note(f"a start is refused without a call, the rest has doubled: {_said(refused)}")
                    await _probing(client, http, base_url, seen)
                    seen.after = [_code(await _one(client, QUICK)) for _ in range(3)]
                    timeline.note(f"closed: the next three starts: {', '.join(seen.after)}")
                    seen.left = busy(await until_idle(http, ours.address))
            seen.breakers = [said.partition(" for ")[0] for said in ours.breakers()]
            seen.complaints = ours.complaints()
    return seen


async def _probing(client: Client, http: aiohttp.ClientSession, upstream: str, seen: Recovery) -> None:
    """Start several at once, again and again until one is let through."""
    before = await calls(http, upstream)
    while not seen.let_through:
        ends = await asyncio.gather(*(_one(client, PROBE) for _ in range(AT_ONCE)))
        seen.let_through = sum(isinstance(end, Complete) for end in ends)
        seen.refused_beside = sum(_left_alone(end) for end in ends)
        if not seen.let_through:
            await asyncio.sleep(0.05)
    seen.calls_of_probing = await calls(http, upstream) - before
    seen.timeline.note(
        f"half-open: of {AT_ONCE} starts at once {seen.let_through} is let through and completes, "
        f"{seen.refused_beside} are refused beside it; the upstream saw {seen.calls_of_probing} call"
    )


async def _until_called(client: Client, model: str) -> Complete | Error:
    while True:
        end = await _one(client, model)
        if not _left_alone(end):
            return end
        await asyncio.sleep(0.05)


async def _one(client: Client, model: str) -> Complete | Error:
    answer = await client.start(PROMPT, model=model)
    async for _ in answer:
        pass
    assert isinstance(answer.terminal, Complete | Error), answer.terminal
    return answer.terminal


def _left_alone(end: Complete | Error) -> bool:
    return isinstance(end, Error) and LEFT_ALONE in end.message


def _code(end: Complete | Error) -> str:
    return end.code if isinstance(end, Error) else end.type


def _said(end: Complete | Error) -> str:
    if isinstance(end, Complete):
        return "complete"
    return f"`{end.code}`, retryable, try again in {end.retry_after_ms} ms"


@dataclass(slots=True)
class Hammered:
    """How often an upstream that always fails is called."""

    starts: int
    calls: int
    codes: dict[str, int]
    left: dict[str, int]
    complaints: list[str]

    def deviations(self) -> list[str]:
        """Say what is not as it must be."""
        most = self.starts + 10 + self.starts // 5
        return differing(
            codes=(self.codes, {"server_error": self.starts}),
            calls_in_bounds=(self.starts < self.calls <= most, True),
            left=(self.left, {}),
            complaints=(self.complaints, []),
        )


async def retry_budget(starts: int) -> Hammered:
    """Start many at once, with four attempts each, on an upstream that answers 500 to all of them."""
    settings = {
        "DUALSTREAM_MAX_ATTEMPTS": "4",
        "DUALSTREAM_RETRY_BASE": "0.01",
        "DUALSTREAM_BREAKER_FAILURES": "0",
        "DUALSTREAM_MAX_CONCURRENT": "0",
    }
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        with running("simulate", "--port", "0") as (_, base_url), gateway(base_url, settings) as ours:
            async with Client(ours.address) as client:
                ends = await asyncio.gather(*(_one(client, f"{QUICK}&fault=500") for _ in range(starts)))
            codes: dict[str, int] = {}
            for end in ends:
                codes[_code(end)] = codes.get(_code(end), 0) + 1
            called = await calls(http, base_url)
            left = busy(await until_idle(http, ours.address))
            return Hammered(starts, called, codes, left, ours.complaints())
