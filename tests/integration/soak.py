"""Everything at random for a set time, and what must hold nevertheless: `python -m tests.integration.soak`.

Clients on both transports start, read, stop, correct, leave, come back and change over, behind a network that resets,
to a provider that fails in every way it knows, behind another such network. Exit code 1 if anything did not hold.
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

from gateway.client import Answer, Client, Retries, TransportName
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Error, Event, Interrupted, Retry
from gateway.routing.model import Routing
from gateway.simulator.settings import Fault
from gateway.simulator.texts import Language
from tests.integration.faults.page import SOAK, write_section
from tests.integration.faults.proxy import BlackHole, ByteByByte, Latency, Mode, Pass, Proxy, Reset
from tests.integration.faults.replay import Shown, faults_of_log, joined, over_sse, over_websocket, text_of
from tests.integration.faults.servers import Gateway, busy, gateway, stats, until_idle
from tests.integration.servers import simulator_process

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
    "DUALSTREAM_RETENTION": "15",
    "DUALSTREAM_HEARTBEAT": "1",
    "DUALSTREAM_VIEWER_TIMEOUT": "3",
    "DUALSTREAM_MAX_OUTPUT_BYTES": "100000",
}
PATIENCE = 90.0
"""Seconds after which a generation hangs: far above what all the limits allow together."""

IDLE_S = 3.0
"""Seconds of silence after which a client takes its connection for dead: some heartbeats, less than the retention."""

LINES = 80
"""Of what a gateway complains about, how much is shown."""

WARM_UP = 0.25
"""The part of the time in which memory may still grow."""

FLAT = 1.15
FLAT_MB = 8.0
"""By how much memory may be above what it was after the warm-up: a factor, and megabytes."""

ROUTES = 40
"""Models of a run with routes."""

FEEDBACK = ("shorter, please", "in Vietnamese", "as code", "once more")
ACTIONS = ("read", "interrupt", "revise", "stop", "note", "switch", "leave", "come back", "second viewer")


@dataclass(slots=True)
class Tally:
    """What happened."""

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
    most: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


class Soak:
    """One run."""

    def __init__(self, seconds: float, seed: int, *, routed: bool = False) -> None:
        self.seconds = seconds
        self.seed = seed
        self.routed = routed
        self.tally = Tally()
        self._began = time.monotonic()
        self._chance = random.Random(seed)

    async def run(self) -> Tally:
        """Run it to its end."""
        with simulator_process() as upstream:
            async with Proxy(upstream) as behind:
                with self._gateway(behind.address) as ours:
                    async with Proxy(ours.address) as before, aiohttp.ClientSession() as http:
                        behind.choose(lambda: self._weather(0.06))
                        before.choose(lambda: self._weather(0.04))
                        await self._go(ours, before, behind, http)
                    ours.process.send_signal(signal.SIGTERM)
                    code = await asyncio.to_thread(ours.process.wait, 60)
                    self._expect(code == 0, f"exit code {code} after SIGTERM")
                    complaints = ours.complaints()
                    self._expect(not complaints, "on standard error:\n" + "\n".join(complaints[:LINES]))
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
        """Make models of two upstreams each, with routing, races and failover at random."""
        chance = self._chance
        gemini = upstream.replace("/v1", "/v1beta")
        lines = ["[providers.goes-on]", 'preset = "llamacpp"', f'base_url = "{upstream}"']
        lines += ["[providers.anew]", 'api = "gemini"', f'base_url = "{gemini}"']
        for number in range(ROUTES):
            lines += [f"[models.m{number}]", f'routing = "{chance.choice(get_args(Routing))}"']
            lines += [f"failover = {str(chance.random() < 0.7).lower()}"]
            lines += [chance.choice(("hedge = 0.05", "hedge = 0.2", 'hedge = "p95"'))] if chance.random() < 0.5 else []
            for at in range(2):
                lines += [
                    f"[[models.m{number}.upstreams]]",
                    chance.choice(('provider = "goes-on"', 'provider = "anew"')),
                ]
                lines += [
                    f'upstream_model = "{random_model(chance)}&seed={at}"',
                    f"max_concurrent = {chance.choice((0, 0, 3))}",
                ]
        return "\n".join(lines)

    async def _go(self, ours: Gateway, before: Proxy, behind: Proxy, http: aiohttp.ClientSession) -> None:
        self._began = time.monotonic()
        watching = asyncio.create_task(self._watch(ours, http))
        storming = asyncio.create_task(self._storm(before, behind))
        try:
            retries = Retries(start_failures=3, resume_failures=40, base_s=0.02, cap_s=0.3)
            async with (
                Client(before.address, transport="sse", retries=retries, idle_s=IDLE_S) as by_sse,
                Client(before.address, transport="ws", retries=retries, idle_s=IDLE_S) as by_socket,
            ):
                clients: dict[TransportName, Client] = {"sse": by_sse, "ws": by_socket}
                users = [_User(self, number, clients, ours.address, http) for number in range(CLIENTS)]
                await asyncio.gather(*(user.run() for user in users))
        finally:
            storming.cancel()
        figures = await until_idle(http, ours.address)
        self._expect(not busy(figures), f"left over: {busy(figures)}")
        watching.cancel()
        self.tally.memory.append((self.now, ours.megabytes()))

    @property
    def now(self) -> float:
        """Tell the seconds since it began."""
        return time.monotonic() - self._began

    @property
    def over(self) -> bool:
        """Tell whether nothing new is to be started."""
        return self.now >= self.seconds

    def violated(self, what: str) -> None:
        """Note what must not be."""
        self.tally.violations.append(f"{self.now:.1f} s: {what}")
        print(self.tally.violations[-1], file=sys.stderr, flush=True)

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.violated(otherwise)

    def _weather(self, share: float) -> Mode:
        """Choose what the network does to the next connection: nothing, mostly."""
        if self._chance.random() >= share:
            return Pass()
        size = self._chance.randrange(400, 8000)
        modes: list[Mode] = [Reset(), Reset(size), BlackHole(size), Latency(0.05), ByteByByte()]
        return self._chance.choice(modes)

    async def _storm(self, before: Proxy, behind: Proxy) -> None:
        """Now and then, cut all that is open."""
        while True:
            await asyncio.sleep(self._chance.uniform(3, 9))
            self.tally.cuts += self._chance.choice([before, before, behind]).cut()
            for proxy in (before, behind):
                # What is over is of no more interest here.
                proxy.connections.clear()

    async def _watch(self, ours: Gateway, http: aiohttp.ClientSession) -> None:
        """Look at the gateway's own figures all the while."""
        while True:
            figures = await stats(http, ours.address)
            self._expect(figures["active"] <= SLOTS, f"{figures['active']} active of {SLOTS}")
            self._expect(figures["queued"] <= QUEUE, f"{figures['queued']} queued of {QUEUE}")
            self._expect(figures["active"] + figures["queued"] <= figures["running"], f"counts disagree: {figures}")
            for name in ("active", "queued", "running", "viewers", "held"):
                self.tally.most[name] = max(self.tally.most[name], figures[name])
            self.tally.memory.append((self.now, ours.megabytes()))
            await asyncio.sleep(0.5)

    def judge_memory(self) -> None:
        """Compare what is held in the last quarter with what was held after the warm-up."""
        sizes = [size for at, size in self.tally.memory if self.seconds * WARM_UP <= at <= self.seconds]
        if len(sizes) < 8:
            return
        early, late = _median(sizes[: len(sizes) // 3]), _median(sizes[-len(sizes) // 3 :])
        self._expect(late <= early * FLAT + FLAT_MB, f"memory grew from {early:.1f} to {late:.1f} MB")


class _User:
    """One client that does one thing after another, at random."""

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
        self._chance = random.Random(f"{soak.seed}/{number}")

    async def run(self) -> None:
        while not self._soak.over:
            transport: TransportName = self._chance.choice(["sse", "ws"])
            action = self._chance.choice(ACTIONS)
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._one(transport, action)
            except TimeoutError:
                self._soak.violated(f"{action} over {transport} hangs")
            except Refused as refused:
                await self._was_refused(refused, f"{action} over {transport}")
            except Failed:
                # The network kept us away for longer than we are patient; the generation sees to itself.
                self._tally.refused["out of reach"] += 1
            # Not all at once, and now and then more than there is room for.
            await asyncio.sleep(self._chance.expovariate(8))

    async def _was_refused(self, refused: Refused, what: str) -> None:
        self._tally.refused[refused.code] += 1
        if refused.code is not Code.QUEUE_FULL:
            self._soak.violated(f"{what}: refused with {refused.code}: {refused}")

    async def _one(self, transport: TransportName, action: str) -> None:
        options = {"on_disconnect": self._chance.choice(["grace", "grace", "cancel", "continue"])}
        model = f"m{self._chance.randrange(ROUTES)}" if self._soak.routed else random_model(self._chance)
        answer = await self._clients[transport].start(f"Soak {self._chance.random()}", model=model, options=options)
        self._tally.generations += 1
        self._tally.actions[action] += 1
        turn = self._chance.randrange(1, 40)
        events = await _take(answer, turn)
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
                    await self._until_over(answer.id)
                case "come back":
                    await answer.aclose()
                    answer = self._clients[_other(transport)].attach(answer.id)
                    events = []
                case "second viewer":
                    await self._beside(answer, transport)
        if action != "leave":
            events += await _take(answer)
        self._tally.resumes += answer.attachments
        await self._check(answer, events, action)

    async def _interrupt(self, answer: Answer, events: list[Event]) -> None:
        sent = time.monotonic()
        if await answer.interrupt("soak"):
            events += await _take(answer)
            took = (time.monotonic() - sent) * 1000
            # Where the connection broke meanwhile, the network was measured, not the gateway.
            if isinstance(answer.terminal, Interrupted) and answer.terminal.by == "client" and not answer.attachments:
                self._tally.interrupts_ms.append(took)

    async def _feedback(self, answer: Answer, action: str) -> None:
        try:
            if action == "note":
                await answer.feedback(rating=1, mode="note")
            elif action == "stop":
                await answer.feedback("no more", mode="stop")
            else:
                await answer.feedback(self._chance.choice(FEEDBACK))
            self._tally.feedback += 1
        except Failed:
            # It may or may not have been taken: the log tells.
            self._tally.refused["feedback lost"] += 1
        except Refused as refused:
            # It ended meanwhile.
            if refused.code is not Code.ALREADY_OVER:
                raise
            self._tally.refused["already_over"] += 1

    async def _switch(self, answer: Answer, events: list[Event]) -> None:
        for _ in range(self._chance.randrange(1, 4)):
            await answer.switch(_other(answer.transport))
            self._tally.switches += 1
            events += await _take(answer, self._chance.randrange(1, 20))

    async def _beside(self, answer: Answer, transport: TransportName) -> None:
        """View it beside ourselves on the other transport, and leave that one half-way."""
        other = self._clients[_other(transport)].attach(answer.id)
        seen = await _take(other, self._chance.randrange(1, 60))
        await other.aclose()
        self._tally.events += len(seen)

    async def _until_over(self, generation_id: str) -> None:
        while (await self._snapshot(generation_id))["state"] not in {"complete", "interrupted", "error"}:
            await asyncio.sleep(0.1)

    async def _snapshot(self, generation_id: str) -> Shown:
        # By the gateway's own address: what is checked is not to be cut.
        async with self._http.get(f"{self._address}/api/generations/{generation_id}") as response:
            snapshot: Shown = await response.json()
            if response.status != 200:
                self._soak.violated(f"{generation_id} is lost: {snapshot}")
            return snapshot

    async def _check(self, answer: Answer, events: Sequence[Event], action: str) -> None:
        """Compare what the client saw with the snapshot, and with the log as each transport replays it."""
        tally, identity = self._tally, answer.id
        tally.events += len(events)
        tally.retries += sum(isinstance(event, Retry) for event in events)
        snapshot = await self._snapshot(identity)
        by_sse = await over_sse(self._http, self._address, identity)
        by_websocket = await over_websocket(self._http, self._address, identity)
        wrong = faults_of_log(by_sse) + faults_of_log(by_websocket)
        if joined(by_sse) != joined(by_websocket):
            wrong.append("the transports replay different events")
        text = text_of(by_sse)
        tally.characters += len(text)
        if snapshot["text"] != text:
            wrong.append(f"the snapshot has {len(str(snapshot['text']))} characters, the log {len(text)}")
        if snapshot["state"] != by_sse[-1]["type"] or snapshot["seq"] != by_sse[-1]["seq"]:
            wrong.append(f"the snapshot says {snapshot['state']} at {snapshot['seq']}, the log {by_sse[-1]}")
        if action != "leave":
            wrong += self._as_seen(answer, events, by_sse, text)
        elif not text.startswith(answer.text) and answer.revision == snapshot["revision"]:
            wrong.append("what was seen before leaving is not how the text begins")
        self._count_end(by_sse[-1])
        for one in wrong:
            self._soak.violated(f"{identity}, {action}, {answer.transport}: {one}")

    def _as_seen(self, answer: Answer, events: Sequence[Event], log: Sequence[Shown], text: str) -> list[str]:
        wrong = []
        if answer.terminal is None or answer.seq != log[-1]["seq"] or answer.terminal.type != log[-1]["type"]:
            wrong.append(f"seen to {answer.seq}, {answer.terminal}; the log ends with {log[-1]}")
        if answer.text != text:
            wrong.append(f"seen {len(answer.text)} characters, the log has {len(text)}")
        ends = [place for place, event in enumerate(events) if event.type in {"complete", "interrupted", "error"}]
        if ends != [len(events) - 1]:
            wrong.append(f"terminal events were seen at {ends} of {len(events)}")
        return wrong

    def _count_end(self, end: Shown) -> None:
        kind = str(end["type"])
        detail = end.get("code") or end.get("by")
        self._tally.ends[f"{kind} {detail}" if detail else kind] += 1
        if kind == "interrupted" and isinstance(end["cancel_ms"], float | int):
            self._tally.cancels_ms.append(float(end["cancel_ms"]))
        if kind == Error.type and detail == Code.SERVER_ERROR and "logged under" in str(end["message"]):
            self._soak.violated(f"a fault of the gateway's own: {end['message']}")


def random_model(chance: random.Random) -> str:
    """Choose how the simulator is to answer."""
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
            # Each byte by itself: a short text is enough.
            parts["length"] = 40
    return "sim?" + "&".join(f"{name}={value}" for name, value in parts.items())


async def _take(answer: Answer, most: int | None = None) -> list[Event]:
    """Read so many events, or all."""
    events: list[Event] = []
    if most is None or most > 0:
        async for event in answer:
            events.append(event)
            if most is not None and len(events) >= most:
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
    """Write the figures as Markdown."""
    tally = soak.tally
    sizes = [size for _, size in tally.memory]
    after = [size for at, size in tally.memory if at >= soak.seconds * WARM_UP]
    rows = [
        ("generations", f"{tally.generations:,}"),
        ("events seen by clients", f"{tally.events:,}"),
        ("characters", f"{tally.characters:,}"),
        ("connections cut by the networks' storms", f"{tally.cuts:,}"),
        ("connections to clients made anew", f"{tally.resumes:,}"),
        ("changes to the other transport", f"{tally.switches:,}"),
        ("feedback taken", f"{tally.feedback:,}"),
        ("`retry` events", f"{tally.retries:,}"),
        ("ends", _counts(tally.ends)),
        ("starts not taken, and what the network kept from us", _counts(tally.refused)),
        ("what clients did", _counts(tally.actions)),
        (
            f"interrupt sent → `interrupted` seen, through the proxy ({len(tally.interrupts_ms):,})",
            f"p50 {_percentile(tally.interrupts_ms, 0.5):.1f} ms, p99 {_percentile(tally.interrupts_ms, 0.99):.1f} ms",
        ),
        (
            f"`cancel_ms` of all interrupted ({len(tally.cancels_ms):,})",
            f"p50 {_percentile(tally.cancels_ms, 0.5):.2f}, p99 {_percentile(tally.cancels_ms, 0.99):.2f}",
        ),
        ("most at once", _counts(tally.most)),
        (
            "memory (RSS)",
            f"start {sizes[0]:.1f} MB, after the warm-up {after[0]:.1f}, peak {max(sizes):.1f}, end {sizes[-1]:.1f}",
        ),
        ("violations", f"{len(tally.violations)}"),
    ]
    head = (
        f"`python -m tests.integration.soak --seconds {soak.seconds:g} --seed {soak.seed}{' --routed' * soak.routed}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores (gateway, simulator and all clients on them), "
        f"Python {sys.version.split()[0]}. "
        f"{CLIENTS} clients at {SLOTS} slots and {QUEUE} places in the queue."
    )
    return "\n".join([head, "", "| figure | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common()) or "none"


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--routed", action="store_true", help="models of two upstreams, with races and failover")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    options = parser.parse_args()
    soak = Soak(options.seconds, options.seed, routed=options.routed)
    asyncio.run(soak.run())
    soak.judge_memory()
    figures = report(soak)
    print(figures)
    if options.write and not soak.tally.violations:
        write_section(SOAK, figures)
    return 1 if soak.tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
