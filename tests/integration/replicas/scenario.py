"""Many streams whose viewers move, while one gateway is killed and another one drained; then everything is counted."""

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from gateway.protocol.event_stream import EventStreamDecoder
from tests.integration.faults.replay import expected_text
from tests.integration.replicas.deployment import Deployment, Replica, StartError
from tests.integration.replicas.feeds import Clients, Start, decode_event
from tests.integration.replicas.transcript import JsonObject, Transcript
from tests.integration.replicas.viewers import Tally, Viewer

SECOND_VIEWERS: Final = 5
"""Every fifth generation has a second viewer, which moves by itself."""

LOST_CODES: Final = frozenset({"generation_lost", "shutting_down"})


@dataclass(frozen=True, slots=True)
class Plan:
    """A run. Times are in seconds from its beginning."""

    streams: int
    seed: int
    starts_within: float = 12.0
    kill_at: float = 10.0
    drain_at: float = 20.0
    deadline: float = 85.0
    characters: tuple[int, int] = (200, 600)
    speed: tuple[int, int] = (18, 26)
    """Characters a second."""


@dataclass(slots=True)
class Outcome:
    """What a run has shown."""

    plan: Plan
    tally: Tally = field(default_factory=Tally)
    viewers: int = 0
    generations: int = 0
    whole: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """Terminal events of generations whose text is not whole."""
    gaps: int = 0
    doubles: int = 0
    holes: int = 0
    hanging: int = 0
    logs: int = 0
    """Stored logs that were read again, each on every gateway."""
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, began: float, what: str) -> None:
        """Note what happened now."""
        self.notes.append(f"{time.monotonic() - began:.1f} s: {what}")


