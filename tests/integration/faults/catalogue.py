"""Run the catalogue: real processes, both transports, many cases at once."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import aiohttp

from gateway.client import Client, TransportName
from gateway.protocol.events import Complete, Error, Event, Retry, Terminal
from tests.integration.faults.cases import CASES, SETUPS, Case, Setup, Sight
from tests.integration.faults.proxy import Proxy, Side
from tests.integration.faults.replay import faults_of_log, joined, over_sse, over_websocket, text_at_the_source, text_of
from tests.integration.faults.servers import PROMPT, busy, gateway, until_idle
from tests.integration.servers import simulator_process

TRANSPORTS: Sequence[TransportName] = ("sse", "ws")
PATIENCE = 60.0
"""Seconds after which a case hangs; far above what any setting here allows, below what pytest does."""

SETTLING = 5.0
"""Seconds for the closing of a socket to be seen at its other end."""


@dataclass(slots=True)
class Observed:
    """What one run of a case showed."""

    events: list[Event] = field(default_factory=list)
    text: str = ""
    whole: str = ""
    terminal: Terminal | None = None
    attachments: int = 0
    calls: int = 0
    ended_by: Side | None = None
    faults: list[str] = field(default_factory=list)
    """What no log may have, and where the transports differ about it."""

    @property
    def retries(self) -> list[Retry]:
        """Give the `retry` events."""
        return [event for event in self.events if isinstance(event, Retry)]


@dataclass(slots=True)
class Results:
    """What the whole catalogue showed: by case and transport, and of each gateway after all of its cases."""

    seen: dict[tuple[str, TransportName], Observed] = field(default_factory=dict)
    left: dict[str, dict[str, int]] = field(default_factory=dict)
    complaints: dict[str, list[str]] = field(default_factory=dict)


async def run(cases: Sequence[Case] = CASES) -> Results:
    """Run cases: one gateway and one proxy for each setup, all setups at once."""
    results = Results()
    with simulator_process() as upstream:
        setups = [setup for setup in SETUPS if any(case.setup is setup for case in cases)]
        ours = [[case for case in cases if case.setup is setup] for setup in setups]
        await asyncio.gather(
            *(_Run(setup, upstream, results).run(some) for setup, some in zip(setups, ours, strict=True))
        )
    return results


class _Run:
    """The cases of one setup."""

    def __init__(self, setup: Setup, upstream: str, results: Results) -> None:
        self._setup = setup
        self._upstream = upstream
        self._results = results
        self._seed = SETUPS.index(setup) * 1000

    async def run(self, cases: Sequence[Case]) -> None:
        async with Proxy(self._upstream) as proxy, aiohttp.ClientSession() as http:
            with ExitStack() as stack:
                running = await asyncio.to_thread(stack.enter_context, gateway(proxy.address, self._setup.settings))
                one = _One(running.address, self._upstream, proxy, http)
                together = [case for case in cases if not case.alone]
                observed = await asyncio.gather(
                    *(one.observe(case, transport, self._next()) for case in together for transport in TRANSPORTS)
                )
                keys = [(case.name, transport) for case in together for transport in TRANSPORTS]
                self._results.seen.update(zip(keys, observed, strict=True))
                for case in cases:
                    if case.alone:
                        await self._alone(one, case)
                self._results.left[self._setup.name] = busy(await until_idle(http, running.address))
                self._results.complaints[self._setup.name] = running.complaints()

    async def _alone(self, one: "_One", case: Case) -> None:
        """Run a case while nothing else does; a plan of several modes is for one connection after another."""
        groups = [[transport] for transport in TRANSPORTS] if len(case.modes) > 1 else [TRANSPORTS]
        for transports in groups:
            await one.proxy.become(*case.modes)
            observed = await asyncio.gather(*(one.observe(case, transport, self._next()) for transport in transports))
            for transport, seen in zip(transports, observed, strict=True):
                self._results.seen[case.name, transport] = seen

    def _next(self) -> int:
        self._seed += 1
        return self._seed


@dataclass(frozen=True, slots=True)
class _One:
    """Runs one case on one transport. Its seed, last in the model's name, tells its calls from those of others."""

    address: str
    upstream: str
    proxy: Proxy
    http: aiohttp.ClientSession

    async def observe(self, case: Case, transport: TransportName, seed: int) -> Observed:
        model = f"{case.model}&seed={seed}"
        observed = Observed(whole=await text_at_the_source(self.http, self.upstream, model, PROMPT))
        async with asyncio.timeout(PATIENCE), Client(self.address, transport=transport) as client:
            answer = await client.start(PROMPT, model=model)
            async for event in answer:
                observed.events.append(event)
            observed.text, observed.terminal = answer.text, answer.terminal
            observed.attachments = answer.attachments
            await self._look_behind(observed, case, f'seed={seed}"'.encode())
            await self._read_again(observed, answer.id)
        return observed

    async def _look_behind(self, observed: Observed, case: Case, mark: bytes) -> None:
        """See what went out to the upstream; the end of a connection may still be on its way."""
        ours = [connection for connection in self.proxy.connections if connection.calls(mark)]
        observed.calls = sum(connection.calls(mark) for connection in ours)
        if not ours:
            return
        waits = case.ended_by is not None and case.ended_by != "either"
        try:
            async with asyncio.timeout(SETTLING):
                while waits and ours[-1].ended_by is None:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pass
        observed.ended_by = ours[-1].ended_by

    async def _read_again(self, observed: Observed, generation_id: str) -> None:
        by_sse = await over_sse(self.http, self.address, generation_id)
        by_websocket = await over_websocket(self.http, self.address, generation_id)
        async with self.http.get(f"{self.address}/api/generations/{generation_id}") as response:
            snapshot = await response.json()
        observed.faults += faults_of_log(by_sse) + faults_of_log(by_websocket)
        if joined(by_sse) != joined(by_websocket):
            observed.faults.append("SSE and WebSocket replay different events")
        for name, text in {"the log": text_of(by_sse), "the snapshot": snapshot["text"]}.items():
            if text != observed.text:
                observed.faults.append(f"{name} has {len(text)} characters, the client saw {len(observed.text)}")


