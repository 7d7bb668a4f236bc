"""Run the cases: real processes, both transports, many cases concurrently."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import aiohttp

from gateway.client import Client, TransportName
from gateway.protocol.events import Complete, Error, Event, Retry, Terminal
from tests.integration.faults.case import Case, Expected, Setup
from tests.integration.faults.cases import CASES, SETUPS
from tests.integration.faults.proxy import Proxy, Side
from tests.integration.faults.replay import (
    expected_text,
    log_problems,
    merge_text,
    read_over_sse,
    read_over_websocket,
    text_of,
)
from tests.integration.faults.scripted_cases import WARM, WELL
from tests.integration.faults.scripted_provider import ScriptedProvider
from tests.integration.faults.servers import PROMPT, gateway, nonzero, until_idle
from tests.integration.servers import simulator_process

TRANSPORTS: Sequence[TransportName] = ("sse", "ws")
TIMEOUT = 60.0
"""Seconds until a case counts as hanging: far more than any setting here allows, less than the timeout of pytest."""

CLOSE_SECONDS = 5.0
"""Maximum seconds until the peer notices that a socket was closed."""


@dataclass(slots=True)
class Observed:
    """What was observed in one run of a case."""

    events: list[Event] = field(default_factory=list)
    text: str = ""
    full_text: str = ""
    terminal: Terminal | None = None
    attachments: int = 0
    calls: int = 0
    ended_by: Side | None = None
    problems: list[str] = field(default_factory=list)
    """What is wrong in the log, and where the transports differ."""

    @property
    def retries(self) -> list[Retry]:
        """Return the `retry` events."""
        return [event for event in self.events if isinstance(event, Retry)]


@dataclass(slots=True)
class Results:
    """What was observed: per case and transport, and at each gateway after all of its cases."""

    seen: dict[tuple[str, TransportName], Observed] = field(default_factory=dict)
    leftover: dict[str, dict[str, int]] = field(default_factory=dict)
    log_errors: dict[str, list[str]] = field(default_factory=dict)


async def run(cases: Sequence[Case] = CASES) -> Results:
    """Run cases: one gateway and one proxy per setup, all setups concurrently."""
    results = Results()
    scripts = {case.requested.removesuffix("?"): case.answers for case in cases if case.answers}
    scripts[WARM] = [WELL]
    with simulator_process() as upstream:
        async with ScriptedProvider(scripts) as scripted:
            await _run_setups(cases, upstream, scripted.address, results)
    return results


async def _run_setups(cases: Sequence[Case], simulator: str, scripted: str, results: Results) -> None:
    runs = []
    for setup in SETUPS:
        upstream = scripted if setup.scripted else simulator
        if some := [case for case in cases if case.setup is setup]:
            runs.append(_SetupRunner(setup, upstream, results).run(some))
    await asyncio.gather(*runs)


class _SetupRunner:
    """Runs the cases of one setup."""

    def __init__(self, setup: Setup, upstream: str, results: Results) -> None:
        self._setup = setup
        self._upstream = upstream
        self._results = results
        self._seed = SETUPS.index(setup) * 1000

    async def run(self, cases: Sequence[Case]) -> None:
        async with Proxy(self._upstream) as proxy, aiohttp.ClientSession() as http:
            with ExitStack() as stack:
                running = await asyncio.to_thread(stack.enter_context, gateway(proxy.address, self._setup.settings))
                case_runner = _CaseRunner(running.address, self._upstream, proxy, http)
                concurrent = [case for case in cases if not case.is_exclusive]
                observed = await asyncio.gather(
                    *(
                        case_runner.observe(case, transport, self._next_seed())
                        for case in concurrent
                        for transport in TRANSPORTS
                    )
                )
                keys = [(case.name, transport) for case in concurrent for transport in TRANSPORTS]
                self._results.seen.update(zip(keys, observed, strict=True))
                for case in cases:
                    if case.is_exclusive:
                        await self._run_exclusive(case_runner, case)
                self._results.leftover[self._setup.name] = nonzero(await until_idle(http, running.address))
                self._results.log_errors[self._setup.name] = running.log_errors()

    async def _run_exclusive(self, case_runner: "_CaseRunner", case: Case) -> None:
        """Run a case without others; with several modes, which connections get in turn, one transport at a time."""
        takes_turns = len(case.modes) > 1 or case.warmed
        groups = [[transport] for transport in TRANSPORTS] if takes_turns else [TRANSPORTS]
        for transports in groups:
            await case_runner.proxy.set_modes(*case.modes)
            observed = await asyncio.gather(
                *(case_runner.observe(case, transport, self._next_seed()) for transport in transports)
            )
            for transport, seen in zip(transports, observed, strict=True):
                self._results.seen[case.name, transport] = seen

    def _next_seed(self) -> int:
        self._seed += 1
        return self._seed


@dataclass(frozen=True, slots=True)
class _CaseRunner:
    """Runs one case on one transport. Its seed, last in the model's name, identifies its calls."""

    address: str
    upstream: str
    proxy: Proxy
    http: aiohttp.ClientSession

    async def observe(self, case: Case, transport: TransportName, seed: int) -> Observed:
        if case.answers:
            model = f"{case.requested}seed={seed}"
            observed = Observed(full_text=case.whole)
        else:
            model = f"{case.model}&seed={seed}"
            observed = Observed(full_text=await expected_text(self.http, self.upstream, model, PROMPT))
        async with asyncio.timeout(TIMEOUT), Client(self.address, transport=transport) as client:
            if case.warmed:
                async for _ in await client.start(PROMPT, model=WARM):
                    pass
            answer = await client.start(PROMPT, model=model)
            async for event in answer:
                observed.events.append(event)
            observed.text, observed.terminal = answer.text, answer.terminal
            observed.attachments = answer.attachments
            await self._observe_upstream(observed, case, f'seed={seed}"'.encode())
            await self._compare_logs(observed, answer.id)
        return observed

    async def _observe_upstream(self, observed: Observed, case: Case, mark: bytes) -> None:
        """Record what reached the upstream; wait for the end of the connection if the case expects one."""
        connections = [connection for connection in self.proxy.connections if connection.calls(mark)]
        observed.calls = sum(connection.calls(mark) for connection in connections)
        if not connections:
            return
        waits = case.ended_by is not None and case.ended_by != "either"
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while waits and connections[-1].ended_by is None:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pass
        # The call of another case may have reused the connection already, and its fault may have ended it.
        if not connections[-1].was_reused_after(mark):
            observed.ended_by = connections[-1].ended_by

    async def _compare_logs(self, observed: Observed, generation_id: str) -> None:
        """Compare what the client got with both transports' replay and with the snapshot."""
        by_sse = await read_over_sse(self.http, self.address, generation_id)
        by_websocket = await read_over_websocket(self.http, self.address, generation_id)
        async with self.http.get(f"{self.address}/api/generations/{generation_id}") as response:
            snapshot = await response.json()
        observed.problems += log_problems(by_sse) + log_problems(by_websocket)
        if merge_text(by_sse) != merge_text(by_websocket):
            observed.problems.append("SSE and WebSocket replay different events")
        for name, text in {"the log": text_of(by_sse), "the snapshot": snapshot["text"]}.items():
            if text != observed.text:
                observed.problems.append(f"{name} has {len(text)} characters, the client got {len(observed.text)}")