async def run(deployment: Deployment, plan: Plan) -> Outcome:
    """Run a plan; return what it has shown."""
    outcome = Outcome(plan)
    chance = random.Random(plan.seed)
    starts = [_start(number, plan, chance) for number in range(plan.streams)]
    async with Clients() as clients:
        texts = await _texts(clients.http, deployment.upstream, starts)
        viewers = [
            Viewer(number, start, Transcript(text), deployment, clients, outcome.tally)
            for number, (start, text) in enumerate(zip(starts, texts, strict=True))
        ]
        began = time.monotonic()
        tasks = [asyncio.create_task(_later(chance.uniform(0, plan.starts_within), viewer)) for viewer in viewers]
        seconds = [viewer for viewer in viewers if not viewer.number % SECOND_VIEWERS]
        others = [_second(viewer, deployment, clients, outcome.tally, plan) for viewer in seconds]
        tasks += [asyncio.create_task(_follow(first, second)) for first, second in zip(seconds, others, strict=True)]
        events = asyncio.create_task(_events(deployment, plan, chance, outcome, began))
        await asyncio.wait(tasks, timeout=plan.deadline)
        outcome.hanging = sum(not task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                outcome.problems.append(f"a viewer failed: {result!r}")
        await events
        outcome.seconds = time.monotonic() - began
        await _judge(outcome, [*viewers, *others], deployment, clients.http)
    return outcome


def _start(number: int, plan: Plan, chance: random.Random) -> Start:
    settings = f"ttft=100&speed={chance.randint(*plan.speed)}&length={chance.randint(*plan.characters)}"
    return Start(f"Stream {number} of run {plan.seed}", f"sim?{settings}", f"run-{plan.seed}-stream-{number}")


async def _texts(http: aiohttp.ClientSession, upstream: str, starts: Sequence[Start]) -> Sequence[str]:
    return [await expected_text(http, upstream, start.model, start.prompt) for start in starts]


def _second(first: Viewer, deployment: Deployment, clients: Clients, tally: Tally, plan: Plan) -> Viewer:
    transcript = Transcript(first.transcript.expected)
    return Viewer(first.number + plan.streams, first.start, transcript, deployment, clients, tally)


async def _later(delay: float, viewer: Viewer) -> None:
    await asyncio.sleep(delay)
    await viewer.run()


async def _follow(first: Viewer, second: Viewer) -> None:
    while not first.transcript.generation_id:
        if first.error:
            return
        await asyncio.sleep(0.05)
    second.transcript.generation_id = first.transcript.generation_id
    await second.run()


async def _events(deployment: Deployment, plan: Plan, chance: random.Random, outcome: Outcome, began: float) -> None:
    """Kill one gateway and drain another one; each is started again."""
    if len(deployment.replicas) < 2:
        return
    killed, drained = chance.sample(list(deployment.replicas), 2)
    try:
        await asyncio.gather(
            _kill(killed, began + plan.kill_at, outcome, began), _drain(drained, began + plan.drain_at, outcome, began)
        )
    except (StartError, subprocess.TimeoutExpired) as error:
        outcome.problems.append(str(error))


async def _kill(replica: Replica, at: float, outcome: Outcome, began: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
    await replica.kill()
    outcome.note(began, f"{replica.name} is killed with -9")
    await asyncio.sleep(2)
    await replica.restart()
    outcome.note(began, f"{replica.name} listens again")


async def _drain(replica: Replica, at: float, outcome: Outcome, began: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
    outcome.note(began, f"{replica.name} gets SIGTERM")
    replica.signal(signal.SIGTERM)
    code = await asyncio.to_thread(replica.wait, 60)
    outcome.note(began, f"{replica.name} has ended with {code}")
    await replica.restart()
    outcome.note(began, f"{replica.name} listens again")


async def _judge(
    outcome: Outcome, viewers: Sequence[Viewer], deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    outcome.viewers = len(viewers)
    by_generation: dict[str, list[Viewer]] = {}
    for viewer in viewers:
        by_generation.setdefault(viewer.transcript.generation_id, []).append(viewer)
        transcript = viewer.transcript
        outcome.gaps += transcript.gaps
        outcome.doubles += len(transcript.doubles)
        outcome.holes += len(transcript.holes)
        problems = [*transcript.problems(), *([f"refused: {viewer.error}"] if viewer.error else [])]
        outcome.problems += [f"viewer {viewer.number}, {transcript.generation_id}: {problem}" for problem in problems]
    for generation_id, watching in by_generation.items():
        outcome.generations += 1
        transcript = watching[0].transcript
        if transcript.is_whole:
            outcome.whole += 1
        elif transcript.end is not None:
            outcome.ended[str(transcript.end.get("code") or transcript.end["type"])] += 1
        if transcript.end is not None:
            found = _differences([viewer.transcript for viewer in watching])
            found += await _stored_problems(http, deployment, transcript)
            outcome.logs += len(deployment.replicas)
            outcome.problems += [f"{generation_id}: {problem}" for problem in found]
    others = {code for code in outcome.ended if code not in LOST_CODES}
    if others:
        outcome.problems.append(f"ends that nothing here explains: {sorted(others)}")


def _differences(transcripts: Sequence[Transcript]) -> list[str]:
    first = transcripts[0]
    return [
        f"two viewers have read {len(first.text)} and {len(other.text)} characters, {first.end} and {other.end}"
        for other in transcripts[1:]
        if other.end is not None and (other.text, other.end.get("type")) != (first.text, (first.end or {}).get("type"))
    ]


async def _stored_problems(http: aiohttp.ClientSession, deployment: Deployment, transcript: Transcript) -> list[str]:
    """Compare what was read with the snapshot and the log that each gateway returns."""
    problems = []
    for replica in deployment.replicas:
        path = f"{replica.address}/api/generations/{transcript.generation_id}"
        async with http.get(path) as response:
            snapshot: JsonObject = await response.json()
        end = transcript.end or {}
        if response.status != 200:
            problems.append(f"{replica.name} answers {response.status} {snapshot}")
            continue
        if (snapshot["text"], snapshot["state"], snapshot["seq"]) != (transcript.text, end["type"], transcript.seq):
            kept = f"{len(str(snapshot['text']))} characters, {snapshot['state']} at {snapshot['seq']}"
            problems.append(
                f"{replica.name} has {kept}; read {len(transcript.text)}, {end['type']} at {transcript.seq}"
            )
        problems += [f"{replica.name}: {problem}" for problem in await _log_problems(http, path, transcript)]
    return problems


async def _log_problems(http: aiohttp.ClientSession, path: str, transcript: Transcript) -> Sequence[str]:
    async with http.get(f"{path}/events") as response:
        data = await response.read()
    log = Transcript(transcript.expected)
    for sent in EventStreamDecoder(32 << 20).feed(data):
        log.receive(decode_event(sent))
    problems = list(log.problems())
    if log.text != transcript.text:
        problems.append(f"its log has {len(log.text)} characters, {len(transcript.text)} were read")
    return problems