def deviations(case: Case, observed: Observed) -> list[str]:
    """Say where what was observed is not what the case expects."""
    checks: list[tuple[str, object, object]] = [
        ("faults of the log", observed.faults, []),
        ("connections to the client made anew", observed.attachments, 0),
        ("calls", observed.calls, case.calls),
        ("retries", [retry.code for retry in observed.retries], [*case.sees.retried]),
    ]
    if case.ended_by != "either":
        checks.append(("connection ended by", observed.ended_by, case.ended_by))
    elif observed.ended_by not in {None, "client", "server"}:
        checks.append(("connection ended by", observed.ended_by, "either"))
    checks += _of_end(case.sees, observed.terminal) + _of_text(case.sees, observed)
    waits = [retry.delay_ms for retry in observed.retries]
    if max(waits, default=0) < case.sees.longest_wait_ms:
        checks.append(("waits before retries", waits, case.sees.longest_wait_ms))
    return [f"{what}: {got!r}, expected {wanted!r}" for what, got, wanted in checks if got != wanted]


def _of_end(sees: Sight, terminal: Terminal | None) -> list[tuple[str, object, object]]:
    if sees.code is None:
        return [("terminal event", type(terminal), Complete)]
    if not isinstance(terminal, Error):
        return [("terminal event", terminal, sees.code)]
    return [
        ("code", terminal.code, sees.code),
        ("retryable", terminal.retryable, sees.retryable),
        ("partial", terminal.partial, sees.partial),
    ]


def _of_text(sees: Sight, observed: Observed) -> list[tuple[str, object, object]]:
    text, whole = observed.text, observed.whole
    match sees.text:
        case "whole":
            return [("text", text, whole)]
        case "none":
            return [("text", text, "")]
        case _:
            is_prefix = bool(text) and len(text) < len(whole) and whole.startswith(text)
            return [("text is a true prefix", is_prefix, True)]