def deviations(case: Case, observed: Observed) -> list[str]:
    """Return the differences between what was observed and what the case expects."""
    checks: list[tuple[str, object, object]] = [
        ("problems of the log", observed.problems, []),
        ("reconnects of the client", observed.attachments, 0),
        ("calls", observed.calls, case.calls),
        ("retries", [retry.code for retry in observed.retries], [*case.expected.retried]),
    ]
    if case.ended_by != "either":
        checks.append(("connection ended by", observed.ended_by, case.ended_by))
    elif observed.ended_by not in {None, "client", "server"}:
        checks.append(("connection ended by", observed.ended_by, "either"))
    checks += _end_checks(case.expected, observed.terminal) + _text_checks(case.expected, observed)
    if case.usage_unknown and isinstance(observed.terminal, Error):
        usage = observed.terminal.usage
        is_zero = usage is not None and usage.source == "exact" and usage.output_tokens == 0
        checks.append(("usage is an exact 0", is_zero, False))
    waits = [retry.delay_ms for retry in observed.retries]
    if max(waits, default=0) < case.expected.min_longest_wait_ms:
        checks.append(("waits before retries", waits, case.expected.min_longest_wait_ms))
    return [f"{name}: {got!r}, expected {wanted!r}" for name, got, wanted in checks if got != wanted]


def _end_checks(expected: Expected, terminal: Terminal | None) -> list[tuple[str, object, object]]:
    if expected.code is None:
        return [("terminal event", type(terminal), Complete)]
    if not isinstance(terminal, Error):
        return [("terminal event", terminal, expected.code)]
    return [
        ("code", terminal.code, expected.code),
        ("retryable", terminal.retryable, expected.retryable),
        ("partial", terminal.partial, expected.partial),
    ]


def _text_checks(expected: Expected, observed: Observed) -> list[tuple[str, object, object]]:
    text, full_text = observed.text, observed.full_text
    match expected.text:
        case "whole":
            return [("text", text, full_text)]
        case "none":
            return [("text", text, "")]
        case _:
            is_prefix = bool(text) and len(text) < len(full_text) and full_text.startswith(text)
            return [("text is a true prefix", is_prefix, True)]
