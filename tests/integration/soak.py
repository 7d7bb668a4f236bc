"""Soak test: random actions and faults for a set time, and invariants: `python -m tests.integration.soak`.

Clients on both transports start, read, interrupt, give feedback, leave, reattach and change transports. Proxies with
random faults are between clients and gateway, and between gateway and provider; the provider simulates every fault, and
sends every odd stream of the fault suite.
The exit code is 1 if an invariant was violated.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import aiohttp

from gateway.client import Answer, Client, Retries, StartOptions, TransportName
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Error, Event, Interrupted, Retry
from gateway.routing.model import Routing
from gateway.simulator.settings import Fault
from gateway.simulator.texts import Language
from tests.integration.faults.page import SOAK, write_section
from tests.integration.faults.proxy import BlackHole, ByteByByte, Latency, Mode, Pass, Proxy, Reset
from tests.integration.faults.replay import (
    JsonObject,
    log_problems,
    merge_text,
    read_over_sse,
    read_over_websocket,
    text_of,
)
from tests.integration.faults.scripted_cases import ERRORS_IN_A_SUCCESS, ODD_STREAMS
from tests.integration.faults.scripted_provider import ScriptedProvider
from tests.integration.faults.servers import Gateway, gateway, nonzero, stats, until_idle
from tests.integration.servers import simulator_process

SCRIPTS = {case.requested.removesuffix("?"): case.answers for case in (*ERRORS_IN_A_SUCCESS, *ODD_STREAMS)}
"""Streams that the simulator would never send, by model: errors of any shape, early reasons, large events."""

SCRIPTED_SHARE = 0.1
"""Share of the starts that request one of them."""

SLOW_BYTES = 4_000
"""Bytes that arrive one by one in some responses.

Each takes a turn of the loop that all clients and proxies share: more would last longer than a generation is retained.
"""

SLOTS, QUEUE = 16, 24
CLIENTS = 48
SETTINGS = {
    "DUALSTREAM_MAX_CONCURRENT": str(SLOTS),
    "DUALSTREAM_MAX_QUEUE": str(QUEUE),
    "DUALSTREAM_QUEUE_TIMEOUT": "5",
    "DUALSTREAM_CONNECT_TIMEOUT": "2",
    "DUALSTREAM_FIRST_TOKEN_TIMEOUT": "2",
    "DUALSTREAM_STALL_TIMEOUT": "2",
    "DUALSTREAM_TOTAL_TIMEOUT": "20",
    "DUALSTREAM_MAX_ATTEMPTS": "3",
    "DUALSTREAM_RETRY_BASE": "0.1",
    "DUALSTREAM_BREAKER_FAILURES": "8",
    "DUALSTREAM_BREAKER_REST": "0.5",
    "DUALSTREAM_GRACE": "1",
    "DUALSTREAM_RETENTION": "30",
    "DUALSTREAM_HEARTBEAT": "1",
    "DUALSTREAM_VIEWER_TIMEOUT": "3",
    "DUALSTREAM_MAX_OUTPUT_BYTES": "100000",
}
TIMEOUT = 90.0
"""Seconds until a generation counts as hanging: far more than all limits together."""

IDLE_S = 3.0
"""Seconds of silence after which a client reconnects: several heartbeats, less than the retention."""

MAX_LINES = 80
"""Maximum lines of the gateway's standard error in a violation."""

WARM_UP = 0.25
"""Fraction of the time in which memory may grow."""

MAX_GROWTH = 1.15
MAX_GROWTH_MB = 8.0
"""Maximum growth of memory after the warm-up: a factor, plus megabytes."""

ROUTES = 40
"""Number of models in a run with routes."""

FEEDBACK = ("shorter, please", "in Vietnamese", "as code", "once more")
ACTIONS = ("read", "interrupt", "revise", "stop", "note", "switch", "leave", "reattach", "second viewer")


@dataclass(slots=True)
class Tally:
    """Counts of what happened."""

    generations: int = 0
    events: int = 0
    characters: int = 0
    resumes: int = 0
    switches: int = 0
    feedback: int = 0
    cuts: int = 0
    retries: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    interrupts_ms: list[float] = field(default_factory=list)
    cancels_ms: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    max_figures: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


class Soak:
    """One run."""

    def __init__(self, seconds: float, seed: int, *, routed: bool = False) -> None:
        self.seconds = seconds
        self.seed = seed
        self.routed = routed
        self.tally = Tally()
        self._started_at = time.monotonic()
        self._random = random.Random(seed)

    async def run(self) -> Tally:
        """Run to the end; return the counts."""
        with simulator_process() as simulator:
            async with (
                ScriptedProvider(SCRIPTS, simulator) as provider,
                Proxy(provider.address) as upstream_proxy,
            ):
                with self._gateway(upstream_proxy.address) as ours:
                    async with Proxy(ours.address) as client_proxy, aiohttp.ClientSession() as http:
                        upstream_proxy.set_chooser(lambda: self._random_mode(0.06))
                        client_proxy.set_chooser(lambda: self._random_mode(0.04))
                        await self._run_clients(ours, client_proxy, upstream_proxy, http)
                    ours.process.send_signal(signal.SIGTERM)
                    code = await asyncio.to_thread(ours.process.wait, 60)
                    self._expect(code == 0, f"exit code {code} after SIGTERM")
                    log_errors = ours.log_errors()
                    self._expect(not log_errors, "on standard error:\n" + "\n".join(log_errors[:MAX_LINES]))
        return self.tally

    @contextmanager
    def _gateway(self, upstream: str) -> Iterator[Gateway]:
        if not self.routed:
            with gateway(upstream, SETTINGS) as ours:
                yield ours
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "dualstream.toml"
            file.write_text(self._routes(upstream), "utf-8")
            with gateway(file, SETTINGS) as ours:
                yield ours

    def _routes(self, upstream: str) -> str:
        """Return the configuration of models with two upstreams each, and random routing, hedging and failover."""
        chance = self._random
        gemini = upstream.replace("/v1", "/v1beta")
        lines = ["[providers.continues]", 'preset = "llamacpp"', f'base_url = "{upstream}"']
        lines += ["[providers.restarts]", 'api = "gemini"', f'base_url = "{gemini}"']
        for number in range(ROUTES):
            lines += [f"[models.m{number}]", f'routing = "{chance.choice(get_args(Routing))}"']
            lines += [f"failover = {str(chance.random() < 0.7).lower()}"]
            lines += [chance.choice(("hedge = 0.05", "hedge = 0.2", 'hedge = "p95"'))] if chance.random() < 0.5 else []
            for seed in range(2):
                lines += [
                    f"[[models.m{number}.upstreams]]",
                    chance.choice(('provider = "continues"', 'provider = "restarts"')),
                ]
                lines += [
                    f'upstream_model = "{random_model(chance)}&seed={seed}"',
                    f"max_concurrent = {chance.choice((0, 0, 3))}",
                ]
        return "\n".join(lines)

    async def _run_clients(
        self, ours: Gateway, client_proxy: Proxy, upstream_proxy: Proxy, http: aiohttp.ClientSession
    ) -> None:
        self._started_at = time.monotonic()
        watching = asyncio.create_task(self._watch(ours, http))
        resetting = asyncio.create_task(self._reset_connections(client_proxy, upstream_proxy))
        try:
            retries = Retries(start_failures=3, resume_failures=40, base_s=0.02, cap_s=0.3)
            async with (
                Client(client_proxy.address, transport="sse", retries=retries, idle_s=IDLE_S) as by_sse,
                Client(client_proxy.address, transport="ws", retries=retries, idle_s=IDLE_S) as by_socket,
            ):
                clients: dict[TransportName, Client] = {"sse": by_sse, "ws": by_socket}
                users = [_User(self, number, clients, ours.address, http) for number in range(CLIENTS)]
                await asyncio.gather(*(user.run() for user in users))
        finally:
            resetting.cancel()
        figures = await until_idle(http, ours.address)
        self._expect(not nonzero(figures), f"left over: {nonzero(figures)}")
        watching.cancel()
        self.tally.memory.append((self.now, ours.megabytes()))

    @property
    def now(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started_at

    @property
    def is_over(self) -> bool:
        """Return True if nothing new may be started."""
        return self.now >= self.seconds

    def add_violation(self, message: str) -> None:
        """Record and print a violation."""
        self.tally.violations.append(f"{self.now:.1f} s: {message}")
        print(self.tally.violations[-1], file=sys.stderr, flush=True)

    def _expect(self, holds: bool, message: str) -> None:
        if not holds:
            self.add_violation(message)

    def _random_mode(self, probability: float) -> Mode:
        """Return the mode of the next connection: a fault with this probability."""
        if self._random.random() >= probability:
            return Pass()
        size = self._random.randrange(400, 8000)
        modes: list[Mode] = [Reset(), Reset(size), BlackHole(size), Latency(0.05), ByteByByte(SLOW_BYTES)]
        return self._random.choice(modes)

    async def _reset_connections(self, client_proxy: Proxy, upstream_proxy: Proxy) -> None:
        """Reset all open connections of a proxy every few seconds."""
        while True:
            await asyncio.sleep(self._random.uniform(3, 9))
            self.tally.cuts += self._random.choice([client_proxy, client_proxy, upstream_proxy]).reset_all()
            for proxy in (client_proxy, upstream_proxy):
                # Nothing here reads the records of old connections.
                proxy.connections.clear()

    async def _watch(self, ours: Gateway, http: aiohttp.ClientSession) -> None:
        """Check the gateway's figures twice a second."""
        while True:
            figures = await stats(http, ours.address)
            self._expect(figures["active"] <= SLOTS, f"{figures['active']} active of {SLOTS}")
            self._expect(figures["queued"] <= QUEUE, f"{figures['queued']} queued of {QUEUE}")
            self._expect(figures["active"] + figures["queued"] <= figures["running"], f"counts disagree: {figures}")
            for name in ("active", "queued", "running", "viewers", "held"):
                self.tally.max_figures[name] = max(self.tally.max_figures[name], figures[name])
            self.tally.memory.append((self.now, ours.megabytes()))
            await asyncio.sleep(0.5)

    def check_memory(self) -> None:
        """Compare the memory at the end with that after the warm-up."""
        sizes = [size for at, size in self.tally.memory if self.seconds * WARM_UP <= at <= self.seconds]
        if len(sizes) < 8:
            return
        early, late = _median(sizes[: len(sizes) // 3]), _median(sizes[-len(sizes) // 3 :])
        self._expect(late <= early * MAX_GROWTH + MAX_GROWTH_MB, f"memory grew from {early:.1f} to {late:.1f} MB")


class _User:
    """One client that repeats random actions."""

    def __init__(
        self,
        soak: Soak,
        number: int,
        clients: dict[TransportName, Client],
        address: str,
        http: aiohttp.ClientSession,
    ) -> None:
        self._soak = soak
        self._tally = soak.tally
        self._clients = clients
        self._address = address
        self._http = http
        self._random = random.Random(f"{soak.seed}/{number}")
        self._started_at = 0.0
        """When its newest generation was started."""

    async def run(self) -> None:
        while not self._soak.is_over:
            transport: TransportName = self._random.choice(["sse", "ws"])
            action = self._random.choice(ACTIONS)
            try:
                async with asyncio.timeout(TIMEOUT):
                    await self._act(transport, action)
            except TimeoutError:
                self._soak.add_violation(f"{action} over {transport} hangs")
            except Refused as refused:
                await self._count_refusal(refused, f"{action} over {transport}")
            except Failed:
                # The client gave up its retries; the generation's policy decides about the rest.
                self._tally.refused["unreachable"] += 1
            # Random pauses: sometimes there are more starts than the queue has places.
            await asyncio.sleep(self._random.expovariate(8))

    async def _count_refusal(self, refused: Refused, action: str) -> None:
        self._tally.refused[refused.code] += 1
        if refused.code is not Code.QUEUE_FULL:
            self._soak.add_violation(f"{action}: refused with {refused.code}: {refused}")

    async def _act(self, transport: TransportName, action: str) -> None:
        options: StartOptions = {"on_disconnect": self._random.choice(["grace", "grace", "cancel", "continue"])}
        model = f"m{self._random.randrange(ROUTES)}" if self._soak.routed else random_model(self._random)
        if not self._soak.routed and self._random.random() < SCRIPTED_SHARE:
            model = self._random.choice(list(SCRIPTS))
        self._started_at = time.monotonic()
        answer = await self._clients[transport].start(f"Soak {self._random.random()}", model=model, options=options)
        self._tally.generations += 1
        self._tally.actions[action] += 1
        events = await _read(answer, self._random.randrange(1, 40))
        if answer.terminal is None:
            match action:
                case "interrupt":
                    await self._interrupt(answer, events)
                case "revise" | "stop" | "note":
                    await self._feedback(answer, action)
                case "switch":
                    await self._switch(answer, events)
                case "leave":
                    await answer.aclose()
                    await self._wait_for_end(answer.id)
                case "reattach":
                    await answer.aclose()
                    answer = self._clients[_other(transport)].attach(answer.id)
                    events = []
                case "second viewer":
                    await self._view_twice(answer, transport)
        if action != "leave":
            events += await _read(answer)
        self._tally.resumes += answer.attachments
        await self._check(answer, events, action)

    async def _interrupt(self, answer: Answer, events: list[Event]) -> None:
        sent_at = time.monotonic()
        if await answer.interrupt("soak"):
            events += await _read(answer)
            took = (time.monotonic() - sent_at) * 1000
            # If the connection broke meanwhile, the time is the network's, not the gateway's.
            if isinstance(answer.terminal, Interrupted) and answer.terminal.by == "client" and not answer.attachments:
                self._tally.interrupts_ms.append(took)

    async def _feedback(self, answer: Answer, action: str) -> None:
        try:
            if action == "note":
                await answer.feedback(rating=1, mode="note")
            elif action == "stop":
                await answer.feedback("no more", mode="stop")
            else:
                await answer.feedback(self._random.choice(FEEDBACK))
            self._tally.feedback += 1
        except Failed:
            # It may have been accepted: only the log shows that.
            self._tally.refused["feedback lost"] += 1
        except Refused as refused:
            # The generation has ended meanwhile.
            if refused.code is not Code.ALREADY_OVER:
                raise
            self._tally.refused["already_over"] += 1

    async def _switch(self, answer: Answer, events: list[Event]) -> None:
        for _ in range(self._random.randrange(1, 4)):
            await answer.switch(_other(answer.transport))
            self._tally.switches += 1
            events += await _read(answer, self._random.randrange(1, 20))

    async def _view_twice(self, answer: Answer, transport: TransportName) -> None:
        """Attach a second viewer on the other transport, and close it before the end."""
        other = self._clients[_other(transport)].attach(answer.id)
        seen = await _read(other, self._random.randrange(1, 60))
        await other.aclose()
        self._tally.events += len(seen)

    async def _wait_for_end(self, generation_id: str) -> None:
        # One that is lost has no state.
        while (await self._snapshot(generation_id)).get("state", "error") not in {"complete", "interrupted", "error"}:
            await asyncio.sleep(0.1)

    async def _snapshot(self, generation_id: str) -> JsonObject:
        # Directly from the gateway: the check must not fail because of a proxy.
        async with self._http.get(f"{self._address}/api/generations/{generation_id}") as response:
            snapshot: JsonObject = await response.json()
            if response.status != 200:
                age = time.monotonic() - self._started_at
                self._soak.add_violation(f"{generation_id}, started {age:.1f} s ago, is lost: {snapshot}")
            return snapshot

    async def _check(self, answer: Answer, events: Sequence[Event], action: str) -> None:
        """Compare what the client got with the snapshot, and with each transport's replay of the log."""
        tally, generation_id = self._tally, answer.id
        tally.events += len(events)
        tally.retries += sum(isinstance(event, Retry) for event in events)
        snapshot = await self._snapshot(generation_id)
        if "state" not in snapshot:
            return
        by_sse = await read_over_sse(self._http, self._address, generation_id)
        by_websocket = await read_over_websocket(self._http, self._address, generation_id)
        wrong = log_problems(by_sse) + log_problems(by_websocket)
        if merge_text(by_sse) != merge_text(by_websocket):
            wrong.append("the transports replay different events")
        text = text_of(by_sse)
        tally.characters += len(text)
        if snapshot["text"] != text:
            wrong.append(f"the snapshot has {len(str(snapshot['text']))} characters, the log {len(text)}")
        if snapshot["state"] != by_sse[-1]["type"] or snapshot["seq"] != by_sse[-1]["seq"]:
            wrong.append(f"the snapshot has {snapshot['state']} at {snapshot['seq']}, the log {by_sse[-1]}")
        if action != "leave":
            wrong += self._compare(answer, events, by_sse, text)
        elif not text.startswith(answer.text) and answer.revision == snapshot["revision"]:
            wrong.append("the text before leaving is not a prefix of the final text")
        self._count_end(by_sse[-1])
        for message in wrong:
            self._soak.add_violation(f"{generation_id}, {action}, {answer.transport}: {message}")

    def _compare(self, answer: Answer, events: Sequence[Event], log: Sequence[JsonObject], text: str) -> list[str]:
        wrong = []
        if answer.terminal is None or answer.seq != log[-1]["seq"] or answer.terminal.type != log[-1]["type"]:
            wrong.append(f"read to {answer.seq}, {answer.terminal}; the log ends with {log[-1]}")
        if answer.text != text:
            wrong.append(f"read {len(answer.text)} characters, the log has {len(text)}")
        ends = [index for index, event in enumerate(events) if event.type in {"complete", "interrupted", "error"}]
        if ends != [len(events) - 1]:
            wrong.append(f"terminal events were read at {ends} of {len(events)}")
        return wrong

    def _count_end(self, end: JsonObject) -> None:
        kind = str(end["type"])
        detail = end.get("code") or end.get("by")
        self._tally.ends[f"{kind} {detail}" if detail else kind] += 1
        if kind == "interrupted" and isinstance(end["cancel_ms"], float | int):
            self._tally.cancels_ms.append(float(end["cancel_ms"]))
        if kind == Error.type and detail == Code.SERVER_ERROR and "logged under" in str(end["message"]):
            self._soak.add_violation(f"an internal error of the gateway: {end['message']}")


def random_model(chance: random.Random) -> str:
    """Return a random model with settings of the simulator."""
    parts = {
        "ttft": chance.choice([0, 20, 200]),
        "speed": chance.choice([0, 200, 500, 2000]),
        "length": chance.choice([40, 300, 1200]),
        "language": chance.choice(get_args(Language)),
        "reasoning": chance.choice([0, 0, 60]),
        "tool_calls": chance.choice([0, 0, 0, 2]),
        "usage": chance.choice(["asked", "off"]),
    }
    if chance.random() < 0.3:
        parts |= {"fault": chance.choice(get_args(Fault)), "after": chance.choice([0, 3, 10])}
        if parts["fault"] == "trickle":
            # Each byte is a write of its own: a short text is enough.
            parts["length"] = 40
    return "sim?" + "&".join(f"{name}={value}" for name, value in parts.items())


async def _read(answer: Answer, max_count: int | None = None) -> list[Event]:
    """Read at most `max_count` events, or all."""
    events: list[Event] = []
    if max_count is None or max_count > 0:
        async for event in answer:
            events.append(event)
            if max_count is not None and len(events) >= max_count:
                break
    return events


def _other(transport: TransportName) -> TransportName:
    return "ws" if transport == "sse" else "sse"


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def report(soak: Soak) -> str:
    """Return the figures as Markdown."""
    tally = soak.tally
    sizes = [size for _, size in tally.memory]
    after_warm_up = [size for at, size in tally.memory if at >= soak.seconds * WARM_UP]
    rows = [
        ("generations", f"{tally.generations:,}"),
        ("events received by clients", f"{tally.events:,}"),
        ("characters", f"{tally.characters:,}"),
        ("connections reset by the proxies", f"{tally.cuts:,}"),
        ("reconnects of clients", f"{tally.resumes:,}"),
        ("changes to the other transport", f"{tally.switches:,}"),
        ("feedback accepted", f"{tally.feedback:,}"),
        ("`retry` events", f"{tally.retries:,}"),
        ("ends", _counts(tally.ends)),
        ("starts refused, and requests lost in the network", _counts(tally.refused)),
        ("actions of clients", _counts(tally.actions)),
        (
            f"interrupt sent → `interrupted` received, through the proxy ({len(tally.interrupts_ms):,})",
            f"p50 {_percentile(tally.interrupts_ms, 0.5):.1f} ms, p99 {_percentile(tally.interrupts_ms, 0.99):.1f} ms",
        ),
        (
            f"`cancel_ms` of all interrupted ({len(tally.cancels_ms):,})",
            f"p50 {_percentile(tally.cancels_ms, 0.5):.2f}, p99 {_percentile(tally.cancels_ms, 0.99):.2f}",
        ),
        ("maximum at the same time", _counts(tally.max_figures)),
        (
            "memory (RSS)",
            f"start {sizes[0]:.1f} MB, after the warm-up {after_warm_up[0]:.1f}, "
            f"peak {max(sizes):.1f}, end {sizes[-1]:.1f}",
        ),
        ("violations", f"{len(tally.violations)}"),
    ]
    introduction = (
        f"`python -m tests.integration.soak --seconds {soak.seconds:g} --seed {soak.seed}{' --routed' * soak.routed}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores (shared by gateway, simulator and all clients), "
        f"Python {sys.version.split()[0]}. "
        f"{CLIENTS} clients, {SLOTS} slots, {QUEUE} places in the queue."
    )
    return "\n".join(
        [introduction, "", "| figure | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    )


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common()) or "none"


def main() -> int:
    """Run the soak test; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--routed", action="store_true", help="models with two upstreams, hedging and failover")
    parser.add_argument("--write", action="store_true", help="write the figures to docs/reports/reliability.md")
    options = parser.parse_args()
    soak = Soak(options.seconds, options.seed, routed=options.routed)
    asyncio.run(soak.run())
    soak.check_memory()
    figures = report(soak)
    print(figures)
    if options.write and not soak.tally.violations:
        write_section(SOAK, figures)
    return 1 if soak.tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
